//! Who wants a domain: read from the environments and routes of every namespace that is watched.

use crokodial_crds::names::{LABEL_MANAGED_BY, MANAGED_BY};
use crokodial_crds::{CrokodialEnvironment, EnvironmentSpec};
use futures::future::{try_join, try_join_all};
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;

use super::build::Children;
use super::hosts::Claim;
use super::observe::carries;
use super::owner::Owner;
use crate::context::Context;
use crate::kube_io::IoError;

/// Who wants the domain. While our own Ingress carries it we are its keeper, and nobody need be asked.
pub async fn claims(
    ctx: &Context,
    owner: &Owner,
    spec: &EnvironmentSpec,
    children: &Children,
) -> Result<Vec<Claim>, IoError> {
    let ours = children
        .ingress
        .as_ref()
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
