//! Builds the record and the snapshot of a new release.

use std::collections::BTreeMap;

use crokodial_crds::names::{Children as Names, ImageRef, LABEL_RELEASE};
use crokodial_crds::{CrokodialRelease, EnvironmentSpec, ReleaseSpec};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use super::pod_template;
use crate::environment::effective::Effective;
use crate::environment::error::BuildError;
use crate::environment::isolation::{Isolation, KEY_SECRET};
use crate::environment::model::annotations::SEAL;
use crate::environment::model::owner::Owner;
use crate::release::snapshot::{Frozen, Snapshot};

/// Builds the content of the snapshot of a release: pod template, smoke checks and release phase. `config` is the merged
/// data of the referenced ConfigMaps. Fails if the image or digest does not parse.
pub fn content(
    owner: &Owner,
    spec: &EnvironmentSpec,
    effective: &Effective,
    release: &ReleaseSpec,
    config: &BTreeMap<String, String>,
) -> Result<Snapshot, BuildError> {
    let image: ImageRef = release.image.parse()?;
    let pinned = image.at(release.digest.parse()?).to_string();
    let template = pod_template::build(owner, spec, effective, release.number, &pinned);
    let frozen = Frozen {
        number: release.number,
        inputs: release.inputs.clone(),
        template,
        smoke: Some(effective.smoke.clone()),
        secret_refs: Some(
            spec.config
                .secret_refs
                .iter()
                .map(|r| r.name.clone())
                .collect(),
        ),
        release_phase: effective.release_phase.clone(),
    };
    Ok(Snapshot {
        frozen,
        stored: None,
        config: config.clone(),
    })
}

/// Builds the ConfigMap with a snapshot and its seal. Fails if the content is too large.
pub fn snapshot(
    owner: &Owner,
    effective: &Effective,
    snapshot: &Snapshot,
    isolation: &Isolation,
) -> Result<ConfigMap, BuildError> {
    let number = snapshot.frozen.number;
    let name = Names::of(&owner.name).snapshot(number);
    let mut object = snapshot.to_config_map()?;
    object.metadata = metadata(owner, &name, number, effective);
    let seal = isolation.seal(number, &snapshot.digest());
    object
        .annotations_mut()
        .extend(seal.map(|seal| (SEAL.to_owned(), seal)));
    Ok(object)
}

/// Builds the ConfigMap of a new release. Fails if the content is too large, or if the operator has no key to seal it with:
/// an unsealed snapshot does not count, so the next reconcile would make a release again, without end.
pub fn sealed(
    owner: &Owner,
    effective: &Effective,
    content: &Snapshot,
    isolation: &Isolation,
) -> Result<ConfigMap, BuildError> {
    if !isolation.key().is_secret() {
        return Err(BuildError::NoKey(KEY_SECRET));
    }
    snapshot(owner, effective, content, isolation)
}

/// Builds the `CrokodialRelease` of a new release, without a status.
pub fn record(owner: &Owner, effective: &Effective, release: &ReleaseSpec) -> CrokodialRelease {
    let name = Names::of(&owner.name).release(release.number);
    let mut record = CrokodialRelease::new(&name, release.clone());
    record.metadata = metadata(owner, &name, release.number, effective);
    record
}

fn metadata(owner: &Owner, name: &str, number: i64, effective: &Effective) -> ObjectMeta {
    let mut metadata: ObjectMeta =
        serde_json::from_value(owner.metadata(name, effective.deletion_policy)).unwrap_or_default();
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(LABEL_RELEASE.to_owned(), number.to_string());
    metadata
}
