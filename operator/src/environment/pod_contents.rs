//! Plans the contents of the Secrets that pods read: the Mongo URI and the values of `config.secretRefs`. All functions
//! are pure.

use crokodial_crds::{EnvironmentSpec, PreflightMode};

use super::config_trial::{self, ConfigTrial, TrialClock};
use super::credential_check;
use super::credential_check::plan::{self, CheckPlan};
use super::credentials::{self, Active, Data};
use super::decide::pod_evidence::{self, Part};
use super::effective::Effective;
use super::finding::Finding;
use super::model::observed::Observed;
use super::pod_secret::{Experience, PodSecret, RolledContent, content_mark};
use super::proven::Proven;
use crate::release::workload::PodView;

/// Planned contents of the Secrets that pods read.
#[derive(Debug)]
pub struct PodContents {
    /// Planned state of `<env>-mongo-active`, which contains the Mongo URI.
    pub mongo: Active,
    /// Plan of which checks of the Mongo URI to start and to delete.
    pub check: CheckPlan,
    /// Planned state of `<env>-config-active`, and the trial of new values of `config.secretRefs`.
    pub config: ConfigTrial,
    /// State of `<env>-proven` as it is stored, without what is outdated.
    pub proven: Proven,
}

/// Plans the contents of the Secrets that pods read.
pub fn plan(
    spec: &EnvironmentSpec,
    effective: &Effective,
    observed: &Observed,
    clock: TrialClock,
) -> PodContents {
    let children = &observed.children;
    let key = observed.isolation.key();
    let (rolled, rolled_config) = RolledContent::of(children);
    let proven = self::proven(observed, &spec.mongo.rotate_nonce);
    let live = children.mongo_active();
    let candidate = credentials::candidate(&spec.mongo, observed.mongo_secret.as_ref(), live);
    let candidate = candidate.as_ref();
    let check = check(
        spec, effective, observed, candidate, &rolled, &proven, clock,
    );
    let mut mongo = check.active.clone();
    observed.isolation.label_database(&mut mongo);
    let mut config = config_trial::decide(spec, observed, &proven.config, clock);
    observed.isolation.label_values(&mut config.active);
    let offered = candidate.ok().map(|(data, _)| data);
    let offered_config = config_trial::offered(spec, observed).ok();
    let secret = |live, rolled, experience| PodSecret {
        live,
        rolled,
        experience,
        key,
    };
    PodContents {
        mongo,
        check,
        config,
        proven: Proven {
            mongo: current(secret(live, &rolled, &proven.mongo), offered),
            config: current(
                secret(children.config_active(), &rolled_config, &proven.config),
                offered_config.as_ref(),
            ),
            ..proven
        },
    }
}

fn check(
    spec: &EnvironmentSpec,
    effective: &Effective,
    observed: &Observed,
    candidate: Result<&(Data, String), &Finding>,
    rolled: &RolledContent,
    proven: &Proven,
    clock: TrialClock,
) -> CheckPlan {
    let suspected = proven.suspicion.map(|s| s.since);
    let suspected = suspected.filter(|since| *since <= clock.now);
    // The proven URI is checked if another one is suspected, and the URI in use if the values are.
    let of_uri = proven.mongo.is_in_doubt(rolled);
    plan::plan(plan::Known {
        spec: &spec.mongo,
        jobs: match effective.preflight.image {
            Some(_) => Ok(()),
            None => Err(
                "the operator knows no image for the check: it was started without --preflight-image",
            ),
        },
        off: effective.preflight.mode == PreflightMode::Off,
        candidate,
        live: observed.children.mongo_active(),
        rolled,
        proven,
        role: effective.preflight.role,
        attempts: &observed.attempts,
        isolation: &observed.isolation,
        recheck: credential_check::oldest_allowed(
            &observed.records,
            suspected.filter(|_| !of_uri),
            clock.now,
        ),
        suspected: suspected.filter(|_| of_uri),
        now: clock.now,
    })
}

/// Reads the state of `<env>-proven`, and gives the proven contents the generation numbers with which they come back.
fn proven(observed: &Observed, nonce: &str) -> Proven {
    let (children, key) = (&observed.children, observed.isolation.key());
    let stored = Proven::of(children, key, nonce);
    let (rolled, rolled_config) = RolledContent::of(children);
    let mongo = PodSecret {
        live: children.mongo_active(),
        rolled: &rolled,
        experience: &stored.mongo,
        key,
    };
    let config = PodSecret {
        live: children.config_active(),
        rolled: &rolled_config,
        experience: &stored.config,
        key,
    };
    let pods = &observed.pods;
    Proven {
        mongo: numbered(mongo, pods, |(mongo, _)| mongo),
        config: numbered(config, pods, |(_, config)| config),
        ..stored.clone()
    }
}

/// Returns what is known about the contents of a Secret that pods read. If the proven content must come back and a pod
/// that has its generation number hangs with the content that failed, it gets the next number, so that the pod is
/// replaced. The number is stored before it is used. `part` selects the Secret's generation number from those of a pod.
fn numbered(copy: PodSecret<'_>, pods: &[PodView], part: Part) -> Experience {
    let mut known = copy.experience.clone();
    let next = copy.next_generation();
    let failed = copy.rolled.mark.as_ref();
    let failed = failed.is_some_and(|mark| copy.failure(mark).is_some());
    if let Some(proven) = known.proven.as_mut().filter(|_| failed)
        && copy.fallback().is_some()
        && pod_evidence::hangs(pods, part, proven.generation, copy.rolled.generation)
    {
        proven.generation = next;
    }
    known
}

/// Returns what is known about the contents of a Secret that pods read. A failure is forgotten once the user's Secrets
/// have other content and no pod has the one that failed, so that it may be tried again later. `offered` is what the
/// user's Secrets have; `None` if it cannot be used.
fn current(copy: PodSecret<'_>, offered: Option<&Data>) -> Experience {
    let mut known = copy.experience.clone();
    let offered = offered.map(|data| content_mark(copy.key, data));
    let outdated = |failed: &str| {
        let is = |mark: Option<&String>| mark.is_some_and(|mark| mark == failed);
        offered.is_some()
            && !is(offered.as_ref())
            && !is(copy.mark().as_ref())
            && !is(copy.rolled.mark.as_ref())
    };
    if known.failed.as_ref().is_some_and(|f| outdated(&f.mark)) {
        known.failed = None;
    }
    known
}
