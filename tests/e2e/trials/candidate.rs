//! Tests of candidate pods: bad releases and bad Secret values are rejected before they reach a serving pod.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use crokodial_cluster::deploy::pods::{self, PodState};
use crokodial_cluster::{Stage, wait::until};
use crokodial_crds::condition::ConditionType;
use crokodial_crds::{CrokodialRelease, ReleasePhase};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{EvictParams, Patch, PatchParams};
use serde_json::json;

use crate::support::images;
use crate::support::scratch::ScratchEnvironment;
use crate::support::world::World;
use crokodial_cluster::edge::site::Site;

const STAGING: Stage = Stage::Staging;

/// Returns the pods of a component (`web` or `candidate`) of an environment in staging's namespace.
async fn pods(world: &World, environment: &str, component: &str) -> anyhow::Result<Vec<PodState>> {
    pods::of(&world.client, &STAGING.namespace(), environment, component).await
}

/// Waits until the environment has no candidate pod.
async fn no_candidate(world: &World, environment: &str) -> anyhow::Result<()> {
    let within = Duration::from_secs(90);
    until(
        &world.progress,
        "the candidate to be gone",
        within,
        || async {
            let left = pods(world, environment, "candidate").await?;
            ensure!(left.is_empty(), "{left:?}");
            Ok(())
        },
    )
    .await
}

/// Edits the scratch environment and waits until the resulting release `number` is rejected. Checks that it has this
/// reason, that the serving pods stay and that the site answers.
async fn rejected(
    world: &World,
    scratch: &ScratchEnvironment<'_>,
    number: i64,
    edit: serde_json::Value,
    reason: &str,
) -> anyhow::Result<CrokodialRelease> {
    let before = pods(world, ScratchEnvironment::NAME, "web").await?;
    let start = Instant::now();
    scratch.edit(edit).await?;
    let release = scratch.until(number, &[ReleasePhase::Rejected]).await?;
    println!(
        "{reason}: rejected after {:.1} s",
        start.elapsed().as_secs_f32()
    );
    let status = release.status.clone().unwrap_or_default();
    ensure!(status.reason.as_deref() == Some(reason), "{status:?}");
    ensure!(
        pods(world, ScratchEnvironment::NAME, "web").await? == before,
        "a serving pod was changed"
    );
    ensure!(
        scratch.site()?.get("/").await?.status == 200,
        "the site does not answer"
    );
    no_candidate(world, ScratchEnvironment::NAME).await?;
    Ok(release)
}

/// Checks that releases with missing assets, a wrong start command or a failing release phase are rejected before they
/// serve users.
pub async fn bad_releases(world: &World) -> anyhow::Result<()> {
    let good = images::simulated(world, "candidate", &[]).await?;
    let bare = images::simulated(world, "bare", &["--no-assets"]).await?;
    let scratch = ScratchEnvironment::open(world, &good, "5s").await?;
    let release = rejected(world, &scratch, 2, json!({"image": bare}), "SmokeFailed").await?;
    let message = release.status.and_then(|s| s.message).unwrap_or_default();
    ensure!(
        message.contains("/app.js") && message.contains("404"),
        "{message}"
    );
    let start = json!({"image": good, "runtime": {"command": ["/no-such-program"]}});
    rejected(world, &scratch, 3, start, "CrashLoop").await?;
    let failing = json!({
        "runtime": {"command": null},
        "releasePhase": {"command": ["/simulated-app", "--no-such-fault"]},
    });
    let release = rejected(world, &scratch, 4, failing, "ReleasePhaseFailed").await?;
    let message = release.status.and_then(|s| s.message).unwrap_or_default();
    ensure!(message.contains("exit code 2"), "{message}");
    let log = world.kubectl(&["-n", &STAGING.namespace(), "logs", "job/scratch-release-4"])?;
    ensure!(log.contains("no fault that is known"), "{log}");
    let passing = json!({"releasePhase": {"command": ["/simulated-app", "--end-well"]}});
    scratch.edit(passing).await?;
    scratch.until(5, &[ReleasePhase::Good]).await?;
    scratch.close().await
}

