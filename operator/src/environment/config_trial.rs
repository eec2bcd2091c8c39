//! Trial of new values of `config.secretRefs`: one candidate pod runs with them before the serving pods get them. All
//! functions are pure.
//!
//! During the trial, the values are stored in the Secret `<env>-config-candidate`. If they fail, the cause is recorded
//! in this Secret, and no new trial starts until the values or the release to try them with change.

use std::time::Duration;

use crokodial_crds::{EnvironmentSpec, Reason};
use jiff::Timestamp;
use kube::ResourceExt;

use super::credentials::{self, Active, Data};
use super::decide::serving::serving;
use super::finding::Finding;
use super::model::annotations::{GENERATION, RELEASE, SINCE, VERDICT};
use super::model::observed::Observed;
use super::pod_secret::{self, Experience, PodSecret, RolledContent};
use super::secret_names;
use crate::release::faults::{self, PodEvidence, RolloutFault};
use crate::release::machine::{ImageCheck, later};
use crate::release::record::{Record, last_good};
use crate::release::workload::{self, PodView, Workload};
use crate::smoke::SmokeResult;

/// New values of `config.secretRefs` and the state of their trial, as stored in the Secret `<env>-config-candidate` and
/// its annotations.
#[derive(Clone, PartialEq)]
pub struct Staged {
    /// Config values, keyed by the name of their environment variable.
    pub data: Data,
    /// Keyed fingerprint of the config values.
    pub mark: String,
    /// Generation number of the config values on trial; larger than the generation number of the values in use.
    pub generation: i64,
    /// Number of the release whose pod template is used for the trial.
    pub release: i64,
    /// Start of the trial.
    pub since: Timestamp,
    /// Cause of the failure; `None` if the trial has not failed.
    pub verdict: Option<String>,
}

/// Prints no values, because they are secret.
impl std::fmt::Debug for Staged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staged")
            .field("generation", &self.generation)
            .field("release", &self.release)
            .field("verdict", &self.verdict)
            .finish_non_exhaustive()
    }
}

/// Result so far of the trial of new values of `config.secretRefs`.
#[derive(Clone, Debug)]
pub struct ConfigTrial {
    /// Planned state of `<env>-config-active`, which the serving pods read.
    pub active: Active,
    /// Config values whose trial runs, has just passed or has failed; `None` if no values need a trial.
    pub staged: Option<Staged>,
    /// Next time at which the result may change although no watched object changes; `None` if there is no such time.
    pub next: Option<Timestamp>,
}

