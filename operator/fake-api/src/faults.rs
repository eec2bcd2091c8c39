//! Faults at the n-th call, and the record of all calls.

use super::routes::Verb;

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The operator's process dies before the server saw the call. Every later call of the same client
    /// fails too: a new `client()` is the restarted process.
    CrashBefore,
    /// The same, but the server has done the call.
    CrashAfter,
    /// Only this call's connection breaks, before the server saw it.
    ConnectionLostBefore,
    /// Only this call's answer is lost: the server has done it.
    ConnectionLostAfter,
    /// The server refuses with this HTTP code (409, 429, 500, 503, …) and does nothing.
    Status(u16),
    /// No answer, ever, and nothing done.
    Hang,
    /// The request lies in the network until `FakeApi::arrive`, whatever became of its sender; then it is served.
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

/// Which calls a planned fault counts. Watches never count: they are re-made at times of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    All,
    Writes,
}

#[derive(Debug, Clone)]
struct Plan {
    count: Count,
    /// Matching calls still to pass, this one included.
    left: usize,
    fault: Fault,
}

/// Planned faults and what happened.
#[derive(Debug, Default)]
pub struct Faults {
    plans: Vec<Plan>,
    pub calls: Vec<Call>,
    /// Requests no test meant to make: unknown paths and unreadable bodies.
    pub unexpected: Vec<String>,
}

impl Faults {
    /// Plans `fault` for the n-th matching call from now, counted from 1.
    pub fn plan(&mut self, count: Count, n: usize, fault: Fault) {
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
            if plan.count == Count::All || verb.is_write() {
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
