//! Injection of faults into API calls, and the record of calls.

use std::collections::BTreeSet;

use crate::routes::{Route, Verb};
use crate::status::ApiError;

/// Fault that is injected into one API call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The operator process crashes before the server receives the call. All later calls of this client fail too. A new
    /// [`crate::FakeApi::client`] represents the restarted process.
    CrashBefore,
    /// The operator process crashes after the server has processed the call. All later calls of this client fail too.
    CrashAfter,
    /// The connection breaks before the server receives the call. Later calls are unaffected.
    ConnectionLostBefore,
    /// The connection breaks after the server has processed the call, so the response is lost. Later calls are
    /// unaffected.
    ConnectionLostAfter,
    /// The server rejects the call with this HTTP status code, such as 409 or 503, and changes nothing.
    Status(u16),
    /// The server never processes the call and never responds.
    Hang,
    /// The request is delayed in the network until `FakeApi::arrive` is called. The server then processes it even if
    /// the client has crashed.
    Held,
}

impl Fault {
    /// Returns true if the fault ends the operator's process.
    pub fn ends_the_process(self) -> bool {
        matches!(self, Self::CrashBefore | Self::CrashAfter)
    }
}

/// Recorded API call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub verb: Verb,
    /// Resource type, such as `deployments.apps`.
    pub resource: String,
    pub namespace: String,
    pub name: String,
    /// Subresource of the request: empty or `status`.
    pub subresource: String,
    pub path: String,
    /// Value of the query parameter `fieldManager`, or `unknown` if it is missing; empty for reads.
    pub manager: String,
    /// True if the call changed the store.
    pub changed: bool,
    /// HTTP status code of the response; 0 if the client received none. A watch always has the code 200.
    pub code: u16,
    pub fault: Option<Fault>,
}

/// Calls that are counted for a planned fault. Watches are never counted, because clients renew them at arbitrary
/// times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedCalls {
    All,
    Writes,
}

#[derive(Debug, Clone)]
struct Plan {
    count: CountedCalls,
    /// Number of counted calls until the fault occurs, including the call with the fault.
    left: usize,
    fault: Fault,
}

/// Rule by which the server refuses creates and changes of objects, like a quota or an admission policy.
#[derive(Debug, Clone)]
struct RefusalRule {
    resource: String,
    name: String,
    error: ApiError,
}

/// Planned faults, and the record of calls.
#[derive(Debug, Default)]
pub struct Faults {
    plans: Vec<Plan>,
    rules: Vec<RefusalRule>,
    pub calls: Vec<Call>,
    /// Requests that could not be parsed, for example because of an unknown path or an invalid body.
    pub unexpected: Vec<String>,
    /// Namespaces in which the clients have no rights: all their calls there are answered with 403.
    pub forbidden: BTreeSet<String>,
}

impl Faults {
    /// Plans `fault` for the `n`-th counted call from now, counting from 1.
    pub fn plan(&mut self, count: CountedCalls, n: usize, fault: Fault) {
        assert!(n > 0, "calls are counted from 1");
        self.plans.push(Plan {
            count,
            left: n,
            fault,
        });
    }

    /// Refuses creates and changes of this object with `error` from now on. `name` is empty for all objects of the type.
    pub fn refuse(&mut self, resource: &str, name: &str, error: ApiError) {
        self.rules.push(RefusalRule {
            resource: resource.to_owned(),
            name: name.to_owned(),
            error,
        });
    }

    /// Removes all rules that [`Self::refuse`] added.
    pub fn allow(&mut self) {
        self.rules.clear();
    }

    /// Returns the error with which the fault or a rule refuses this request, if any.
    pub fn refusal(&self, fault: Option<Fault>, route: &Route) -> Option<ApiError> {
        if let Some(Fault::Status(code)) = fault {
            return Some(ApiError::injected(code));
        }
        let writes = route.verb.is_write() && route.verb != Verb::Delete;
        let named = route.body["metadata"]["name"].as_str().unwrap_or_default();
        let rule = self.rules.iter().find(|rule| {
            rule.resource == route.resource.plural
                && [route.name.as_str(), named, ""].contains(&rule.name.as_str())
        });
        rule.filter(|_| writes && route.subresource.is_empty())
            .map(|rule| rule.error.clone())
    }

    /// Returns the number of planned faults that have not occurred yet.
    pub fn pending(&self) -> usize {
        self.plans.len()
    }

    pub fn clear(&mut self) {
        self.plans.clear();
    }

    /// Counts one call, and returns the fault to inject into it, if any.
    pub fn next(&mut self, verb: Verb, namespace: &str) -> Option<Fault> {
        if self.forbidden.contains(namespace) {
            return Some(Fault::Status(403));
        }
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