impl ConfigTrial {
    /// Returns the config values that the candidate pod must try; `None` if there are no new values or they have
    /// failed.
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

/// Times used in decisions about trials and deadlines.
#[derive(Clone, Copy, Debug)]
pub struct TrialClock {
    /// Maximum time until the pods of a trial are ready (`rollout.progressDeadline`).
    pub deadline: Duration,
    /// Earliest time at which any deadline starts: when this process became leader or, if later, when the environment's
    /// suspension ended.
    pub leader_since: Timestamp,
    /// Current time.
    pub now: Timestamp,
}

impl TrialClock {
    /// Returns the evidence of `pods`, which were given new content at `since`, if nothing is known of any other cause.
    pub fn evidence<'a>(self, pods: &'a [&'a PodView], since: Timestamp) -> PodEvidence<'a> {
        let since = since.max(self.leader_since);
        let started = faults::judged(pods).and_then(|p| p.started);
        PodEvidence {
            pods,
            last_good_ready: true,
            image: &ImageCheck::Unknown,
            copies_present: true,
            obstacle: None,
            // Time for scheduling and for pulling the image does not count.
            since: started.map_or(since, |at| at.min(self.now).max(since)),
            deadline: self.deadline,
            waits_until: later(since, self.deadline),
            excused: 0,
            restarts_before_bake: 0,
            now: self.now,
        }
    }
}

/// Decides whether new values of `config.secretRefs` are tried, put into use or rejected. They are put into use without
/// a trial if no release is Good, if they were in use before somebody changed or deleted `<env>-config-active`, or if
/// all pods became ready with them before. Values with which pods did not become ready are not tried again.
pub fn decide(
    spec: &EnvironmentSpec,
    observed: &Observed,
    experience: &Experience,
    clock: TrialClock,
) -> ConfigTrial {
    let (_, rolled) = RolledContent::of(&observed.children);
    let copy = copy(observed, &rolled, experience);
    let secrets = &observed.config_secrets;
    let taken = credentials::config(spec, secrets, &kept(observed), copy);
    let Some(values) = taken.advance.clone() else {
        return ConfigTrial::settled(taken);
    };
    let Some(good) = last_good(&observed.records) else {
        return ConfigTrial::settled(taken);
    };
    // Without values there is nothing to try.
    let nothing = values.is_empty() && copy.live.is_none();
    let older = credentials::only_adds_older(spec, secrets, &values, copy);
    if nothing || older || copy.is_in_use(&values) {
        return ConfigTrial::settled(taken);
    }
    let as_before = |finding| credentials::stay(finding, copy);
    let Some(release) = tries(observed) else {
        let what = format!(
            "the newest values wait: the snapshot of release {}, with which they are tried, is lost",
            good.number()
        );
        let finding = Finding::unknown(Reason::SnapshotLost, what);
        return ConfigTrial::settled(as_before(finding));
    };
    let staged = staged(values, release, copy, observed, clock.now);
    let (active, verdict, next) = match judge(&staged, observed, clock) {
        Verdict::Works => {
            let mut active = taken;
            active.generation = staged.generation;
            (active, None, None)
        }
        Verdict::Fails(why) => {
            let what = format!("the newest values do not work with release {release}: {why}");
            let finding = Finding::no(Reason::CandidateFailed, what);
            (as_before(finding), Some(why), None)
        }
        Verdict::Open(progress, next) => {
            let what = format!("the newest values are tried with release {release}: {progress}");
            let finding = Finding::unknown(Reason::CandidateRunning, what);
            (as_before(finding), None, next)
        }
    };
    ConfigTrial {
        active,
        staged: Some(Staged { verdict, ..staged }),
        next,
    }
}

/// Returns the values that the user's Secrets have; a finding if they cannot be used.
pub fn offered(spec: &EnvironmentSpec, observed: &Observed) -> Result<Data, Finding> {
    let (_, rolled) = RolledContent::of(&observed.children);
    let unknown = Experience::default();
    let copy = copy(observed, &rolled, &unknown);
    credentials::merged(spec, &observed.config_secrets, &kept(observed), copy)
}

fn copy<'a>(
    observed: &'a Observed,
    rolled: &'a RolledContent,
    experience: &'a Experience,
) -> PodSecret<'a> {
    PodSecret {
        live: observed.children.config_active(),
        rolled,
        experience,
        key: observed.isolation.key(),
    }
}

/// Returns the names of the Secrets that releases read which run or may run again.
fn kept(observed: &Observed) -> Vec<String> {
    let (deployment, frozen) = (observed.children.deployment(), &observed.frozen);
    secret_names::of_releases(deployment, &observed.records, frozen)
}

/// Returns the number of the release whose pod template is used for the trial: the serving release if it is Good,
/// otherwise the last Good release. The serving release may be older than the last Good one, for example while it is
/// pinned. `None` if no release is Good, or if neither snapshot was read.
fn tries(observed: &Observed) -> Option<i64> {
    let workload = Workload::of(observed.children.deployment());
    let good = |n: &i64| {
        observed
            .records
            .iter()
            .any(|r| r.number() == *n && r.good())
    };
    let candidates = [
        serving(observed, &workload).filter(good),
        last_good(&observed.records).map(Record::number),
    ];
    let readable = |n: &i64| observed.frozen.contains_key(n);
    candidates.into_iter().flatten().find(readable)
}

enum Verdict {
    Works,
    Fails(String),
    Open(String, Option<Timestamp>),
}

