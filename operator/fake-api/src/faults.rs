//! Fault injection at the n-th call, and the record of all calls.

use crate::routes::Verb;

/// A fault of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The operator's process dies before the server saw the call. Every later call of the same client
    /// fails too: a new `client()` is the restarted process.
    CrashBefore,
    /// The same, but after the server has processed the call.
    CrashAfter,
    /// Only this call's connection breaks, before the server saw it.
    ConnectionLostBefore,
    /// Only this call's answer is lost, after the server has processed it.
    ConnectionLostAfter,
    /// The server refuses with this HTTP code (409, 429, 500, 503, …) and does nothing.
    Status(u16),
    /// The call is never answered and never processed.
    Hang,
    /// The request is delayed in the network until `FakeApi::arrive`; it is then processed, even if its sender is gone.
    Held,
}

/// One request as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub verb: Verb,
    /// `deployments.apps`, or the path when it is unknown.
    pub resource: String,
    pub namespace: String,
    pub name: String,
    /// Empty or `status`.
    pub subresource: String,
    pub path: String,
    /// `fieldManager`; empty for reads.
    pub manager: String,
    /// The store changed.
    pub changed: bool,
    /// The HTTP code; 0 when the client saw none.
    pub code: u16,
    pub fault: Option<Fault>,
}

/// The calls that a planned fault counts. Watches never count: they are renewed at arbitrary times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedCalls {
    All,
    Writes,
}

#[derive(Debug, Clone)]
struct Plan {
    count: CountedCalls,
    /// Matching calls still to pass, this one included.
    left: usize,
    fault: Fault,
}

/// Planned faults, and the calls so far.
#[derive(Debug, Default)]
pub struct Faults {
    plans: Vec<Plan>,
    pub calls: Vec<Call>,
    /// Requests that no test intended: unknown paths and unreadable bodies.
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

    /// Faults planned and not reached yet.
    pub fn pending(&self) -> usize {
        self.plans.len()
    }

    pub fn clear(&mut self) {
        self.plans.clear();
    }

    /// Counts one call and returns the fault that is due.
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
