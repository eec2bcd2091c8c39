//! Reads the child objects that exist in the cluster.

use crokodial_crds::names::Children as Names;
use futures::future::{try_join, try_join_all};

use super::trials;
use crate::context::Context;
use crate::environment::model::children::{ChildKind, Children};
use crate::environment::model::owner::Owner;
use crate::kube_io::IoError;

/// Reads all child objects and release phase Jobs concurrently, so this takes only as long as the slowest read.
pub(super) async fn read(ctx: &Context, owner: &Owner) -> Result<Children, IoError> {
    let names = Names::of(&owner.name);
    let reads = ChildKind::all().map(|kind| async move {
        let name = kind.name(names);
        let found = kind.api().get(&ctx.io, &owner.namespace, &name).await?;
        Ok(found.map(|object| (kind, object)))
    });
    let (found, release_jobs) = try_join(try_join_all(reads), trials::jobs(ctx, owner)).await?;
    Ok(Children::of(
        found.into_iter().flatten().collect(),
        release_jobs,
    ))
}
