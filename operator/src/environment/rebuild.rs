//! Rebuilds snapshots that somebody deleted or forged, if their content is known. All functions are pure.
//!
//! A snapshot is known exactly if the spec still asks for the release's inputs and the pod template that is built from it
//! has the digest in the record, or if the template in the Deployment has it. If neither has the digest, the built template
//! is taken, although it may replace pods: the one in the Deployment was changed by somebody. Only if the record has no
//! digest is the one in the Deployment taken, if it fits the record.

use std::collections::BTreeMap;

use crokodial_crds::EnvironmentSpec;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde::Deserialize as _;
use serde_json::Value;

use super::build::release;
use super::effective::Effective;
use super::model::annotations::{CREDENTIALS, RESTART};
use super::model::observed::Observed;
use super::model::owner::Owner;
use super::running;
use super::validate;
use crate::release::inputs;
use crate::release::record::{Record, last_good};
use crate::release::snapshot::{Frozen, Snapshot};
use crate::release::workload::Workload;

/// Adds the snapshots that can be rebuilt to the observed state. The releases whose snapshots are needed are the last
/// Good one, the pinned ones and the one in the Deployment.
pub fn complete(
    owner: &Owner,
    spec: &EnvironmentSpec,
    effective: &Effective,
    observed: &mut Observed,
) {
    let running = Workload::of(observed.children.deployment()).release;
    let good = last_good(&observed.records).map(Record::number);
    let needed = |r: &&Record| {
        let number = Some(r.number());
        r.status.is_some() && (number == good || number == running || (r.spec.pin && r.good()))
    };
    let gone = |n: i64| {
        let invalid = observed.seals.invalid.contains_key(&n);
        let found = observed.snapshots.get(&n);
        // Its name is free only when its finalizers are gone.
        let ending = found.is_some_and(|found| found.deletion_timestamp.is_some());
        !observed.frozen.contains_key(&n)
            && !observed.taken.contains(&n)
            && !ending
            && (invalid || found.is_none())
    };
    let lost = observed.records.iter().filter(needed);
    let lost: Vec<&Record> = lost.filter(|r| gone(r.number())).collect();
    let known: Vec<Snapshot> = lost
        .into_iter()
        .filter_map(|record| content(owner, spec, effective, observed, record))
        .collect();
    for snapshot in known {
        let number = snapshot.frozen.number;
        let object = release::snapshot(owner, effective, &snapshot, &observed.isolation);
        if let Ok(object) = object {
            let seals = &mut observed.seals;
            seals.digests.insert(number, snapshot.digest());
            seals.rebuilt.insert(number, object);
            observed.frozen.insert(number, snapshot);
        }
    }
}

/// Returns the content of the snapshot of this release, if it is known.
fn content(
    owner: &Owner,
    spec: &EnvironmentSpec,
    effective: &Effective,
    observed: &Observed,
    record: &Record,
) -> Option<Snapshot> {
    let config = validate::config_values(spec, observed).ok()?;
    let digest = record.spec.digest.parse().ok()?;
    let built = release::content(owner, spec, effective, &record.spec, &config).ok()?;
    let stored = record.status.as_ref()?.snapshot_digest.as_ref();
    let exact = |snapshot: &Snapshot| Some(&snapshot.digest()) == stored;
    let unnamed = |mut snapshot: Snapshot| {
        snapshot.frozen.secret_refs = None;
        snapshot
    };
    let asked_for = inputs::hash(&digest, spec, &config) == record.spec.inputs;
    if asked_for {
        let both = [built.clone(), unnamed(built.clone())];
        if let Some(known) = both.into_iter().find(exact) {
            return Some(known);
        }
    }
    let live = observed.children.deployment().filter(|d| owner.owns(*d));
    let runs = live.filter(|d| Workload::of(Some(d)).release == Some(record.number()));
    let Some(template) = runs.and_then(template) else {
        // No pod of it is left that a built template could replace.
        return asked_for.then_some(built);
    };
    let with = |config: &BTreeMap<String, String>| Snapshot {
        frozen: Frozen {
            template: template.clone(),
            ..built.frozen.clone()
        },
        stored: None,
        config: config.clone(),
    };
    let candidates = [with(&config), with(&BTreeMap::new())];
    let earlier = candidates.clone().map(unnamed);
    let known = candidates.into_iter().chain(earlier).find(exact);
    if known.is_some() || !asked_for {
        return known;
    }
    // A template that does not have the stored digest was changed by somebody. A built one may replace pods, but it is
    // the operator's.
    let told = stored.is_some_and(|digest| digest.starts_with("sha256:"));
    let live = Some(with(&config)).filter(|s| !told && s.misfit(record).is_none());
    Some(live.unwrap_or(built))
}

/// Returns the pod template that the operator applied to a Deployment (see [`running::applied_template_of`]), without the
/// annotation that is not part of the snapshot.
fn template(deployment: &Deployment) -> Option<Value> {
    let mut template = running::applied_template_of(deployment)?;
    let metadata = template.get_mut("metadata")?.as_object_mut()?;
    metadata.retain(|_, value| !value.is_null());
    if let Some(annotations) = metadata
        .get_mut("annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.remove(CREDENTIALS);
        annotations.remove(RESTART);
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    PodTemplateSpec::deserialize(&template).ok()?;
    Some(template)
}
