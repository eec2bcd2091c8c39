//! Which snapshots are applied: only those that the operator made. All functions are pure.
//!
//! Whoever may create ConfigMaps could otherwise run any pod with the operator's rights. A snapshot counts if its seal is
//! valid ([`Isolation::seal`]), or if its digest is the one in the status of its record, which only the operator writes.
//! It must also fit its record. A record whose status has no digest was written by an earlier operator version: its
//! snapshot is taken as it is and sealed. That happens once, because every status that this version writes has a digest.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;

use super::isolation::Isolation;
use super::model::annotations::SEAL;
use crate::release::record::Record;
use crate::release::snapshot::Snapshot;

/// Value of `status.snapshotDigest` if there was no snapshot of the operator's when the digest was first taken.
pub const NO_DIGEST: &str = "none";

/// Facts about the snapshots that were read, apart from their contents.
#[derive(Clone, Debug, Default)]
pub struct Seals {
    /// Digests of the snapshots that may be applied, by release number.
    pub digests: BTreeMap<i64, String>,
    /// Snapshots that must not be applied, with the cause, by release number.
    pub invalid: BTreeMap<i64, &'static str>,
    /// Snapshots that get a new seal, by release number.
    pub unsealed: BTreeMap<i64, Unsealed>,
    /// Snapshots that are created again, because they were deleted or are invalid and their content is known, by release
    /// number.
    pub rebuilt: BTreeMap<i64, ConfigMap>,
}

/// Snapshot that counts but has no valid seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsealed {
    /// Seal to write.
    pub seal: String,
    /// True if the snapshot was made by an earlier operator version; false if its seal was lost or was made with another
    /// key.
    pub first: bool,
}

/// Judges the snapshots in `found`. Returns the contents of those that may be applied, by release number.
pub fn judge(
    found: impl IntoIterator<Item = (i64, ConfigMap)>,
    records: &[Record],
    isolation: &Isolation,
) -> (BTreeMap<i64, Snapshot>, Seals) {
    let (mut frozen, mut seals) = (BTreeMap::new(), Seals::default());
    for (number, object) in found {
        let record = records.iter().find(|r| r.number() == number);
        match one(number, &object, record, isolation) {
            Ok((snapshot, digest, unsealed)) => {
                frozen.insert(number, snapshot);
                seals.digests.insert(number, digest);
                seals.unsealed.extend(unsealed.map(|u| (number, u)));
            }
            Err(cause) => {
                seals.invalid.insert(number, cause);
            }
        }
    }
    (frozen, seals)
}

type Accepted = (Snapshot, String, Option<Unsealed>);

fn one(
    number: i64,
    object: &ConfigMap,
    record: Option<&Record>,
    isolation: &Isolation,
) -> Result<Accepted, &'static str> {
    let snapshot = Snapshot::of(object).map_err(|_| "it is not readable")?;
    if snapshot.frozen.number != number {
        return Err("it has the number of another release");
    }
    if let Some(cause) = record.and_then(|r| snapshot.misfit(r)) {
        return Err(cause);
    }
    let digest = snapshot.digest();
    let seal = isolation.seal(number, &digest);
    let annotated = object.annotations().get(SEAL);
    if seal.is_some() && annotated == seal.as_ref() {
        return Ok((snapshot, digest, None));
    }
    let status = record.and_then(|r| r.status.as_ref());
    let first = match status.map(|s| s.snapshot_digest.as_deref()) {
        Some(None) => true,
        Some(Some(known)) if known == digest => false,
        Some(Some(_)) | None => return Err("its seal is not valid"),
    };
    let unsealed = seal.map(|seal| Unsealed { seal, first });
    Ok((snapshot, digest, unsealed))
}

/// Returns the digest to store in the status of a release, if it is known now; `None` leaves the stored one.
pub fn digest_to_store(record: &Record, seals: &Seals, exists: bool) -> Option<String> {
    let number = record.number();
    let status = record.status.as_ref();
    let stored = status.and_then(|s| s.snapshot_digest.as_ref());
    match seals.digests.get(&number) {
        Some(digest) => Some(digest.clone()),
        None if stored.is_none() && (!exists || seals.invalid.contains_key(&number)) => {
            Some(NO_DIGEST.to_owned())
        }
        None => None,
    }
}

#[cfg(test)]
#[path = "snapshots_tests.rs"]
mod tests;
