//! Copies of release records, from which a record that somebody deleted is made again. All functions are pure.
//!
//! Without its record nobody knows that the release which serves is Good, and the operator would return to the one before.
//! So the snapshot of a release has a copy of the record in its annotations: the spec, and the status once its phase is
//! final. A copy counts only with the operator's seal, because whoever may write ConfigMaps could otherwise make any
//! release Good. If the copy has no status, but the pods run the release, it was being rolled out, and it is rolled out and
//! baked anew.

use std::collections::BTreeMap;

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{CrokodialEnvironment, CrokodialRelease};
use crokodial_crds::{Reason, ReleasePhase, ReleaseSpec, ReleaseStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};

use super::isolation::Isolation;
use super::model::annotations::{MADE_AGAIN, RECORD, RECORD_SEAL};
use super::model::owner::Owner;
use super::snapshots::NO_DIGEST;
use crate::release::record::Record;

/// What is to be done about the copies of an environment's records.
#[derive(Clone, Debug, Default)]
pub struct RecordCopies {
    /// Annotations of snapshots whose copy is missing or outdated, by release number.
    pub due: BTreeMap<i64, BTreeMap<String, String>>,
    /// Records that were deleted and are made again.
    pub remade: Vec<Record>,
}

/// Copy of a release record.
#[derive(Serialize, Deserialize)]
struct RecordCopy {
    spec: ReleaseSpec,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<ReleaseStatus>,
}

/// Facts from which the records that were deleted are found.
#[derive(Clone, Copy, Debug)]
pub struct CopyInputs<'a> {
    /// Identity of the environment.
    pub owner: &'a Owner,
    /// Release records as Kubernetes objects.
    pub releases: &'a [CrokodialRelease],
    /// Release records.
    pub records: &'a [Record],
    /// Metadata of the snapshots, by release number.
    pub snapshots: &'a BTreeMap<i64, ObjectMeta>,
    /// Key and environment of the seals.
    pub isolation: &'a Isolation,
    /// Number of the release in the Deployment.
    pub running: Option<i64>,
    /// Current time.
    pub now: Timestamp,
}

impl RecordCopies {
    /// Compares the records with their copies.
    pub fn judge(inputs: CopyInputs<'_>) -> Self {
        let mut copies = Self::default();
        for (number, metadata) in inputs.snapshots {
            if metadata.deletion_timestamp.is_some() {
                continue;
            }
            let record = inputs.records.iter().find(|r| r.number() == *number);
            match record {
                None => copies.remade.extend(again(inputs, *number, metadata)),
                Some(record) if record.status.is_some() => {
                    let annotations = annotations(inputs.isolation, record);
                    let stored = |key: &String| metadata.annotations.as_ref()?.get(key);
                    if annotations.iter().any(|(k, v)| stored(k) != Some(v)) {
                        copies.due.insert(*number, annotations);
                    }
                }
                // The operator was interrupted before it wrote the status.
                Some(_) if was_made_again(inputs.releases, *number) => {
                    copies.remade.extend(again(inputs, *number, metadata));
                }
                Some(_) => {}
            }
        }
        copies
    }

    /// Returns the records with those that are made again.
    #[must_use]
    pub fn complete(&self, mut records: Vec<Record>) -> Vec<Record> {
        records.retain(|r| !self.makes_again(r.number()));
        records.extend(self.remade.iter().cloned());
        records.sort_by_key(Record::number);
        records
    }

    /// True if the record with this number is made again.
    pub fn makes_again(&self, number: i64) -> bool {
        self.remade.iter().any(|r| r.number() == number)
    }
}

/// Returns the annotations with the copy of a record; none if the operator has no key to seal it with.
pub fn annotations(isolation: &Isolation, record: &Record) -> BTreeMap<String, String> {
    let copy = RecordCopy {
        spec: record.spec.clone(),
        status: record.status.as_ref().and_then(lasting),
    };
    let sealed = serde_json::to_string(&copy).ok().and_then(|text| {
        let seal = isolation.seal_of_record(record.number(), &text)?;
        Some([(RECORD.to_owned(), text), (RECORD_SEAL.to_owned(), seal)])
    });
    sealed.map(BTreeMap::from).unwrap_or_default()
}

/// Returns the part of a status that does not change any more once the phase is final; `None` before that.
fn lasting(status: &ReleaseStatus) -> Option<ReleaseStatus> {
    status.phase.is_final().then(|| ReleaseStatus {
        phase: status.phase,
        reason: status.reason.clone(),
        message: status.message.clone(),
        started_at: status.started_at.clone(),
        rolled_out_at: status.rolled_out_at.clone(),
        finished_at: status.finished_at.clone(),
        serving_since: status.serving_since.clone(),
        paused: status.paused,
        allowed: status.allowed.clone(),
        pinned_at: status.pinned_at.clone(),
        snapshot_digest: status.snapshot_digest.clone(),
        latency_p95_ms: status.latency_p95_ms,
        ..ReleaseStatus::default()
    })
}

/// Returns the record of this release as its copy has it; `None` if there is no copy with a valid seal, or if the release
/// has done nothing yet that is worth keeping.
fn again(inputs: CopyInputs<'_>, number: i64, snapshot: &ObjectMeta) -> Option<Record> {
    if of_another(inputs.owner, snapshot) {
        return None;
    }
    let annotations = snapshot.annotations.as_ref()?;
    let text = annotations.get(RECORD)?;
    let seal = inputs.isolation.seal_of_record(number, text)?;
    if annotations.get(RECORD_SEAL) != Some(&seal) {
        return None;
    }
    let copy: RecordCopy = serde_json::from_str(text).ok()?;
    let runs = inputs.running == Some(number);
    let rolls = || runs.then(|| rolling(inputs.now));
    let mut status = copy.status.or_else(rolls)?;
    // Without a digest, a snapshot of any content would count as that of an earlier version.
    let digest = &mut status.snapshot_digest;
    digest.get_or_insert_with(|| NO_DIGEST.to_owned());
    Some(Record {
        spec: copy.spec,
        status: Some(status),
        created: None,
    })
}

fn rolling(now: Timestamp) -> ReleaseStatus {
    ReleaseStatus {
        phase: ReleasePhase::Rolling,
        reason: Some(Reason::Progressing.as_str().to_owned()),
        message: Some("the record was deleted and made again during the rollout".to_owned()),
        started_at: Some(whole_seconds(now)),
        progressed_at: Some(whole_seconds(now)),
        ..ReleaseStatus::default()
    }
}

/// True if the object belongs to an environment of the same name that was deleted before. It goes with that environment.
fn of_another(owner: &Owner, metadata: &ObjectMeta) -> bool {
    let owners = metadata.owner_references.iter().flatten();
    let kind = CrokodialEnvironment::kind(&());
    owners
        .filter(|o| o.kind == kind)
        .any(|o| o.uid != owner.uid)
}

fn was_made_again(releases: &[CrokodialRelease], number: i64) -> bool {
    let release = releases.iter().find(|r| r.spec.number == number);
    release.is_some_and(|r| r.annotations().contains_key(MADE_AGAIN))
}

#[cfg(test)]
#[path = "record_copies_tests.rs"]
mod tests;
