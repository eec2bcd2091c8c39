//! Decides the state of the Secret `<env>-proven`: which contents of the Secrets that pods read are proven, and which
//! failed. All functions are pure.
//!
//! Contents are proven once all pods of a Good release are ready with them. If pods do not become ready with newer
//! content, the verdict is stored first. The next reconcile gives pods the proven content back, so a crash in between
//! changes nothing.

use crokodial_crds::condition::whole_seconds;
use jiff::Timestamp;

use super::pod_evidence::{self, Evidence};
use crate::environment::config_trial::TrialClock;
use crate::environment::credential_check::CredentialState;
use crate::environment::credential_check::earlier::EarlierUri;
use crate::environment::credential_check::record::CheckRecord;
use crate::environment::credentials::Active;
use crate::environment::model::observed::Observed;
use crate::environment::pod_secret::{Experience, FailedContent, RolledContent};
use crate::environment::proven::{Proven, Suspicion, content_of};
use crate::environment::validate::Valid;
use crate::release::machine::{Decision, Run, View, later};
use crate::release::record::Record;

/// Planned state of the Secret `<env>-proven`.
#[derive(Clone, Debug, Default)]
pub struct ProvenStep {
    /// State to write; `None` if there is nothing to store yet.
    pub state: Option<Proven>,
    /// Next time at which content that pods do not become ready with must be looked at; `None` if there is no such
    /// time.
    pub next: Option<Timestamp>,
}

/// Inputs of [`step`].
#[derive(Clone, Copy, Debug)]
pub struct ProvenInputs<'a> {
    /// Result of validation.
    pub valid: &'a Valid,
    /// Observed state of the cluster.
    pub observed: &'a Observed,
    /// Input of the release state machine.
    pub view: &'a View<'a>,
    /// Decision of the release state machine.
    pub decision: &'a Decision,
    /// Current time and deadline.
    pub clock: TrialClock,
}

/// Decides the state of `<env>-proven`.
pub fn step(inputs: ProvenInputs<'_>) -> ProvenStep {
    let ProvenInputs {
        valid, observed, ..
    } = inputs;
    let stored = &valid.proven;
    // With an empty key, fingerprints prove nothing, and what is stored cannot be read.
    if !observed.isolation.key().is_secret() || valid.conflict.is_some() {
        return ProvenStep::default();
    }
    if let Some(proven) = proven(inputs) {
        return ProvenStep {
            state: Some(proven),
            next: None,
        };
    }
    let (state, next) = judged(inputs);
    let exists = observed.children.proven().is_some();
    ProvenStep {
        state: (exists || state != unknown(stored)).then_some(state),
        next,
    }
}

/// Returns the state of the Secret while nothing is known.
fn unknown(stored: &Proven) -> Proven {
    Proven {
        nonce: stored.nonce.clone(),
        ..Proven::default()
    }
}

/// Returns the state in which the contents that pods read are proven; `None` if not all pods are ready with them.
fn proven(inputs: ProvenInputs<'_>) -> Option<Proven> {
    let ProvenInputs {
        valid,
        observed,
        view,
        ..
    } = inputs;
    let workload = view.workload;
    let release = good(inputs)?.number();
    if !workload.rolled_out(release) || workload.desired == 0 {
        return None;
    }
    let children = &observed.children;
    let key = observed.isolation.key();
    let (rolled_mongo, rolled_config) = RolledContent::of(children);
    let content = |secret, rolled: &RolledContent| {
        let content = content_of(secret, key)?;
        let same = rolled.mark.as_ref() == Some(&content.mark);
        (same && rolled.generation == content.generation).then_some(content)
    };
    let mongo = content(children.mongo_active(), &rolled_mongo)?;
    let config = content(children.config_active(), &rolled_config)?;
    let known = |stored: &Experience, content| {
        let mut known = stored.clone();
        known.proven = Some(content);
        let proven = known.proven.as_ref().map(|proven| &proven.mark);
        let failed = known.failed.take();
        known.failed = failed.filter(|failed| proven != Some(&failed.mark));
        if let Some(failed) = &mut known.failed {
            failed.beside_new = false;
        }
        known
    };
    let stored = &valid.proven;
    Some(Proven {
        mongo: known(&stored.mongo, mongo),
        config: known(&stored.config, config),
        record: CheckRecord::of(children.mongo_active()),
        nonce: stored.nonce.clone(),
        suspicion: None,
    })
}

