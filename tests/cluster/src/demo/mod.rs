//! Demonstrations: `make demo-promote` promotes a new image from staging to prod, and `make demo-data` fills staging
//! with generated leads.

pub mod data;

use anyhow::Context;
use crokodial_crds::CrokodialEnvironment;
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use crate::deploy::environments::wait_ready;
use crate::deploy::images::{self, Image};
use crate::{Cluster, Progress, Stage};

/// Builds the dialer image under a new tag and rolls it out, first in staging and then in prod.
///
/// # Errors
/// When the image cannot be built or pushed, or an environment does not become Ready.
pub async fn promote(cluster: &Cluster, progress: &Progress) -> anyhow::Result<()> {
    // Seconds since the Unix epoch, so that the tag is newer than the tags of earlier demos.
    let tag = format!("dev-{}", Timestamp::now().as_second());
    let pushed = images::push(cluster, Image::Dialer, &tag, &[], progress).await?;
    let client = cluster.client().await?;
    for stage in Stage::ALL {
        progress.say(&format!("setting {} to {tag}", stage.as_str()));
        set_image(&client, stage, &pushed.reference).await?;
        wait_ready(&client, stage, progress).await?;
        progress.say(&format!("{} serves {tag}", stage.as_str()));
    }
    Ok(())
}

/// Sets `spec.image` of the environment of `stage`. A promotion changes no other field.
///
/// # Errors
/// When the API server rejects the change.
pub async fn set_image(client: &Client, stage: Stage, image: &str) -> anyhow::Result<()> {
    let api: Api<CrokodialEnvironment> = Api::namespaced(client.clone(), &stage.namespace());
    let patch = json!({"spec": {"image": image}});
    api.patch(
        stage.as_str(),
        &PatchParams::default(),
        &Patch::Merge(&patch),
    )
    .await
    .with_context(|| format!("setting the image of {}", stage.as_str()))?;
    Ok(())
}
