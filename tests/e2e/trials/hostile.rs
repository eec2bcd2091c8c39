//! Tests of objects that a tenant makes to harm others.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use crokodial_cluster::Stage;
use crokodial_cluster::layout::REGISTRY;
use crokodial_crds::condition::ConditionType;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

use crate::support::scratch::ScratchEnvironment;
use crate::support::world::World;

const STAGING: Stage = Stage::Staging;
/// Name of the Secret.
const SECRET: &str = "trial-stars";
/// Number of stars in the host pattern of the Secret.
const STARS: usize = 100_000;
/// Timeout for the answer of the registry to be in the status.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(5);

/// Gives the scratch environment a pull secret whose host pattern has 100,000 stars, and an image that does not exist. The
/// status must say in time that there is no such image. The environment must be Ready before and is Ready after it.
pub async fn pull_secret(world: &World, image: &str) -> anyhow::Result<()> {
    let hosts = json!({"auths": {format!("{}.test", "*".repeat(STARS)): {"auth": BASE64_STANDARD.encode("u:p")}}});
    let secret = serde_json::from_value(json!({
        "metadata": {"name": SECRET},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": BASE64_STANDARD.encode(hosts.to_string())},
    }))?;
    let secrets = world.secrets(STAGING);
    secrets.create(&PostParams::default(), &secret).await?;
    let scratch = ScratchEnvironment::of(world);
    let absent = format!("{REGISTRY}/crokodial/absent:1");
    scratch
        .edit(json!({"image": absent, "imagePullSecrets": [{"name": SECRET}]}))
        .await?;
    let named = (STAGING, ScratchEnvironment::NAME);
    let type_ = ConditionType::ImageResolved;
    let answered = world
        .condition(named, type_, VERDICT_TIMEOUT, |c| {
            c.reason == "ImageNotFound"
        })
        .await;
    scratch
        .edit(json!({"image": image, "imagePullSecrets": null}))
        .await?;
    secrets.delete(SECRET, &DeleteParams::default()).await?;
    answered.map(|_| ())
}
