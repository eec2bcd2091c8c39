//! Reads the annotations of `<env>-mongo-active` and `<env>-config-active` of other environments of the same tenant. Only
//! metadata is requested, never values.

use crokodial_crds::Stage;
use crokodial_crds::names::{LABEL_ENVIRONMENT, LABEL_MANAGED_BY, MANAGED_BY};
use futures::future::{try_join, try_join_all};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::authority;
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
    let selector = format!("{LABEL_MANAGED_BY}={MANAGED_BY}");
    let namespaces = ctx.settings.peers(&owner.namespace);
    let reads = namespaces.map(|ns| ctx.io.list_metadata::<Secret>(ns, &selector));
    let ((key, new_key), found) = try_join(authority::key(ctx), try_join_all(reads)).await?;
    let copies = found.into_iter().flatten();
    let others = copies.filter_map(|secret| other(&secret.metadata, owner));
    let isolation = Isolation::new(owner, stage, key, others.collect());
    Ok((isolation, new_key))
}

fn other(copy: &ObjectMeta, owner: &Owner) -> Option<Other> {
    let annotations = copy.annotations.as_ref()?;
    let stage = annotations.get(STAGE)?.clone();
    let name = copy.labels.as_ref()?.get(LABEL_ENVIRONMENT)?;
    let namespace = copy.namespace.as_deref().unwrap_or_default();
    if (namespace, name.as_str()) == (owner.namespace.as_str(), owner.name.as_str()) {
        return None;
    }
    let entries = |key: &str| annotations.get(key).map(|t| list(t)).unwrap_or_default();
    Some(Other {
        environment: format!("{namespace}/{name}"),
        stage,
        since: copy.creation_timestamp.as_ref().map(|t| t.0),
        database: entries(MARKS),
        values: entries(VALUES).into_iter().collect(),
    })
}
