//! Reads the claims to a domain from the environments and Ingresses of all watched namespaces.

use crokodial_crds::names::{
    LABEL_ENVIRONMENT, LABEL_ENVIRONMENT_UID, LABEL_MANAGED_BY, MANAGED_BY,
};
use crokodial_crds::{CrokodialEnvironment, EnvironmentSpec};
use futures::future::{try_join, try_join_all};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::core::DeserializeGuard;

use crate::context::Context;
use crate::environment::hosts::{Claim, keeper};
use crate::environment::model::children::Children;
use crate::environment::model::objects::carries;
use crate::environment::model::owner::Owner;
use crate::kube_io::IoError;

/// Reads the claims to the environment's domain. Reads nothing if the tenant may not use the domain, nor while the
/// environment's own Ingress has a rule for the domain and it was found before that the domain is this environment's. A
/// claim is read once more after the Ingress was written, because another environment may have written one at the same
/// time.
pub(super) async fn read(
    ctx: &Context,
    owner: &Owner,
    spec: &EnvironmentSpec,
    children: &Children,
) -> Result<Vec<Claim>, IoError> {
    let (domain, own) = (
        spec.domain.as_str(),
        (owner.namespace.as_str(), owner.name.as_str()),
    );
    let carried = children
        .ingress()
        .is_some_and(|i| owner.owns(i) && carries(i, domain));
    let confirmed = carried && ctx.confirmed_hosts.is(own, &owner.uid, domain);
    let may_serve = |ns: &str| ctx.settings.tenants.hosts(ns).allows(domain);
    if confirmed || !may_serve(&owner.namespace) {
        return Ok(Vec::new());
    }
    let watched = ctx.settings.watch_namespaces.iter().map(String::as_str);
    let namespaces = watched.filter(|ns| may_serve(ns));
    let reads = namespaces.map(|ns| claims_in(ctx, owner, ns, domain));
    let all = try_join_all(reads).await?;
    let mut claims: Vec<Claim> = all.into_iter().flatten().collect();
    let is_own = |claim: &Claim| (claim.namespace.as_str(), claim.name.as_str()) == own;
    for claim in claims.iter_mut().filter(|c| is_own(c)) {
        // The Ingress of a deleted environment of this name is adopted with its host.
        claim.routed |= carried;
    }
    if carried && keeper(&claims).is_some_and(is_own) {
        ctx.confirmed_hosts.confirm(own, &owner.uid, domain);
    }
    Ok(claims)
}

async fn claims_in(
    ctx: &Context,
    owner: &Owner,
    namespace: &str,
    domain: &str,
) -> Result<Vec<Claim>, IoError> {
    let (environments, ingresses) = try_join(
        ctx.io
            .list::<DeserializeGuard<CrokodialEnvironment>>(namespace, ""),
        ctx.io
            .list::<Ingress>(namespace, &format!("{LABEL_MANAGED_BY}={MANAGED_BY}")),
    )
    .await?;
    let routed = |environment: &ObjectMeta| {
        ingresses
            .iter()
            .any(|ingress| belongs(ingress, environment) && carries(ingress, domain))
    };
    let same_tenant = ctx.settings.tenants.same(&owner.namespace, namespace);
    let claim = |metadata: &ObjectMeta| {
        let name = metadata.name.clone().unwrap_or_default();
        let uid = metadata.uid.as_deref().unwrap_or_default();
        let routed = routed(metadata);
        Claim {
            namespace: namespace.to_owned(),
            created: metadata.creation_timestamp.as_ref().map(|t| t.0),
            routed,
            confirmed: routed && ctx.confirmed_hosts.is((namespace, &name), uid, domain),
            same_tenant,
            name,
        }
    };
    let environments = environments.into_iter().filter_map(|e| e.0.ok());
    let claims = environments
        .filter(|e| e.spec.domain == domain || routed(&e.metadata))
        .map(|e| claim(&e.metadata));
    Ok(claims.collect())
}

/// True if the Ingress was made for this environment, by its name and its labels.
fn belongs(ingress: &Ingress, environment: &ObjectMeta) -> bool {
    let label = |key: &str| ingress.labels().get(key).map(String::as_str);
    ingress.metadata.name == environment.name
        && label(LABEL_ENVIRONMENT) == environment.name.as_deref()
        && label(LABEL_ENVIRONMENT_UID) == environment.uid.as_deref()
}
