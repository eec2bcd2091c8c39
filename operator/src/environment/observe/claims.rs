//! Reads the claims to a domain from the environments and Ingresses of all watched namespaces.

use crokodial_crds::names::{LABEL_MANAGED_BY, MANAGED_BY};
use crokodial_crds::{CrokodialEnvironment, EnvironmentSpec};
use futures::future::{try_join, try_join_all};
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;

use crate::context::Context;
use crate::environment::hosts::Claim;
use crate::environment::model::children::Children;
use crate::environment::model::objects::carries;
use crate::environment::model::owner::Owner;
use crate::kube_io::IoError;

/// Reads the claims to the environment's domain. Reads nothing while the environment's own Ingress has a rule for the
/// domain, because the domain is then already assigned to this environment.
pub(super) async fn read(
    ctx: &Context,
    owner: &Owner,
    spec: &EnvironmentSpec,
    children: &Children,
) -> Result<Vec<Claim>, IoError> {
    let ours = children
        .ingress()
        .is_some_and(|i| owner.owns(i) && carries(i, &spec.domain));
    if ours {
        return Ok(Vec::new());
    }
    let reads = ctx
        .settings
        .watch_namespaces
        .iter()
        .map(|ns| claims_in(ctx, ns, &spec.domain));
    Ok(try_join_all(reads).await?.into_iter().flatten().collect())
}

async fn claims_in(ctx: &Context, namespace: &str, domain: &str) -> Result<Vec<Claim>, IoError> {
    let (environments, ingresses) = try_join(
        ctx.io
            .list::<kube::core::DeserializeGuard<CrokodialEnvironment>>(namespace, ""),
        ctx.io
            .list::<Ingress>(namespace, &format!("{LABEL_MANAGED_BY}={MANAGED_BY}")),
    )
    .await?;
    let routed = |name: &str| {
        ingresses
            .iter()
            .any(|i| i.name_any() == name && carries(i, domain))
    };
    let environments = environments.into_iter().filter_map(|e| e.0.ok());
    let claims = environments
        .filter(|e| e.spec.domain == domain || routed(&e.name_any()))
        .map(|e| Claim {
            namespace: namespace.to_owned(),
            created: e.creation_timestamp().map(|t| t.0),
            routed: routed(&e.name_any()),
            name: e.name_any(),
        });
    Ok(claims.collect())
}
