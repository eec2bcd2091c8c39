//! Reads what the tenant of an environment allows it, and whether the tenant has too many environments.

use crokodial_crds::CrokodialEnvironment;
use kube::ResourceExt;

use super::namespaces;
use crate::context::Context;
use crate::environment::model::children::Children;
use crate::environment::model::owner::Owner;
use crate::environment::model::tenancy::Tenancy;
use crate::kube_io::IoError;
use crate::release::record::Record;

/// Reads what the tenant of the environment allows it. The environments of the tenant are only counted for one that never
/// ran anything.
pub(super) async fn read(
    ctx: &Context,
    owner: &Owner,
    children: &Children,
    records: &[Record],
) -> Result<Tenancy, IoError> {
    let tenants = &ctx.settings.tenants;
    let is_new = records.is_empty() && children.deployment().is_none();
    let limit = tenants.max_environments(&owner.namespace);
    let refused_by_limit = match limit.filter(|_| is_new) {
        Some(limit) if older(ctx, owner).await? >= limit => Some(limit),
        _ => None,
    };
    Ok(Tenancy {
        hosts: tenants.hosts(&owner.namespace),
        ca_secret: tenants.ca_secret(&owner.namespace),
        refused_by_limit,
    })
}

/// Counts the environments of the tenant that were created before this one. Ties are broken by namespace and name.
async fn older(ctx: &Context, owner: &Owner) -> Result<usize, IoError> {
    let namespaces = ctx.settings.peers(&owner.namespace);
    // What cannot be read is not counted: the limit is no reason to stop the tenant's other namespaces.
    let list = |ns| ctx.io.list_metadata::<CrokodialEnvironment>(ns, "");
    let all = namespaces::read_each(owner, namespaces, list).await?;
    let own = (
        owner.created,
        owner.namespace.clone(),
        owner.name.to_string(),
    );
    let ages = all.found.iter().map(|environment| {
        let created = environment.creation_timestamp().map(|time| time.0);
        let namespace = environment.namespace().unwrap_or_default();
        (created, namespace, environment.name_any())
    });
    Ok(ages.filter(|age| *age < own).count())
}
