//! New values of `config.secretRefs` are tried by one pod before the pods that serve read them. Pure.
//!
//! The values wait in the Secret `<env>-config-candidate`, which also keeps the verdict against them: a value that
//! failed is not tried again until it changes, or another release serves.

use std::time::Duration;

use crokodial_crds::{EnvironmentSpec, Reason};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;

use super::credentials::{self, Active, Data};
use super::decide::serving::serving;
use super::finding::Finding;
use super::model::annotations::{GENERATION, RELEASE, SINCE, VERDICT};
use super::model::observed::Observed;
use crate::release::faults::{self, Fault, Scene};
use crate::release::record::{Record, last_good};
use crate::release::workload::{PodView, Workload};
use crate::smoke::SmokeResult;

/// Values on trial: the content of `<env>-config-candidate`.
#[derive(Clone, PartialEq)]
pub struct Staged {
    /// The values.
    pub data: Data,
    /// Their counter; above that of the values in use.
    pub generation: i64,
    /// The release whose template tries them.
    pub release: i64,
    /// Since when.
    pub since: Timestamp,
    /// Why they do not work; `None` while that is not known.
    pub verdict: Option<String>,
}

/// Values stand in `data`: they are not printed.
impl std::fmt::Debug for Staged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staged")
            .field("generation", &self.generation)
            .field("release", &self.release)
            .field("verdict", &self.verdict)
            .finish_non_exhaustive()
    }
}

/// What is done about the values.
#[derive(Clone, Debug)]
pub struct ConfigTrial {
    /// The copy in use.
    pub active: Active,
    /// Values on trial, or found not to work; `None`: there are none.
    pub staged: Option<Staged>,
    /// When time alone changes the answer.
    pub next: Option<Timestamp>,
}

impl ConfigTrial {
    /// The values that a pod is to try now.
    pub fn wanted(&self) -> Option<&Staged> {
        self.staged.as_ref().filter(|s| s.verdict.is_none())
    }

    fn settled(active: Active) -> Self {
        Self {
            active,
            staged: None,
            next: None,
        }
    }
}

/// Times that a trial depends on.
#[derive(Clone, Copy, Debug)]
pub struct TrialClock {
    /// How long a trial may take.
    pub deadline: Duration,
    /// Since when this process looks after the environment.
    pub leader_since: Timestamp,
    /// Now.
    pub now: Timestamp,
}

/// Where no release is good yet, and where the copy in use is missing, the values are taken as they are: nothing
/// serves that they could harm.
pub fn decide(spec: &EnvironmentSpec, seen: &Observed, clock: TrialClock) -> ConfigTrial {
    let live = seen.children.config_active();
    let taken = credentials::config(spec, &seen.config_secrets, live);
    let Some(values) = taken.advance.clone() else {
        return ConfigTrial::settled(taken);
    };
    let (Some(live), Some(release)) = (live, tries(seen)) else {
        return ConfigTrial::settled(taken);
    };
    if live.data.clone().unwrap_or_default() == values {
        return ConfigTrial::settled(taken);
    }
    let staged = staged(values, release, live, seen, clock.now);
    let kept = |finding| credentials::stay(finding, Some(live));
    let (active, verdict, next) = match judge(&staged, seen, clock) {
        Verdict::Works => {
            let mut active = taken;
            active.generation = staged.generation;
            (active, None, None)
        }
        Verdict::Fails(why) => {
            let what = format!("the newest values do not work with release {release}: {why}");
            let finding = Finding::no(Reason::CandidateFailed, what);
            (kept(finding), Some(why), None)
        }
        Verdict::Open(seen, next) => {
            let what = format!("the newest values are tried with release {release}: {seen}");
            let finding = Finding::unknown(Reason::CandidateRunning, what);
            (kept(finding), None, next)
        }
    };
    ConfigTrial {
        active,
        staged: Some(Staged { verdict, ..staged }),
        next,
    }
}

/// The release whose template tries values: the good one that serves, which a pin or a rollback may have put back.
fn tries(seen: &Observed) -> Option<i64> {
    let workload = Workload::of(seen.children.deployment());
    let good = |n: &i64| seen.records.iter().any(|r| r.number() == *n && r.good());
    serving(seen, &workload)
        .filter(good)
        .or_else(|| last_good(&seen.records).map(Record::number))
        .filter(|n| seen.frozen.contains_key(n))
}

enum Verdict {
    Works,
    Fails(String),
    Open(String, Option<Timestamp>),
}

