//! Injection of faults at the n-th call, and the record of all calls.

use crate::routes::Verb;

/// A fault injected into one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The operator's process dies before the server receives the call. Every later call of the same client fails
    /// too. A new [`crate::FakeApi::client`] simulates the restarted process.
    CrashBefore,
    /// The operator's process dies after the server has processed the call. Every later call of the same client fails
    /// too.
    CrashAfter,
    /// The connection breaks before the server receives the call. Later calls are not affected.
    ConnectionLostBefore,
    /// The connection breaks after the server has processed the call, so that the answer is lost. Later calls are not
    /// affected.
    ConnectionLostAfter,
    /// The server refuses the call with this HTTP code (409, 429, 500, 503, …) and changes nothing.
    Status(u16),
    /// The call is never answered and never processed.
    Hang,
    /// The request is delayed in the network until `FakeApi::arrive`, which processes it even if its client has
    /// crashed.
    Held,
}

/// One request as the server received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub verb: Verb,
    /// The type, such as `deployments.apps`; the path of the request if no such type is served.
    pub resource: String,
    pub namespace: String,
    pub name: String,
    /// Subresource of the request: empty or `status`.
    pub subresource: String,
    pub path: String,
    /// Value of the query parameter `fieldManager`; empty for reads.
    pub manager: String,
    /// Whether the call changed the store.
    pub changed: bool,
    /// The HTTP status code; 0 if the client received no answer.
    pub code: u16,
    pub fault: Option<Fault>,
}

/// The calls counted for a planned fault. Watches are never counted, because clients renew them at arbitrary times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedCalls {
    All,
    Writes,
}

#[derive(Debug, Clone)]
struct Plan {
    count: CountedCalls,
    /// Number of matching calls until the fault is due, including the call with the fault.
    left: usize,
    fault: Fault,
}

/// Planned faults and recorded calls.
#[derive(Debug, Default)]
pub struct Faults {
    plans: Vec<Plan>,
    pub calls: Vec<Call>,
    /// Requests with an unknown path or an unreadable body, which no test makes on purpose.
    pub unexpected: Vec<String>,
}

impl Faults {
    /// Plans `fault` for the n-th matching call from now, counted from 1.
    pub fn plan(&mut self, count: CountedCalls, n: usize, fault: Fault) {
        assert!(n > 0, "calls are counted from 1");
        self.plans.push(Plan {
            count,
            left: n,
            fault,
        });
    }

    /// Number of planned faults that no call has reached.
    pub fn pending(&self) -> usize {
        self.plans.len()
    }

    pub fn clear(&mut self) {
        self.plans.clear();
    }

    /// Counts one call and returns the fault planned for it, if any.
    pub fn next(&mut self, verb: Verb) -> Option<Fault> {
        if verb == Verb::Watch {
            return None;
        }
        let mut due = None;
        for plan in &mut self.plans {
            if plan.count == CountedCalls::All || verb.is_write() {
                plan.left -= 1;
            }
            if plan.left == 0 && due.is_none() {
                due = Some(plan.fault);
            }
        }
        self.plans.retain(|plan| plan.left > 0);
        due
    }
}
