//! Reads the attempts to check a Mongo URI.

use crokodial_crds::names::{
    COMPONENT_PREFLIGHT, LABEL_COMPONENT, LABEL_ENVIRONMENT, LABEL_MANAGED_BY, MANAGED_BY,
};
use futures::future::try_join;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Secret};

use crate::context::Context;
use crate::environment::credential_check::attempt::{self, Attempt};
use crate::environment::model::owner::Owner;
use crate::kube_io::IoError;

/// Reads the attempts from Jobs and Secrets, oldest first. `checks` must include the pods of these Jobs.
pub(super) async fn read(
    ctx: &Context,
    owner: &Owner,
    checks: &[Pod],
) -> Result<Vec<Attempt>, IoError> {
    let selector = format!(
        "{LABEL_MANAGED_BY}={MANAGED_BY},{LABEL_ENVIRONMENT}={},{LABEL_COMPONENT}={COMPONENT_PREFLIGHT}",
        owner.name
    );
    let (jobs, secrets) = try_join(
        ctx.io.list::<Job>(&owner.namespace, &selector),
        ctx.io.list::<Secret>(&owner.namespace, &selector),
    )
    .await?;
    Ok(attempt::read(owner, &jobs, &secrets, checks))
}
