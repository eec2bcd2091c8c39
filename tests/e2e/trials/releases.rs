//! Tests of prod's releases: rollout, rejection, hold, retry and scaling.

use std::time::{Duration, Instant};

use anyhow::ensure;
use crokodial_cluster::{Stage, wait::until};
use crokodial_crds::condition::ConditionType;
use crokodial_crds::{CrokodialEnvironment, ReleasePhase};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::images;
use crate::support::world::World;
use crokodial_cluster::edge::load::Load;
use crokodial_cluster::edge::site::Site;

const PROD: Stage = Stage::Prod;

/// Checks that a new image is rolled out under a load of 200 requests per second without a lost request.
pub async fn promotion(world: &World) -> anyhow::Result<()> {
    let next = images::dialer(world, "dev-2").await?;
    let site = Site::https(world, PROD.domain())?;
    let before = world.releases(PROD).await?.len();
    let load = Load::start(site.clone(), "/livez", 200);
    let began = Instant::now();
    world.edit(PROD, json!({"image": next.reference})).await?;
    let prod = (PROD, PROD.as_str());
    let within = Duration::from_secs(120);
    world
        .condition(prod, ConditionType::RolledOut, within, |c| {
            c.status == "True"
        })
        .await?;
    let rolled_out = began.elapsed();
    world.ready(PROD).await?;
    let took = began.elapsed();
    let outcome = load.finish().await?;
    println!(
        "promotion: rolled out after {:.1} s, good after {:.1} s, {} requests, {} lost",
        rolled_out.as_secs_f32(),
        took.as_secs_f32(),
        outcome.sent,
        outcome.failures.len()
    );
    ensure!(
        outcome.failures.is_empty(),
        "lost {} of {}: {:?}",
        outcome.failures.len(),
        outcome.sent,
        outcome.failures.first()
    );
    ensure!(
        outcome.sent > 1000,
        "only {} requests were sent",
        outcome.sent
    );
    let health = site.get("/api/health").await?.json()?;
    ensure!(health["version"] == "dev-2", "{health}");
    ensure!(
        world.releases(PROD).await?.len() == before + 1,
        "not exactly one release was made"
    );
    Ok(())
}

/// Checks that a release in a crash loop is rejected within a minute and stays on hold through a hundred re-applies. A
/// return to the good image must end the hold, and `rollout.retry` must make exactly one new attempt.
pub async fn crash_loop(world: &World) -> anyhow::Result<()> {
    let good = world.environment(PROD).await?.spec.image;
    let bad = images::crashing(world).await?;
    let load = Load::start(Site::https(world, PROD.domain())?, "/livez", 50);
    let began = Instant::now();
    world.edit(PROD, json!({"image": bad})).await?;
    rejected(world, 1).await?;
    println!(
        "crash loop: rejected after {:.1} s",
        began.elapsed().as_secs_f32()
    );
    ensure!(
        began.elapsed() <= Duration::from_secs(60),
        "rejected only after {:?}",
        began.elapsed()
    );
    let count = world.releases(PROD).await?.len();
    reapply(world, 100).await?;
    ensure!(
        world.releases(PROD).await?.len() == count,
        "re-applying the same spec made a release"
    );
    world.edit(PROD, json!({"image": good})).await?;
    world.ready(PROD).await?;
    ensure!(
        world.releases(PROD).await?.len() == count,
        "going back to the good image made a release"
    );
    let status = world.environment(PROD).await?.status.unwrap_or_default();
    ensure!(status.hold.is_none(), "the hold stays: {:?}", status.hold);
    world
        .edit(PROD, json!({"image": bad, "rollout": {"retry": "once"}}))
        .await?;
    rejected(world, 2).await?;
    reapply(world, 20).await?;
    ensure!(
        world.releases(PROD).await?.len() == count + 1,
        "retry did not make exactly one release"
    );
    world.edit(PROD, json!({"image": good})).await?;
    world.ready(PROD).await?;
    let outcome = load.finish().await?;
    ensure!(
        outcome.failures.is_empty(),
        "the site stopped: {} of {}: {:?}",
        outcome.failures.len(),
        outcome.sent,
        outcome.failures.first()
    );
    Ok(())
}

