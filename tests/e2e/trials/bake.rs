//! Tests of faults that appear only after the rollout: the bake detects them, and the operator rolls back to the last
//! good release.

use std::time::{Duration, Instant};

use anyhow::ensure;
use crokodial_cluster::deploy::environments;
use crokodial_cluster::{Stage, wait::until};
use crokodial_crds::condition::ConditionType;
use crokodial_crds::{EnvironmentSpec, ReleasePhase};
use serde_json::json;

use crate::support::cluster_network;
use crate::support::images;
use crate::support::port_block::PortBlock;
use crate::support::scratch::ScratchEnvironment;
use crate::support::world::World;
use crokodial_cluster::edge::load::Load;

const STAGING: Stage = Stage::Staging;

/// Timeout of a rollback: from the verdict until the last good release runs on all pods. The image of that release is
/// already on the node. It is also the timeout for the report that a release is blocked.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(60);

/// Time for which `make e2e` re-applies the same spec after a rollback.
const SHORT_REAPPLY: Duration = Duration::from_secs(15);
/// Time for which `make test-long` re-applies the same spec after a rollback.
const LONG_REAPPLY: Duration = Duration::from_secs(120);

/// Checks that a release that crashes repeatedly after its rollout is rolled back, and that re-applying the same spec
/// starts no rollout.
pub async fn crash(world: &World) -> anyhow::Result<()> {
    crash_and_reapply(world, SHORT_REAPPLY).await
}

/// Like [`crash`], but re-applies the spec for two minutes.
pub async fn crash_and_reapply_for_long(world: &World) -> anyhow::Result<()> {
    crash_and_reapply(world, LONG_REAPPLY).await
}

async fn crash_and_reapply(world: &World, duration: Duration) -> anyhow::Result<()> {
    let good = images::simulated(world, "good", &[]).await?;
    let bad = images::simulated(world, "dies", &["--exit-after-seconds=15"]).await?;
    let scratch = ScratchEnvironment::open(world, &good, "120s").await?;
    scratch.edit(json!({"image": bad})).await?;
    let failed = scratch.until(2, &[ReleasePhase::RolledBack]).await?;
    let status = failed.status.unwrap_or_default();
    ensure!(status.reason.as_deref() == Some("CrashLoop"), "{status:?}");
    let message = status.message.unwrap_or_default();
    ensure!(message.contains("last with exit code 1"), "{message}");
    rolled_back(world, &scratch).await?;
    reapply(world, &scratch, duration).await?;
    scratch.close().await
}

/// Checks that a release is rolled back without a lost request if its responses take 300 ms longer than those of the
/// previous release.
pub async fn slow(world: &World) -> anyhow::Result<()> {
    let good = images::simulated(world, "good", &[]).await?;
    let slow = ["--delay-milliseconds=300", "--delay-after-seconds=15"];
    let bad = images::simulated(world, "slow", &slow).await?;
    let scratch = ScratchEnvironment::open(world, &good, "90s").await?;
    let latency = scratch.latency(1).await?;
    println!("the release before answers within {latency} ms");
    let load = Load::start(scratch.site()?, "/livez", 200);
    scratch.edit(json!({"image": bad})).await?;
    let failed = scratch.until(2, &[ReleasePhase::RolledBack]).await?;
    let status = failed.status.unwrap_or_default();
    let slow = status.reason.as_deref() == Some("SlowResponses");
    ensure!(slow, "{status:?}");
    rolled_back(world, &scratch).await?;
    let outcome = load.finish().await?;
    ensure!(
        outcome.failures.is_empty(),
        "lost {} of {}: {:?}",
        outcome.failures.len(),
        outcome.sent,
        outcome.failures.first()
    );
    scratch.close().await
}

/// Makes the database unreachable for the scratch environment while a working release bakes. The release must be
/// blocked, and become good after the database is reachable again.
pub async fn database_unreachable(world: &World) -> anyhow::Result<()> {
    let EnvironmentSpec { image, config, .. } = environments::environment(STAGING)?.spec;
    let (address, port) = cluster_network::forward_to_mongo(world)?;
    let scratch =
        ScratchEnvironment::open_on(world, &address, &image.unwrap_or_default(), "45s").await?;
    let mut env = config.env;
    env.push(crokodial_crds::EnvVar {
        name: "CHANGED".to_owned(),
        value: "yes".to_owned(),
    });
    scratch.edit(json!({"config": {"env": env}})).await?;
    scratch.until(2, &[ReleasePhase::Baking]).await?;
    let block = PortBlock::reset_connections(world, port)?;
    let blocked = until(
        &world.progress,
        "the release to be blocked",
        ROLLBACK_TIMEOUT,
        || async {
            let release = scratch.until(2, &[ReleasePhase::Baking]).await?;
            let status = release.status.unwrap_or_default();
            ensure!(status.reason.as_deref() == Some("Blocked"), "{status:?}");
            Ok(status)
        },
    )
    .await;
    drop(block);
    let message = blocked?.message.unwrap_or_default();
    println!("database unreachable in the bake: {message}");
    ensure!(message.contains("the database cannot be used"), "{message}");
    scratch.until(2, &[ReleasePhase::Good]).await?;
    scratch.close().await
}

/// Waits until release 1 serves again and the conditions report the rollback.
async fn rolled_back(world: &World, scratch: &ScratchEnvironment<'_>) -> anyhow::Result<()> {
    let start = Instant::now();
    let within = ROLLBACK_TIMEOUT;
    until(&world.progress, "the last good release", within, || async {
        let status = scratch.status().await?;
        ensure!(status.release.serving == Some(1), "{:?}", status.release);
        Ok(())
    })
    .await?;
    world
        .condition(
            (STAGING, ScratchEnvironment::NAME),
            ConditionType::RolledOut,
            within,
            |c| c.reason == "RolledBack",
        )
        .await?;
    world
        .condition(
            (STAGING, ScratchEnvironment::NAME),
            ConditionType::Available,
            within,
            |c| c.status == "True",
        )
        .await?;
    println!(
        "rolled back: {:.1} s after the verdict",
        start.elapsed().as_secs_f32()
    );
    Ok(())
}

/// Updates an annotation of the environment every second for `duration`, like a GitOps controller that re-applies the
/// same spec. Checks that nothing is rolled out.
async fn reapply(
    world: &World,
    scratch: &ScratchEnvironment<'_>,
    duration: Duration,
) -> anyhow::Result<()> {
    let deployment = |field: &str| {
        let path = format!("jsonpath={{{field}}}");
        let namespace = STAGING.namespace();
        world.kubectl(&[
            "-n",
            &namespace,
            "get",
            "deploy",
            ScratchEnvironment::NAME,
            "-o",
            &path,
        ])
    };
    let before = (
        scratch.releases().await?.len(),
        deployment(".metadata.generation")?,
    );
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    for n in 0..duration.as_secs() {
        tick.tick().await;
        let name = format!("cenv/{}", ScratchEnvironment::NAME);
        let mark = format!("crokodial.test/applied={n}");
        let namespace = STAGING.namespace();
        world.kubectl(&["-n", &namespace, "annotate", &name, &mark, "--overwrite"])?;
    }
    let after = (
        scratch.releases().await?.len(),
        deployment(".metadata.generation")?,
    );
    ensure!(
        before == after,
        "something was rolled out: {before:?} → {after:?}"
    );
    Ok(())
}
