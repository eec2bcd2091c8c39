//! Reads the annotations of `<env>-mongo-active` and `<env>-config-active` of other environments of the same tenant. Only
//! metadata is requested, never values.

use std::collections::BTreeSet;

use crokodial_crds::names::{LABEL_ENVIRONMENT, LABEL_MANAGED_BY, MANAGED_BY};
use crokodial_crds::{CrokodialEnvironment, Stage};
use futures::future::try_join;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use super::authority;
use super::namespaces;
use crate::context::Context;
use crate::environment::isolation::{Isolation, Other};
use crate::environment::model::annotations::{MARKS, STAGE, VALUES, list};
use crate::environment::model::owner::Owner;
use crate::fingerprint::NewKey;
use crate::kube_io::IoError;

/// Reads the annotations of `<env>-mongo-active` and `<env>-config-active` in all namespaces of the tenant, and the HMAC key
/// for fingerprints. If no key is stored yet, also returns a new key to store.
pub(super) async fn read(
    ctx: &Context,
    owner: &Owner,
    stage: Stage,
) -> Result<(Isolation, Option<NewKey>), IoError> {
    let peers = ctx.settings.peers(&owner.namespace);
    let others = namespaces::read_each(owner, peers, |ns| others(ctx, owner, stage, ns));
    let ((key, new_key), others) = try_join(authority::key(ctx), others).await?;
    let isolation = Isolation::new(owner, stage, key, others.found);
    let causes = others.unreadable.into_iter().map(|(_, cause)| cause);
    Ok((isolation.without(causes.collect()), new_key))
}

/// Reads the environments of the other stage in one namespace.
async fn others(
    ctx: &Context,
    owner: &Owner,
    stage: Stage,
    namespace: &str,
) -> Result<Vec<Other>, IoError> {
    let selector = format!("{LABEL_MANAGED_BY}={MANAGED_BY}");
    let copies = ctx.io.list_metadata::<Secret>(namespace, &selector).await?;
    let found = copies
        .iter()
        .filter_map(|copy| other(&copy.metadata, owner));
    let mut found: Vec<(&str, Other)> = found.filter(|(_, o)| o.stage != stage.as_str()).collect();
    if !found.is_empty() {
        let existing = ctx.io.list_metadata::<CrokodialEnvironment>(namespace, "");
        let existing: BTreeSet<String> =
            existing.await?.iter().map(ResourceExt::name_any).collect();
        for (name, other) in &mut found {
            other.deleted = !existing.contains(*name);
        }
    }
    if found.iter().any(|(_, o)| o.deleted) {
        let running = running(ctx, namespace, &selector).await?;
        // Of a deleted environment, only pods can still use the database.
        found.retain(|(name, o)| !o.deleted || running.contains(*name));
    }
    Ok(found.into_iter().map(|(_, other)| other).collect())
}

/// Reads the names of the operator's Deployments that want pods.
async fn running(
    ctx: &Context,
    namespace: &str,
    selector: &str,
) -> Result<BTreeSet<String>, IoError> {
    let all = ctx.io.list::<Deployment>(namespace, selector).await?;
    let wants = |d: &&Deployment| d.spec.as_ref().is_some_and(|s| s.replicas != Some(0));
    Ok(all
        .iter()
        .filter(wants)
        .map(ResourceExt::name_any)
        .collect())
}

/// Returns the name of the environment that a Secret belongs to, and what its annotations say; `None` for the owner's
/// own Secrets, and for those without these annotations.
fn other<'a>(copy: &'a ObjectMeta, owner: &Owner) -> Option<(&'a str, Other)> {
    let annotations = copy.annotations.as_ref()?;
    let stage = annotations.get(STAGE)?.clone();
    let name = copy.labels.as_ref()?.get(LABEL_ENVIRONMENT)?;
    let namespace = copy.namespace.as_deref().unwrap_or_default();
    if (namespace, name.as_str()) == (owner.namespace.as_str(), owner.name.as_str()) {
        return None;
    }
    let entries = |key: &str| annotations.get(key).map(|t| list(t)).unwrap_or_default();
    let other = Other {
        environment: format!("{namespace}/{name}"),
        deleted: false,
        stage,
        since: copy.creation_timestamp.as_ref().map(|t| t.0),
        database: entries(MARKS),
        values: entries(VALUES).into_iter().collect(),
    };
    Some((name, other))
}