/// Waits until `wanted` releases of prod are rejected for a crash loop and the environment reports the rejection.
async fn rejected(world: &World, wanted: usize) -> anyhow::Result<()> {
    until(
        &world.progress,
        "the rejection",
        Duration::from_secs(90),
        || async {
            let releases = world.releases(PROD).await?;
            let rejected = releases.iter().filter(|r| {
                r.status.as_ref().is_some_and(|s| {
                    s.phase == ReleasePhase::Rejected && s.reason.as_deref() == Some("CrashLoop")
                })
            });
            ensure!(rejected.count() == wanted, "not yet");
            Ok(())
        },
    )
    .await?;
    let prod = (PROD, PROD.as_str());
    let within = Duration::from_secs(10);
    world
        .condition(prod, ConditionType::Stalled, within, |c| {
            c.status == "True" && c.reason == "CrashLoop"
        })
        .await?;
    world
        .condition(prod, ConditionType::Available, within, |c| {
            c.status == "True"
        })
        .await?;
    Ok(())
}

/// Applies prod's spec unchanged `times` times, as a GitOps controller does. Then scales prod up and down, which
/// ensures that the operator has seen the last apply.
pub async fn reapply(world: &World, times: usize) -> anyhow::Result<()> {
    let api = world.environments(PROD);
    let spec = api.get(PROD.as_str()).await?.spec;
    let mut same = CrokodialEnvironment::new(PROD.as_str(), spec);
    same.metadata.namespace = Some(PROD.namespace());
    for n in 0..times {
        // The annotation has a new value each time, so that each apply triggers a reconcile.
        same.annotations_mut()
            .insert("crokodial.test/applied".to_owned(), n.to_string());
        let params = PatchParams::apply("e2e-gitops").force();
        api.patch(PROD.as_str(), &params, &Patch::Apply(&same))
            .await?;
    }
    // Once the operator has acted on a later change, it has seen the last apply.
    scaled(world, 3).await?;
    scaled(world, 2).await
}

/// Sets the number of prod's replicas and waits until that many pods exist.
async fn scaled(world: &World, replicas: usize) -> anyhow::Result<()> {
    world
        .edit(PROD, json!({"runtime": {"replicas": replicas}}))
        .await?;
    until(
        &world.progress,
        "the scaling",
        Duration::from_secs(90),
        || async {
            let pods = world.pods(PROD).await?.len();
            ensure!(pods == replicas, "{pods} pods of {replicas}");
            Ok(())
        },
    )
    .await
}

/// Checks that `kubectl scale` of the environment changes the number of pods and creates no release, and that an
/// autoscaler can read the scale.
pub async fn scale(world: &World) -> anyhow::Result<()> {
    let count = world.releases(PROD).await?.len();
    world.kubectl(&[
        "-n",
        &PROD.namespace(),
        "scale",
        "cenv/prod",
        "--replicas=3",
    ])?;
    until(
        &world.progress,
        "three pods",
        Duration::from_secs(60),
        || async {
            let pods = world.pods(PROD).await?.len();
            ensure!(pods == 3, "{pods} pods");
            Ok(())
        },
    )
    .await?;
    let scale = format!(
        "/apis/crokodial.com/v1alpha1/namespaces/{}/crokodialenvironments/prod/scale",
        PROD.namespace()
    );
    let scale: Value = serde_json::from_str(&world.kubectl(&["get", "--raw", &scale])?)?;
    let selector = scale["status"]["selector"].as_str().unwrap_or_default();
    ensure!(
        scale["spec"]["replicas"] == 3 && selector.contains("crokodial.com/environment=prod"),
        "an autoscaler reads {scale}"
    );
    ensure!(
        world.releases(PROD).await?.len() == count,
        "scaling made a release"
    );
    scaled(world, 2).await?;
    world.ready(PROD).await
}