/// Returns the record of the release in the Deployment if it is Good.
fn good(inputs: ProvenInputs<'_>) -> Option<&Record> {
    let release = inputs.view.workload.release?;
    let records = &inputs.observed.records;
    records.iter().find(|r| r.number() == release && r.good())
}

/// Secret whose content is suspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suspect {
    Mongo,
    Config,
}

/// Judges content with which pods do not become ready. Returns the new state of the Secret, and the next time at which
/// to look again.
fn judged(inputs: ProvenInputs<'_>) -> (Proven, Option<Timestamp>) {
    let mut state = inputs.valid.proven.clone();
    let Some((suspect, rolled)) = suspect(inputs) else {
        state.suspicion = None;
        return (state, None);
    };
    let (Some(release), Some(mark)) = (standing_still(inputs), rolled.mark) else {
        return (state, None);
    };
    let evidence = Evidence {
        observed: inputs.observed,
        release,
        obstacle: inputs.view.workload.obstacle.as_deref(),
        clock: inputs.clock,
    };
    let cause = match pod_evidence::fault(evidence) {
        Ok(cause) => cause,
        Err(next) => return (state, next),
    };
    let blame = match suspect {
        Suspect::Mongo => blame_of_uri(inputs, state.suspicion),
        Suspect::Config => blame_of_values(inputs, state.suspicion),
    };
    match blame {
        Blame::Content => {
            state.suspicion = None;
            let (_, config) = RolledContent::of(&inputs.observed.children);
            let failed = FailedContent {
                mark,
                cause,
                beside_new: suspect == Suspect::Mongo && state.config.is_in_doubt(&config),
            };
            let known = match suspect {
                Suspect::Mongo => &mut state.mongo,
                Suspect::Config => {
                    // What failed together with these values may be good.
                    state.mongo.failed = state.mongo.failed.filter(|failed| !failed.beside_new);
                    &mut state.config
                }
            };
            known.spent = known.spent.max(rolled.generation);
            known.failed = Some(failed);
            (state, None)
        }
        Blame::Unknown(suspicion, next) => {
            state.suspicion = Some(suspicion);
            (state, next)
        }
    }
}

/// Returns the Secret whose content may be to blame if pods do not become ready: the content that pods run with is
/// neither proven nor known to have failed. Of two, it is the Mongo URI, because values of `config.secretRefs` were
/// tried by a candidate pod. If it was not the URI, the values are judged next.
fn suspect(inputs: ProvenInputs<'_>) -> Option<(Suspect, RolledContent)> {
    let stored = &inputs.valid.proven;
    let (mongo, config) = RolledContent::of(&inputs.observed.children);
    if stored.mongo.is_in_doubt(&mongo) {
        return Some((Suspect::Mongo, mongo));
    }
    let config = Some(config).filter(|config| stored.config.is_in_doubt(config));
    config.map(|config| (Suspect::Config, config))
}

/// Returns the number of the release in the Deployment if it is Good and must go on running with the contents that its
/// pods have, and its roll-out has made no progress for `rollout.progressDeadline`. A return to the release counts as
/// well: it was good before, so content that is not proven is the better suspect.
fn standing_still(inputs: ProvenInputs<'_>) -> Option<i64> {
    let ProvenInputs { valid, view, .. } = inputs;
    let workload = view.workload;
    let number = good(inputs)?.number();
    let (mongo, config) = RolledContent::of(&inputs.observed.children);
    let stays = |rolled: &RolledContent, active: &Active| {
        rolled.mark == active.mark && rolled.generation == active.generation
    };
    let still = inputs.decision.run == Run::Release(number)
        && workload.settled
        && workload.overdue
        && workload.desired > 0
        && !workload.rolled_out(number)
        && stays(&mongo, &valid.mongo)
        && stays(&config, &valid.config.active);
    still.then_some(number)
}