/// What is on trial already if it is just this, else a new trial with a number of its own.
fn staged(data: Data, release: i64, live: &Secret, seen: &Observed, now: Timestamp) -> Staged {
    let known = seen.children.config_candidate();
    let note = |key: &str| known.and_then(|s| s.annotations().get(key).cloned());
    let number = |key: &str| note(key).and_then(|t| t.parse::<i64>().ok());
    let same = known.is_some_and(|s| s.data.clone().unwrap_or_default() == data)
        && number(RELEASE) == Some(release);
    let used = credentials::generation(Some(live));
    if let (true, Some(generation)) = (same, number(GENERATION).filter(|g| *g > used)) {
        return Staged {
            data,
            generation,
            release,
            since: note(SINCE).and_then(|t| t.parse().ok()).unwrap_or(now),
            verdict: note(VERDICT),
        };
    }
    Staged {
        data,
        generation: used.max(number(GENERATION).unwrap_or(0)).saturating_add(1),
        release,
        since: crokodial_crds::condition::whole_seconds(now).0,
        verdict: None,
    }
}

fn judge(staged: &Staged, seen: &Observed, clock: TrialClock) -> Verdict {
    if let Some(why) = &staged.verdict {
        return Verdict::Fails(why.clone());
    }
    let trying = seen.trials.of_config(staged.release, staged.generation);
    let pods: Vec<&PodView> = trying.iter().map(|p| &p.view).collect();
    let smoke = seen.trials.smoke.as_ref();
    let smoke = smoke.filter(|(uid, _)| trying.iter().any(|p| p.uid == *uid && p.view.ready));
    let site_ready = site_ready(seen, staged.release);
    let scene = Scene {
        pods: &pods,
        last_good_ready: site_ready,
        image_gone: false,
        since: staged.since.max(clock.leader_since),
        deadline: clock.deadline,
        excused: 0,
        now: clock.now,
    };
    let next = Some(faults::deadline_at(&scene)).filter(|at| *at > clock.now);
    let against = |why: String| {
        if site_ready {
            Verdict::Fails(why)
        } else {
            let what = format!("{why}, but the pods that serve are not ready either");
            Verdict::Open(what, next)
        }
    };
    match smoke.map(|(_, result)| result) {
        Some(SmokeResult::Passed { .. }) => return Verdict::Works,
        Some(SmokeResult::Failed { message }) => return against(message.clone()),
        Some(SmokeResult::Unreachable { message }) => return Verdict::Open(message.clone(), next),
        None => {}
    }
    if pods.iter().any(|p| p.ready) {
        return Verdict::Open("its pages are being checked".to_owned(), next);
    }
    match faults::rolling(&scene) {
        Some(Fault::Release(_, why)) => against(why),
        Some(Fault::Platform(why)) => Verdict::Open(why, next),
        None => Verdict::Open("a pod without traffic is being started".to_owned(), next),
    }
}

/// The old values work for the pods that serve; else a failure says nothing of the new ones.
fn site_ready(seen: &Observed, release: i64) -> bool {
    let mut of = seen
        .pods
        .iter()
        .filter(|p| p.release == Some(release) && !p.terminating);
    of.all(|p| p.ready)
}

/// Who has the one candidate pod.
#[derive(Clone, Debug, PartialEq)]
pub enum Slot<'a> {
    /// Nobody.
    Free,
    /// This release.
    Release(i64),
    /// These values.
    Config(&'a Staged),
}

/// Values go first where both wait: a release may need what was added for it. But a trial that has begun is not
/// interrupted, and one without an end does not keep a release, which may be the cure.
pub fn slot<'a>(
    release: Option<i64>,
    trial: &'a ConfigTrial,
    seen: &Observed,
    clock: TrialClock,
) -> Slot<'a> {
    let (release, values) = match (release, trial.wanted()) {
        (None, None) => return Slot::Free,
        (Some(release), None) => return Slot::Release(release),
        (None, Some(values)) => return Slot::Config(values),
        (Some(release), Some(values)) => (release, values),
    };
    let begun = !seen.trials.of_release(release).is_empty();
    let waited = Duration::try_from(clock.now.duration_since(values.since)).unwrap_or_default();
    if begun || waited >= clock.deadline {
        Slot::Release(release)
    } else {
        Slot::Config(values)
    }
}

#[cfg(test)]
#[path = "config_trial_tests.rs"]
mod tests;