/// Sets a variable to a value that the application cannot parse. The candidate pod must fail, and the serving pods must
/// stay.
pub async fn unreadable_config(world: &World) -> anyhow::Result<()> {
    let before = pods(world, STAGING.as_str(), "web").await?;
    let spec = world.environment(STAGING).await?.spec;
    let mut env = spec.config.env.clone();
    env.push(crokodial_crds::EnvVar {
        name: "LOG_FORMAT".to_owned(),
        value: "parchment".to_owned(),
    });
    let start = Instant::now();
    world.edit(STAGING, json!({"config": {"env": env}})).await?;
    let staging = (STAGING, STAGING.as_str());
    let within = Duration::from_secs(90);
    let stalled = world
        .condition(staging, ConditionType::Stalled, within, |c| {
            c.status == "True" && c.reason == "CrashLoop"
        })
        .await?;
    println!(
        "unreadable configuration: rejected after {:.1} s: {}",
        start.elapsed().as_secs_f32(),
        stalled.message
    );
    ensure!(stalled.message.contains("Next ("), "{}", stalled.message);
    let status = Site::https(world, STAGING.domain())?
        .get("/api/health")
        .await?
        .status;
    ensure!(status == 200, "staging answered {status}");
    no_candidate(world, STAGING.as_str()).await?;
    ensure!(
        pods(world, STAGING.as_str(), "web").await? == before,
        "a serving pod was changed"
    );
    world
        .edit(STAGING, json!({"config": {"env": spec.config.env}}))
        .await?;
    world.ready(STAGING).await
}

/// Sets a JWT secret that the application rejects. No serving pod may get the secret, not even pods that replace
/// evicted ones.
pub async fn bad_values(world: &World) -> anyhow::Result<()> {
    let secrets = world.secrets(STAGING);
    let old = secrets.get("dialer").await?.data.unwrap_or_default();
    let old = old
        .get("JWT_SECRET")
        .context("JWT_SECRET of secret dialer")?;
    let before = pods(world, STAGING.as_str(), "web").await?;
    let set = async |value: serde_json::Value| {
        let patch = Patch::Merge(json!({"data": {"JWT_SECRET": value}}));
        secrets
            .patch("dialer", &PatchParams::default(), &patch)
            .await
    };
    set(json!("c2hvcnQ=")).await?;
    let staging = (STAGING, STAGING.as_str());
    let start = Instant::now();
    let within = Duration::from_secs(120);
    let type_ = ConditionType::ConfigSecretsValid;
    let failed = world
        .condition(staging, type_, within, |c| c.reason == "CandidateFailed")
        .await?;
    println!(
        "bad value: refused after {:.1} s",
        start.elapsed().as_secs_f32()
    );
    ensure!(
        failed.status == "False" && failed.message.contains("Next ("),
        "{}",
        failed.message
    );
    ensure!(
        pods(world, STAGING.as_str(), "web").await? == before,
        "a serving pod was changed"
    );
    no_candidate(world, STAGING.as_str()).await?;
    evict_all(world).await?;
    let site = Site::https(world, STAGING.domain())?;
    until(
        &world.progress,
        "the site after the eviction",
        within,
        || async {
            let now = pods(world, STAGING.as_str(), "web").await?;
            ensure!(
                !now.iter().any(|p| before.contains(p)),
                "an old pod is left: {now:?}"
            );
            let status = site.get("/api/health").await?.status;
            ensure!(status == 200, "status {status}");
            Ok(())
        },
    )
    .await?;
    set(serde_json::to_value(old)?).await?;
    world
        .condition(staging, type_, within, |c| c.status == "True")
        .await?;
    world.ready(STAGING).await
}

/// Evicts every serving pod of staging, as `kubectl drain` does. Retries while a PodDisruptionBudget prevents an
/// eviction.
async fn evict_all(world: &World) -> anyhow::Result<()> {
    let api: Api<Pod> = Api::namespaced(world.client.clone(), &STAGING.namespace());
    for (name, _) in world.pods(STAGING).await? {
        let within = Duration::from_secs(60);
        until(
            &world.progress,
            &format!("the eviction of {name}"),
            within,
            || async {
                match api.evict(&name, &EvictParams::default()).await {
                    Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                    other => Ok(other.map(|_| ())?),
                }
            },
        )
        .await?;
    }
    Ok(())
}
