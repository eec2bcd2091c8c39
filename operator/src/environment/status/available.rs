//! Finding for condition `Available`. All functions are pure.

use crokodial_crds::Reason;
use crokodial_crds::condition::whole_seconds;
use jiff::{SignedDuration, Timestamp};

use crate::environment::decide::Step;
use crate::environment::finding::Finding;
use crate::uptime::{ProbeSummary, ProbeVerdict, UnknownCause};

/// Time since the start of probing after which it is reported that the probes cannot measure the site.
const FIRST_RESULT_TIMEOUT: SignedDuration = SignedDuration::from_secs(15);

/// Returns the finding for condition `Available`: True if pods are ready and the probes give no other finding,
/// whichever release serves. Otherwise the message names the cause.
pub fn available(step: &Step, probes: Option<&ProbeSummary>, now: Timestamp) -> Finding {
    let load = &step.workload;
    match step.serving {
        Some(n) if load.available > 0 => {
            let pods = match load.available {
                1 => "1 pod is ready".to_owned(),
                many => format!("{many} pods are ready"),
            };
            measured(&pods, probes, now).unwrap_or_else(|| {
                Finding::yes(Reason::Serving, format!("{pods}, release {n} serves"))
            })
        }
        _ if step.replicas == 0 && load.desired == 0 && step.last_good.is_some() => {
            Finding::no(Reason::ScaledToZero, "runtime.replicas is 0")
        }
        _ if step.last_good.is_none() => {
            Finding::unknown(Reason::NeverDeployed, "no release of it was ever good")
        }
        _ => Finding::no(Reason::Down, "no pod is ready"),
    }
}

/// Returns a finding if the probes fail although pods are ready, or if they cannot measure the site; otherwise `None`.
/// While probing is starting, probes that cannot measure are not reported, so that a restart of the operator changes no
/// condition.
fn measured(pods: &str, probes: Option<&ProbeSummary>, now: Timestamp) -> Option<Finding> {
    let probes = probes?;
    match probes.verdict {
        ProbeVerdict::Answering => None,
        ProbeVerdict::Failing(failing) => Some(Finding::no(
            Reason::Down,
            format!(
                "{pods}, but the site {} since {} when asked through its Service",
                failing.bad,
                whole_seconds(failing.since).0
            ),
        )),
        ProbeVerdict::Unmeasured(UnknownCause::Starting) => None,
        ProbeVerdict::Unmeasured(_) if now.duration_since(probes.began) < FIRST_RESULT_TIMEOUT => {
            None
        }
        ProbeVerdict::Unmeasured(why) => Some(Finding::unknown(
            Reason::Unknown,
            format!("{pods}, but the site could not be asked: {why}"),
        )),
    }
}

#[cfg(test)]
#[path = "available_tests.rs"]
mod tests;