/// Attribution of a fault of pods with content that is not proven.
enum Blame {
    /// The content is to blame.
    Content,
    /// The cause is not known yet, or the content must stay whatever it is. Contains the suspicion to store, and the
    /// time at which to look again; `None` if a check of the Mongo URI ends by itself or its next one is planned.
    Unknown(Suspicion, Option<Timestamp>),
}

/// Attributes the fault to a new Mongo URI or to the database. The URI is only to blame if the proven one, which would
/// come back, was checked since the suspicion arose, and works. A URI that is refused or that nobody could check does
/// not come back. If the database could not be used meanwhile, pods get the deadline once more when it is back.
fn blame_of_uri(inputs: ProvenInputs<'_>, suspicion: Option<Suspicion>) -> Blame {
    if inputs.valid.credentials == CredentialState::Off {
        return Blame::Content;
    }
    let now = inputs.clock.now;
    let Some(known) = suspicion else {
        return ask(inputs);
    };
    if known.since > now {
        return Blame::Unknown(known, Some(known.since));
    }
    match &inputs.valid.check.earlier {
        EarlierUri::Works(_) if known.database_away => recovered(inputs),
        EarlierUri::Works(at) if is_outdated(inputs, *at) => ask(inputs),
        EarlierUri::Works(_) => Blame::Content,
        EarlierUri::Unreachable(_) => away(known),
        EarlierUri::Unasked | EarlierUri::Pending(_) | EarlierUri::Refused(_) => {
            Blame::Unknown(known, None)
        }
    }
}

/// Attributes the fault to new values or to the database. A check of the Mongo URI that pods read must have succeeded
/// since the suspicion arose. If the database could not be used meanwhile, pods get the deadline once more when it is
/// back. If nobody can be asked, the values are to blame, as a release is in this case.
fn blame_of_values(inputs: ProvenInputs<'_>, suspicion: Option<Suspicion>) -> Blame {
    let now = inputs.clock.now;
    let credentials = &inputs.valid.credentials;
    if *credentials == CredentialState::Off {
        return Blame::Content;
    }
    let Some(known) = suspicion else {
        return ask(inputs);
    };
    let since = known.since;
    if since > now {
        return Blame::Unknown(known, Some(since));
    }
    match credentials {
        CredentialState::Bad(..) => away(known),
        CredentialState::Proven if known.database_away => recovered(inputs),
        CredentialState::Checking if known.database_away => Blame::Unknown(known, None),
        _ if is_outdated(inputs, since) => ask(inputs),
        CredentialState::Checking if answered_by(inputs, since) > now => {
            Blame::Unknown(known, Some(answered_by(inputs, since)))
        }
        CredentialState::Off | CredentialState::Proven | CredentialState::Checking => {
            Blame::Content
        }
    }
}

fn suspicion_at(at: Timestamp) -> Suspicion {
    Suspicion {
        since: whole_seconds(at).0,
        database_away: false,
    }
}

/// Asks for a check of a Mongo URI.
fn ask(inputs: ProvenInputs<'_>) -> Blame {
    let new = suspicion_at(inputs.clock.now);
    Blame::Unknown(new, Some(answered_by(inputs, new.since)))
}

/// Waits for a database that cannot be used.
fn away(known: Suspicion) -> Blame {
    let away = Suspicion {
        database_away: true,
        ..known
    };
    Blame::Unknown(away, None)
}

/// Gives pods the deadline once more, because the database is back.
fn recovered(inputs: ProvenInputs<'_>) -> Blame {
    let clock = inputs.clock;
    let new = suspicion_at(later(clock.now, clock.deadline));
    Blame::Unknown(new, Some(new.since))
}

/// Returns the time by which a check that was asked for at `since` has a result.
fn answered_by(inputs: ProvenInputs<'_>, since: Timestamp) -> Timestamp {
    let since = since.max(inputs.clock.leader_since);
    later(since, inputs.view.check_timeout)
}

/// Returns true if what was known at this time says nothing about the database of today.
fn is_outdated(inputs: ProvenInputs<'_>, at: Timestamp) -> bool {
    later(answered_by(inputs, at), inputs.clock.deadline) < inputs.clock.now
}
