//! Secrets that releases read which run or may run again. Their variables stay in `<env>-config-active` until no such
//! release reads them, whatever the spec names by then. All functions are pure.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;

use crate::release::record::{Record, last_good};
use crate::release::snapshot::Snapshot;
use crate::release::workload::Workload;

/// Returns the names of the Secrets that these releases read: the one in the Deployment, the last Good one and the pinned
/// ones. Snapshots of earlier operator versions name none.
pub fn of_releases(
    deployment: Option<&Deployment>,
    records: &[Record],
    frozen: &BTreeMap<i64, Snapshot>,
) -> Vec<String> {
    let pinned = records.iter().filter(|r| r.spec.pin && r.good());
    let releases = Workload::of(deployment)
        .release
        .into_iter()
        .chain(last_good(records).map(Record::number))
        .chain(pinned.map(Record::number));
    let named = releases.filter_map(|n| frozen.get(&n)?.frozen.secret_refs.as_deref());
    let mut names = Vec::new();
    for name in named.flatten() {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}