/// Returns the existing trial if it has the same values and release, and a larger generation number than the values in
/// use. Otherwise returns a new trial with a new generation number.
fn staged(
    data: Data,
    release: i64,
    copy: PodSecret<'_>,
    observed: &Observed,
    now: Timestamp,
) -> Staged {
    let known = observed.children.config_candidate();
    let note = |key: &str| known.and_then(|s| s.annotations().get(key).cloned());
    let number = |key: &str| note(key).and_then(|t| t.parse::<i64>().ok());
    let mark = pod_secret::content_mark(observed.isolation.key(), &data);
    let same = known.is_some_and(|s| pod_secret::holds(s, &data, &mark))
        && number(RELEASE) == Some(release);
    let next = copy.next_generation();
    if let (true, Some(generation)) = (same, number(GENERATION).filter(|g| *g >= next)) {
        return Staged {
            data,
            mark,
            generation,
            release,
            since: note(SINCE).and_then(|t| t.parse().ok()).unwrap_or(now),
            verdict: note(VERDICT),
        };
    }
    let after = number(GENERATION).unwrap_or(0).saturating_add(1);
    Staged {
        data,
        mark,
        generation: next.max(after),
        release,
        since: crokodial_crds::condition::whole_seconds(now).0,
        verdict: None,
    }
}

fn judge(staged: &Staged, observed: &Observed, clock: TrialClock) -> Verdict {
    if let Some(why) = &staged.verdict {
        return Verdict::Fails(why.clone());
    }
    let trying = observed.trials.of_config(staged.release, staged.generation);
    let pods: Vec<&PodView> = trying.iter().map(|p| &p.view).collect();
    let smoke = observed.trials.smoke.as_ref();
    let smoke = smoke.filter(|(uid, _)| trying.iter().any(|p| p.uid == *uid && p.view.ready));
    let site_ready = site_ready(observed, staged.release);
    let obstacle = observed.children.candidate().and_then(workload::obstacle);
    let scene = PodEvidence {
        last_good_ready: site_ready,
        copies_present: observed.children.config_candidate().is_some(),
        obstacle: obstacle.as_deref(),
        ..clock.evidence(&pods, staged.since)
    };
    let due = scene.waits_until;
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
        Some(RolloutFault::Release(_, why)) => against(why),
        // Whether it lasts is not remembered here, so it gets the time of a start.
        Some(RolloutFault::Lasting(fault)) if clock.now >= due => against(fault.message),
        Some(RolloutFault::Lasting(fault)) => Verdict::Open(fault.message, Some(due)),
        Some(RolloutFault::Platform(why)) => Verdict::Open(why, next),
        None => Verdict::Open("a pod without traffic is being started".to_owned(), next),
    }
}

/// True if no serving pod of this release is unready. Serving pods run with the old values. If one of them is unready,
/// a failure of the candidate does not prove that the new values are bad.
fn site_ready(observed: &Observed, release: i64) -> bool {
    let mut of = observed
        .pods
        .iter()
        .filter(|p| p.release == Some(release) && !p.terminating);
    of.all(|p| p.ready)
}

/// Use of the single candidate pod.
#[derive(Clone, Debug, PartialEq)]
pub enum Slot<'a> {
    /// No candidate pod is needed.
    Free,
    /// Trial of the release with this number.
    Release(i64),
    /// Trial of these values of `config.secretRefs`.
    Config(&'a Staged),
}

/// Chooses whether the candidate pod tries the release, the new values or nothing. If both wait, the values normally go
/// first, because the release may need them. There are two exceptions. A release whose trial has already begun keeps
/// the pod. If the values have been on trial for at least the deadline, the release goes first, because it may be the
/// fix.
pub fn slot<'a>(
    release: Option<i64>,
    trial: &'a ConfigTrial,
    observed: &Observed,
    clock: TrialClock,
) -> Slot<'a> {
    let (release, values) = match (release, trial.wanted()) {
        (None, None) => return Slot::Free,
        (Some(release), None) => return Slot::Release(release),
        (None, Some(values)) => return Slot::Config(values),
        (Some(release), Some(values)) => (release, values),
    };
    let begun = !observed.trials.of_release(release).is_empty();
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
