//! Reads the release records and snapshots of an environment.

use std::collections::{BTreeMap, BTreeSet};

use crokodial_crds::CrokodialRelease;
use crokodial_crds::names::Children as Names;
use futures::future::{try_join, try_join_all};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::context::Context;
use crate::environment::model::owner::Owner;
use crate::kube_io::IoError;
use crate::release::record::{Record, due_for_check, last_good};
use crate::release::workload::Workload;

/// Releases of an environment. The fields are those of [`Observed`](crate::environment::model::observed::Observed).
pub(super) struct Releases {
    pub(super) releases: Vec<CrokodialRelease>,
    pub(super) records: Vec<Record>,
    pub(super) snapshots: BTreeMap<i64, ObjectMeta>,
    pub(super) taken: BTreeSet<i64>,
}

/// Reads the release records, and the metadata of the snapshots. The contents of snapshots are not read, because they
/// can be large.
pub(super) async fn read(ctx: &Context, owner: &Owner) -> Result<Releases, IoError> {
    let (all, metas) = try_join(
        ctx.io.list::<CrokodialRelease>(&owner.namespace, ""),
        ctx.io.list_metadata::<ConfigMap>(&owner.namespace, ""),
    )
    .await?;
    let releases: Vec<_> = all
        .into_iter()
        .filter(|r| Record::of(r, owner.name.as_str()).is_some())
        .collect();
    let records = releases
        .iter()
        .filter_map(|r| Record::of(r, owner.name.as_str()))
        .collect();
    let prefix = format!("{}-r", owner.name);
    let numbered = |meta: ObjectMeta| {
        let number = meta.name.as_deref()?.strip_prefix(&prefix)?.parse().ok()?;
        Some((number, meta))
    };
    let (ours, foreign): (BTreeMap<i64, ObjectMeta>, BTreeMap<_, _>) = metas
        .into_iter()
        .filter_map(|m| numbered(m.metadata))
        .partition(|(_, meta)| owner.labelled(meta));
    Ok(Releases {
        releases,
        records,
        snapshots: ours,
        taken: foreign.into_keys().collect(),
    })
}

/// Maximum number of snapshots of an earlier operator version that one reconcile reads, to seal them.
const MAX_UNSEALED: usize = 10;

/// Reads the snapshots of the releases that this reconcile may run: those of the newest release, the last Good release,
/// the pinned releases and the release in the Deployment, and the newest snapshot if it has no record yet. Also reads
/// the one whose rollback check is due, and some that an earlier operator version did not seal.
pub(super) async fn contents(
    ctx: &Context,
    owner: &Owner,
    records: &[Record],
    snapshots: &BTreeMap<i64, ObjectMeta>,
    deployment: Option<&Deployment>,
) -> Result<Vec<(i64, ConfigMap)>, IoError> {
    let newest = records.iter().map(Record::number).max();
    let mut numbers: BTreeSet<i64> = newest
        .into_iter()
        .chain(last_good(records).map(Record::number))
        .chain(records.iter().filter(|r| r.spec.pin).map(Record::number))
        .chain(Workload::of(deployment).release)
        .chain(due_for_check(records, ctx.now()).map(Record::number))
        .collect();
    // A snapshot with a larger number than every record: the reconcile that made it was interrupted before it created
    // the record.
    let largest = snapshots.keys().next_back().copied();
    numbers.extend(largest.filter(|n| newest.is_none_or(|newest| *n > newest)));
    let unsealed = |r: &&Record| {
        let status = r.status.as_ref();
        status.is_some_and(|s| s.snapshot_digest.is_none())
    };
    let unsealed = records.iter().rev().filter(unsealed).map(Record::number);
    numbers.extend(unsealed.take(MAX_UNSEALED));
    let names = Names::of(&owner.name);
    let existing = numbers.into_iter().filter(|n| snapshots.contains_key(n));
    let reads = existing.map(|number| {
        let name = names.snapshot(number);
        async move {
            let found = ctx.io.get::<ConfigMap>(&owner.namespace, &name).await?;
            Ok(found.map(|object| (number, object)))
        }
    });
    Ok(try_join_all(reads).await?.into_iter().flatten().collect())
}
