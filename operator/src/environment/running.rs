//! Facts about what runs: they come from the pod template of the release that runs, not from the spec, which may ask for
//! a release that is held, gated or not made yet. All functions are pure.

use std::collections::{BTreeMap, BTreeSet};

use crokodial_crds::names::LABEL_RELEASE;
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::Value;

use super::model::children::MANAGER;
use super::model::owned_fields;
use super::model::owner::Owner;
use crate::release::record::Record;
use crate::release::snapshot::{self, Snapshot};
use crate::release::workload::Workload;

/// Returns the pod template of a Deployment as JSON; `None` if it cannot be serialized, which does not happen.
pub fn template_of(deployment: &Deployment) -> Option<Value> {
    let template = &deployment.spec.as_ref()?.template;
    serde_json::to_value(template).ok()
}

/// Returns the part of a Deployment's pod template that the operator applied, without what the API server, webhooks and
/// people added or changed. Returns the whole template if the field owners are not known, or if somebody changed the
/// image: without it, the rest is no pod template.
pub fn applied_template_of(deployment: &Deployment) -> Option<Value> {
    let whole = |template: &Value| template.pointer("/spec/containers/0/image").is_some();
    let applied = owned_template_of(deployment).filter(whole);
    applied.or_else(|| template_of(deployment))
}

/// Returns the number of the release whose pod template the operator put into its Deployment. A number that somebody else
/// wrote there does not count.
pub fn owned_release(owner: &Owner, deployment: Option<&Deployment>) -> Option<i64> {
    let template = owned_template_of(deployment.filter(|d| owner.owns(*d))?)?;
    let labels = template.get("metadata")?.get("labels")?;
    labels.get(LABEL_RELEASE)?.as_str()?.parse().ok()
}

/// Returns the release that the operator put into its Deployment, if no record says why. A release gets there by rolling, so
/// a record without a status, or one that was begun anew, says nothing about it.
pub fn unrecorded(
    owner: &Owner,
    deployment: Option<&Deployment>,
    records: &[Record],
) -> Option<i64> {
    let number = owned_release(owner, deployment)?;
    let says_why = |r: &Record| r.number() == number && r.may_be_deployed();
    (!records.iter().any(says_why)).then_some(number)
}

fn owned_template_of(deployment: &Deployment) -> Option<Value> {
    let entries = deployment.metadata.managed_fields.as_deref()?;
    let ours = entries.iter().find(|entry| {
        let manager = entry.manager.as_deref() == Some(MANAGER);
        manager && entry.operation.as_deref() == Some("Apply") && entry.subresource.is_none()
    });
    let fields = ours?.fields_v1.as_ref()?.0.pointer("/f:spec/f:template")?;
    Some(owned_fields::select(&template_of(deployment)?, fields))
}

/// Returns the path at which the pods of `release` answer probes; without a release, that of the pods in the Deployment.
/// `None` if no template is known.
pub fn health_path(
    release: Option<i64>,
    deployment: Option<&Deployment>,
    frozen: &BTreeMap<i64, Snapshot>,
) -> Option<String> {
    let in_deployment = Workload::of(deployment).release;
    let number = release.or(in_deployment);
    let recorded = number.and_then(|n| frozen.get(&n));
    let recorded = recorded.and_then(|s| snapshot::health_path(&s.frozen.template));
    recorded.or_else(|| {
        let deployment = deployment.filter(|_| number == in_deployment)?;
        snapshot::health_path(&template_of(deployment)?)
    })
}

/// Returns the ports at which pods of these releases, and those in the Deployment, listen.
pub fn ports(
    releases: impl IntoIterator<Item = i64>,
    deployment: Option<&Deployment>,
    frozen: &BTreeMap<i64, Snapshot>,
) -> BTreeSet<u16> {
    let recorded = releases
        .into_iter()
        .filter_map(|n| frozen.get(&n)?.frozen.port());
    let live = deployment.and_then(template_of);
    let live = live.and_then(|template| snapshot::http_port(&template));
    recorded.chain(live).collect()
}
