//! Copies of release records, from which a record that somebody deleted is made again. All functions are pure.
//!
//! Without its record nobody knows that the release which serves is Good, and the operator would return to the one before.
//! So the snapshot of a release whose phase is final has a copy of the record in its annotations. A copy counts only with
//! the operator's seal, because whoever may write ConfigMaps could otherwise make any release Good. The seal also names
//! the UIDs of the environment and of the ConfigMap: a ConfigMap that somebody saved and created again, or that outlived
//! its environment, brings nothing back. A release in flight has no copy: it has proven nothing yet, and is released anew.

use std::collections::BTreeMap;

use crokodial_crds::{ReleaseSpec, ReleaseStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use super::isolation::Isolation;
use super::model::annotations::{RECORD, RECORD_SEAL};
use super::snapshots::NO_DIGEST;
use crate::release::record::{self, Record};

/// Maximum number of copies that one reconcile writes.
const MAX_WRITTEN: usize = 10;

/// What is to be done about the copies of an environment's records.
#[derive(Clone, Debug, Default)]
pub struct RecordCopies {
    /// Annotations of snapshots whose copy is missing or outdated, by release number. Those of the newest releases, if
    /// there are many.
    pub due: BTreeMap<i64, BTreeMap<String, String>>,
    /// True if more copies than those are missing or outdated.
    pub more: bool,
    /// Records that were deleted, or have lost their status, and are made again.
    pub remade: Vec<Record>,
}

/// Copy of a release record.
#[derive(Serialize, Deserialize)]
struct RecordCopy {
    spec: ReleaseSpec,
    status: ReleaseStatus,
}

/// Facts from which the records that were deleted are found.
#[derive(Clone, Copy, Debug)]
pub struct CopyInputs<'a> {
    /// Release records.
    pub records: &'a [Record],
    /// Metadata of the snapshots, by release number.
    pub snapshots: &'a BTreeMap<i64, ObjectMeta>,
    /// Key and environment of the seals.
    pub isolation: &'a Isolation,
    /// Number of the release that the operator put into its Deployment.
    pub running: Option<i64>,
}

impl RecordCopies {
    /// Compares the records with their copies.
    pub fn judge(inputs: CopyInputs<'_>) -> Self {
        let mut copies = Self::default();
        let there = |(_, metadata): &(&i64, &ObjectMeta)| metadata.deletion_timestamp.is_none();
        for (number, metadata) in inputs.snapshots.iter().rev().filter(there) {
            let record = inputs.records.iter().find(|r| r.number() == *number);
            let Some(stored) = record.filter(|r| r.status.is_some()) else {
                copies
                    .remade
                    .extend(again(inputs, *number, metadata, record));
                continue;
            };
            let annotations = annotations(inputs.isolation, metadata, stored);
            let found = |key: &String| metadata.annotations.as_ref()?.get(key);
            if annotations.iter().all(|(k, v)| found(k) == Some(v)) {
                continue;
            }
            if copies.due.len() < MAX_WRITTEN {
                copies.due.insert(*number, annotations);
            } else {
                copies.more = true;
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

/// Returns the annotations with the copy of a record for the snapshot with this metadata; none if the phase is not final
/// or the operator has no key to seal the copy with.
fn annotations(
    isolation: &Isolation,
    snapshot: &ObjectMeta,
    record: &Record,
) -> BTreeMap<String, String> {
    let sealed = || {
        let copy = RecordCopy {
            spec: record.spec.clone(),
            status: lasting(record.status.as_ref()?)?,
        };
        let text = serde_json::to_string(&copy).ok()?;
        let seal = isolation.seal_of_record(snapshot, record.number(), &text)?;
        Some([(RECORD.to_owned(), text), (RECORD_SEAL.to_owned(), seal)])
    };
    sealed().map(BTreeMap::from).unwrap_or_default()
}

/// Returns the part of a status that is copied, without what changes while the release serves; `None` if the phase is not
/// final.
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

/// Returns the record of this release as its copy has it; `None` if there is no copy with a valid seal. `left` is the
/// record without a status, if there is one: it must be the same release, and whether it is pinned is for whoever wrote it
/// to say.
///
/// The pin of a deleted record is kept only if the release runs, because an earlier copy may have been put back.
fn again(
    inputs: CopyInputs<'_>,
    number: i64,
    snapshot: &ObjectMeta,
    left: Option<&Record>,
) -> Option<Record> {
    let annotations = snapshot.annotations.as_ref()?;
    let text = annotations.get(RECORD)?;
    let seal = inputs.isolation.seal_of_record(snapshot, number, text)?;
    if annotations.get(RECORD_SEAL) != Some(&seal) {
        return None;
    }
    let RecordCopy { spec, mut status } = serde_json::from_str(text).ok()?;
    // Without a digest, a snapshot of any content would count as that of an earlier version.
    let digest = &mut status.snapshot_digest;
    digest.get_or_insert_with(|| NO_DIGEST.to_owned());
    let spec = match left {
        Some(left) if unpinned(&left.spec) != unpinned(&spec) => return None,
        Some(left) => left.spec.clone(),
        None if inputs.running == Some(number) => spec,
        None => unpinned(&spec),
    };
    let created = left.and_then(|r| r.created);
    Some(Record {
        created: record::made(created, Some(&status)),
        spec,
        status: Some(status),
    })
}

/// Returns what never changes in the spec of a release.
fn unpinned(spec: &ReleaseSpec) -> ReleaseSpec {
    ReleaseSpec {
        pin: false,
        pin_reason: String::new(),
        ..spec.clone()
    }
}

#[cfg(test)]
#[path = "record_copies_tests.rs"]
mod tests;
