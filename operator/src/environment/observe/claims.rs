//! Reads the claims to a domain from the environments and Ingresses of all watched namespaces.

use crokodial_crds::names::{
    LABEL_ENVIRONMENT, LABEL_ENVIRONMENT_UID, LABEL_MANAGED_BY, MANAGED_BY,
};
use crokodial_crds::{CrokodialEnvironment, EnvironmentSpec};
use futures::future::try_join;
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use super::namespaces::{self, NamespaceReads};
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
) -> Result<NamespaceReads<Claim>, IoError> {
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
        return Ok(NamespaceReads::default());
    }
    let watched = ctx.settings.watch_namespaces.iter().map(String::as_str);
    let rivals = watched.filter(|ns| may_serve(ns));
    let mut claims =
        namespaces::read_each(owner, rivals, |ns| claims_in(ctx, owner, ns, domain)).await?;
    let is_own = |claim: &Claim| (claim.namespace.as_str(), claim.name.as_str()) == own;
    for claim in claims.found.iter_mut().filter(|c| is_own(c)) {
        // The Ingress of a deleted environment of this name is adopted with its host.
        claim.routed |= carried;
    }
    let all_known = claims.unreadable.is_empty();
    // The names of another tenant are not told.
    let foreign = |namespace: &str| !ctx.settings.tenants.same(&owner.namespace, namespace);
    for (_, cause) in claims.unreadable.iter_mut().filter(|(ns, _)| foreign(ns)) {
        *cause = "a namespace of another tenant cannot be read".to_owned();
    }
    if carried && all_known && keeper(&claims.found).is_some_and(is_own) {
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
            .list_guarded::<CrokodialEnvironment>(namespace, "", |_| true),
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
    let asks = |e: &&CrokodialEnvironment| e.spec.domain == domain || routed(&e.metadata);
    let claims = environments
        .items
        .iter()
        .filter(asks)
        .map(|e| claim(&e.metadata));
    // What the spec of these asks for is not known, but what they have stays theirs.
    let undecodable = environments
        .undecodable
        .iter()
        .map(claim)
        .filter(|c| c.routed);
    Ok(claims.chain(undecodable).collect())
}

/// True if the Ingress was made for this environment, by its name and its labels.
fn belongs(ingress: &Ingress, environment: &ObjectMeta) -> bool {
    let label = |key: &str| ingress.labels().get(key).map(String::as_str);
    ingress.metadata.name == environment.name
        && label(LABEL_ENVIRONMENT) == environment.name.as_deref()
        && label(LABEL_ENVIRONMENT_UID) == environment.uid.as_deref()
}
