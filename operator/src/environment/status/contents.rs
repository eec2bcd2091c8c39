//! Findings about the contents of the Secrets that pods read: the connection string and the values of
//! `config.secretRefs`. All functions are pure.

use crokodial_crds::{MongoStatus, Reason};

use super::inputs::StatusInputs;
use super::withheld::Withheld;
use crate::environment::finding::Finding;
use crate::environment::pod_secret::{PodSecret, RolledContent};
use crate::environment::validate::Valid;
use crokodial_crds::condition::whole_seconds;

/// Returns the finding for condition `CredentialsValid`.
pub(super) fn credentials(facts: StatusInputs<'_>) -> Finding {
    if let Some(withheld) = Withheld::of(facts) {
        return withheld.credentials(facts);
    }
    let mongo = &facts.valid.mongo;
    let (rolled, _) = RolledContent::of(&facts.observed.children);
    carried(mongo.finding.clone(), mongo.generation, rolled.generation)
}

/// Words about values that pods have, as the findings end.
const IN_USE: &str = " are in use";

/// Returns the finding for condition `ConfigSecretsValid`.
pub(super) fn config(facts: StatusInputs<'_>) -> Finding {
    let finding = usable_config(facts.valid);
    if let Some(withheld) = Withheld::of(facts) {
        return withheld.config(facts, &finding);
    }
    let children = &facts.observed.children;
    if children.deployment().is_none() {
        let seen = finding.seen.replace(IN_USE, " passed; no pod has them yet");
        return Finding { seen, ..finding };
    }
    let (_, rolled) = RolledContent::of(children);
    let generation = facts.valid.config.active.generation;
    carried(finding, generation, rolled.generation)
}

/// Returns `status.mongo`. While nothing is written, its generation is the one that exists, not the planned one.
pub(super) fn mongo(facts: StatusInputs<'_>) -> MongoStatus {
    let valid = facts.valid;
    let record = &valid.check.record;
    let generation = match Withheld::of(facts) {
        Some(_) => PodSecret {
            live: facts.observed.children.mongo_active(),
            rolled: &RolledContent::of(&facts.observed.children).0,
            experience: &valid.proven.mongo,
            key: facts.observed.isolation.key(),
        }
        .generation(),
        None => valid.mongo.generation,
    };
    MongoStatus {
        generation: (generation > 0).then_some(generation),
        verified_at: record.verified.map(whole_seconds),
        candidate: valid.check.candidate.map(str::to_owned),
        server_version: record.version.clone(),
        reason: valid
            .mongo
            .finding
            .is_false()
            .then(|| valid.mongo.finding.reason.as_str().to_owned()),
        database: valid.mongo.database.clone(),
    }
}

/// Adds to a positive finding about a Secret that pods read that no pod has this generation of it yet. `rolled` is the
/// generation number in the pod template of the Deployment; 0 if there is none.
fn carried(mut finding: Finding, generation: i64, rolled: i64) -> Finding {
    if finding.is_true() && rolled > 0 && generation != rolled {
        let seen = finding.seen.replace(IN_USE, " passed");
        finding.seen = format!("{seen}, and is not in use yet: the pods read an earlier version");
    }
    finding
}

/// Returns whether the configuration can be used. A missing ConfigMap, ConfigMaps that are too large, and an invalid
/// field of `runtime.pod` are also reported here, because there is no separate condition for them.
fn usable_config(valid: &Valid) -> Finding {
    match &valid.wanted {
        Err(finding)
            if [Reason::ConfigMapNotFound, Reason::ConfigTooLarge].contains(&finding.reason) =>
        {
            finding.clone()
        }
        Err(finding) if valid.image.is_true() => finding.clone(),
        _ => valid.config.active.finding.clone(),
    }
}
