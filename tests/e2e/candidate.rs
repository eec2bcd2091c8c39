//! What proves a release, and values, before they get traffic: a bad change never reaches a pod that serves.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use crokodial_crds::condition::ConditionType;
use crokodial_crds::{CrokodialRelease, ReleasePhase};
use crokodial_e2e::cluster::{Stage, wait::until};
use crokodial_e2e::deploy::pods::{self, Seen};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{EvictParams, Patch, PatchParams};
use serde_json::json;

use crate::http::Site;
use crate::images;
use crate::lab::Lab;
use crate::world::World;

const STAGING: Stage = Stage::Staging;

/// Pods of an environment of staging's namespace, by component.
async fn pods(world: &World, environment: &str, component: &str) -> anyhow::Result<Vec<Seen>> {
    pods::of(&world.client, &STAGING.namespace(), environment, component).await
}

/// The candidate is gone: nothing is left that could start or pull again.
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

/// An edit that must be rejected so, with the pods that serve left alone and the site answering.
async fn rejected(
    world: &World,
    lab: &Lab<'_>,
    number: i64,
    edit: serde_json::Value,
    reason: &str,
) -> anyhow::Result<CrokodialRelease> {
    let before = pods(world, Lab::NAME, "web").await?;
    let began = Instant::now();
    lab.edit(edit).await?;
    let release = lab.until(number, &[ReleasePhase::Rejected]).await?;
    println!(
        "{reason}: rejected after {:.1} s",
        began.elapsed().as_secs_f32()
    );
    let status = release.status.clone().unwrap_or_default();
    ensure!(status.reason.as_deref() == Some(reason), "{status:?}");
    ensure!(
        pods(world, Lab::NAME, "web").await? == before,
        "a pod that serves was touched"
    );
    ensure!(
        lab.site()?.get("/").await?.status == 200,
        "the site does not answer"
    );
    no_candidate(world, Lab::NAME).await?;
    Ok(release)
}

/// A UI without its assets, a wrong start command and a failing release phase: all rejected before a user meets them.
pub async fn bad_releases(world: &World) -> anyhow::Result<()> {
    let good = images::simulated(world, "candidate", &[]).await?;
    let bare = images::simulated(world, "bare", &["--no-assets"]).await?;
    let lab = Lab::open(world, &good, "5s").await?;
    let made = rejected(world, &lab, 2, json!({"image": bare}), "SmokeFailed").await?;
    let said = made.status.and_then(|s| s.message).unwrap_or_default();
    ensure!(said.contains("/app.js") && said.contains("404"), "{said}");
    let start = json!({"image": good, "runtime": {"command": ["/no-such-program"]}});
    rejected(world, &lab, 3, start, "CrashLoop").await?;
    let failing = json!({
        "runtime": {"command": null},
        "releasePhase": {"command": ["/simulated-app", "--no-such-fault"]},
    });
    let made = rejected(world, &lab, 4, failing, "ReleasePhaseFailed").await?;
    let said = made.status.and_then(|s| s.message).unwrap_or_default();
    ensure!(said.contains("exit code 2"), "{said}");
    let log = world.kubectl(&["-n", &STAGING.namespace(), "logs", "job/lab-release-4"])?;
    ensure!(log.contains("no fault that is known"), "{log}");
    let passing = json!({"releasePhase": {"command": ["/simulated-app", "--end-well"]}});
    lab.edit(passing).await?;
    lab.until(5, &[ReleasePhase::Good]).await?;
    lab.close().await
}

/// A variable that the real application cannot read: its candidate ends, and what serves is not touched.
pub async fn unreadable_config(world: &World) -> anyhow::Result<()> {
    let before = pods(world, STAGING.as_str(), "web").await?;
    let spec = world.environment(STAGING).await?.spec;
    let mut env = spec.config.env.clone();
    env.push(crokodial_crds::EnvVar {
        name: "LOG_FORMAT".to_owned(),
        value: "parchment".to_owned(),
    });
    let began = Instant::now();
    world.edit(STAGING, json!({"config": {"env": env}})).await?;
    let staging = (STAGING, STAGING.as_str());
    let within = Duration::from_secs(90);
    let told = world
        .condition(staging, ConditionType::Stalled, within, |c| {
            c.status == "True" && c.reason == "CrashLoop"
        })
        .await?;
    println!(
        "unreadable configuration: rejected after {:.1} s: {}",
        began.elapsed().as_secs_f32(),
        told.message
    );
    ensure!(told.message.contains("Next ("), "{}", told.message);
    let status = Site::https(world, STAGING.domain())?
        .get("/api/health")
        .await?
        .status;
    ensure!(status == 200, "staging answered {status}");
    no_candidate(world, STAGING.as_str()).await?;
    ensure!(
        pods(world, STAGING.as_str(), "web").await? == before,
        "a pod that serves was touched"
    );
    world
        .edit(STAGING, json!({"config": {"env": spec.config.env}}))
        .await?;
    world.ready(STAGING).await
}

/// A JWT secret the app refuses: no pod that serves reads it, not even after all of them were evicted.
pub async fn bad_values(world: &World) -> anyhow::Result<()> {
    let secrets = world.secrets(STAGING);
    let old = secrets.get("dialer").await?.data.unwrap_or_default();
    let old = old
        .get("JWT_SECRET")
        .context("JWT_SECRET of secret dialer")?;
    let before = pods(world, STAGING.as_str(), "web").await?;
    let give = async |value: serde_json::Value| {
        let patch = Patch::Merge(json!({"data": {"JWT_SECRET": value}}));
        secrets
            .patch("dialer", &PatchParams::default(), &patch)
            .await
    };
    give(json!("c2hvcnQ=")).await?;
    let staging = (STAGING, STAGING.as_str());
    let began = Instant::now();
    let within = Duration::from_secs(120);
    let type_ = ConditionType::ConfigSecretsValid;
    let failed = world
        .condition(staging, type_, within, |c| c.reason == "CandidateFailed")
        .await?;
    println!(
        "bad value: refused after {:.1} s",
        began.elapsed().as_secs_f32()
    );
    ensure!(
        failed.status == "False" && failed.message.contains("Next ("),
        "{}",
        failed.message
    );
    ensure!(
        pods(world, STAGING.as_str(), "web").await? == before,
        "a pod that serves was touched"
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
    give(serde_json::to_value(old)?).await?;
    world
        .condition(staging, type_, within, |c| c.status == "True")
        .await?;
    world.ready(STAGING).await
}

/// Every pod that serves is evicted, as a drain would; one that a budget keeps for now is asked again.
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
