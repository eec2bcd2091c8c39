//! Reads the release records and snapshots of an environment.

use std::collections::{BTreeMap, BTreeSet};

use crokodial_crds::CrokodialRelease;
use crokodial_crds::names::{Children as Names, LABEL_ENVIRONMENT, LABEL_MANAGED_BY, MANAGED_BY};
use futures::future::{try_join, try_join_all};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::context::Context;
use crate::environment::model::children::Children;
use crate::environment::model::observed::largest_release;
use crate::environment::model::owner::Owner;
use crate::kube_io::{IoError, undecodable};
use crate::release::record::{Record, due_for_check, last_good};
use crate::release::workload::Workload;

/// Releases of an environment. The fields are those of [`Observed`](crate::environment::model::observed::Observed).
pub(super) struct Releases {
    pub(super) releases: Vec<CrokodialRelease>,
    pub(super) records: Vec<Record>,
    pub(super) snapshots: BTreeMap<i64, ObjectMeta>,
}

/// Maximum number of release numbers that are skipped because their names are taken.
const MAX_TAKEN: usize = 20;

/// Reads the release records, and the metadata of the snapshots. The contents of snapshots are not read, because they
/// can be large.
pub(super) async fn read(ctx: &Context, owner: &Owner) -> Result<Releases, IoError> {
    let name = owner.name.as_str();
    let selector = format!("{LABEL_MANAGED_BY}={MANAGED_BY},{LABEL_ENVIRONMENT}={name}");
    let (releases, metas) = try_join(
        of_environment(ctx, &owner.namespace, name),
        ctx.io
            .list_metadata::<ConfigMap>(&owner.namespace, &selector),
    )
    .await?;
    let records = releases.iter().filter_map(|r| Record::of(r, name));
    let prefix = format!("{name}-r");
    let numbered = |meta: ObjectMeta| {
        let text = meta.name.as_deref()?.strip_prefix(&prefix)?;
        let number: i64 = text.parse().ok()?;
        // `r07` is not the snapshot of release 7.
        (number.to_string() == text && owner.labelled(&meta)).then_some((number, meta))
    };
    Ok(Releases {
        records: records.collect(),
        releases,
        snapshots: metas
            .into_iter()
            .filter_map(|m| numbered(m.metadata))
            .collect(),
    })
}

/// Reads the release records of an environment. A record that does not decode is an error, because its number and its
/// hold would be missing. Those of other environments concern nobody here.
pub(super) async fn of_environment(
    ctx: &Context,
    namespace: &str,
    environment: &str,
) -> Result<Vec<CrokodialRelease>, IoError> {
    let ours = |r: &CrokodialRelease| Record::of(r, environment).is_some();
    let listed = ctx.io.list_guarded(namespace, "", ours).await?;
    let lost = |m: &&ObjectMeta| {
        let name = m.name.as_deref().unwrap_or_default();
        Record::environment_of(name) == Some(environment)
    };
    match listed.undecodable.iter().find(lost) {
        None => Ok(listed.items),
        Some(metadata) => Err(undecodable::<CrokodialRelease>(metadata)),
    }
}

/// Returns the release numbers with whose snapshot's name there is an object that the operator did not make. Looks only
/// at numbers for which a snapshot may be made: those of the releases that may run and have none, and those after the
/// largest known one, of which at most [`MAX_TAKEN`] are returned.
pub(super) async fn taken(
    ctx: &Context,
    owner: &Owner,
    children: &Children,
    records: &[Record],
    snapshots: &BTreeMap<i64, ObjectMeta>,
) -> Result<BTreeSet<i64>, IoError> {
    let mut taken = BTreeSet::new();
    let lost: BTreeSet<i64> = last_good(records)
        .map(Record::number)
        .into_iter()
        .chain(records.iter().filter(|r| r.spec.pin).map(Record::number))
        .chain(Workload::of(children.deployment()).release)
        .filter(|n| !snapshots.contains_key(n))
        .collect();
    for number in lost {
        if foreign(ctx, owner, number).await? {
            taken.insert(number);
        }
    }
    let largest = largest_release(children, records, snapshots);
    for number in (largest.saturating_add(1)..).take(MAX_TAKEN) {
        if !foreign(ctx, owner, number).await? {
            break;
        }
        taken.insert(number);
    }
    Ok(taken)
}

/// Returns true if an object that the operator did not make has the name of this release's snapshot.
async fn foreign(ctx: &Context, owner: &Owner, number: i64) -> Result<bool, IoError> {
    let name = Names::of(&owner.name).snapshot(number);
    let found = ctx.io.get_metadata::<ConfigMap>(&owner.namespace, &name);
    let found = found.await?;
    Ok(found.is_some_and(|object| !owner.labelled(&object.metadata)))
}

/// Maximum number of snapshots of an earlier operator version that one reconcile reads, to seal them.
const MAX_UNSEALED: usize = 10;

/// Maximum number of snapshots without a record that one reconcile reads, because their record may be made again.
const MAX_UNRECORDED: usize = 3;

/// Reads the snapshots of the releases that this reconcile may run: those of the newest release, the last Good release,
/// the pinned releases and the release in the Deployment, and the newest snapshots without a record. Also reads
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
    // The reconcile that made a snapshot may have been interrupted before it created the record.
    let unrecorded = |n: &&i64| !records.iter().any(|r| r.number() == **n);
    let gone = snapshots.keys().rev().filter(unrecorded);
    numbers.extend(gone.take(MAX_UNRECORDED));
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
