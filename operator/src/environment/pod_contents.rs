//! Plans the contents of the Secrets that pods read: the Mongo URI and the values of `config.secretRefs`. All functions are
//! pure.

use crokodial_crds::{EnvironmentSpec, PreflightMode};

use super::config_trial::{self, ConfigTrial, TrialClock};
use super::credential_check;
use super::credential_check::plan::{self, CheckPlan};
use super::credentials::{self, Active, Data};
use super::effective::Effective;
use super::finding::Finding;
use super::model::observed::Observed;
use super::pod_secret::{Experience, PodSecret, RolledContent, content_mark};
use super::proven::Proven;

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
    let proven = Proven::of(children, key, &spec.mongo.rotate_nonce);
    let (rolled, rolled_config) = RolledContent::of(children);
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
        recheck: credential_check::oldest_allowed(&observed.records, suspected, clock.now),
        now: clock.now,
    })
}

/// Returns what is known about the contents of a Secret that pods read. A failure is forgotten once the user's Secrets have
/// other content and no pod has the one that failed, so that it may be tried again later. `offered` is what the user's
/// Secrets have; `None` if it cannot be used.
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
