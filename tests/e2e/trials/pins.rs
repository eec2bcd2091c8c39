//! Tests of pins: a pinned older release serves until it is unpinned, even if the environment's spec asks for another
//! release.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use crokodial_cluster::deploy::operators::DEPLOYMENT;
use crokodial_cluster::{Stage, wait::until};
use crokodial_crds::ReleasePhase;
use crokodial_crds::condition::ConditionType;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::releases::reapply;
use crate::support::world::World;
use crokodial_cluster::edge::load::Load;
use crokodial_cluster::edge::site::Site;

const PROD: Stage = Stage::Prod;

/// Pins an older release under load. It must keep serving through fifty applies of the environment and a restart of the
/// operator. After it is unpinned, the newest release serves again. No request may be lost.
pub async fn pin(world: &World) -> anyhow::Result<()> {
    let (old, new) = newest_two(world).await?;
    let load = Load::start(Site::https(world, PROD.domain())?, "/livez", 200);
    let began = Instant::now();
    let release = format!("prod-{old}");
    set_pin(world, PROD, &release, true)?;
    pinned(world, old).await?;
    println!(
        "pin: release {old} serves after {:.1} s",
        began.elapsed().as_secs_f32()
    );
    let count = world.releases(PROD).await?.len();
    reapply(world, 50).await?;
    pinned(world, old).await?;
    let rollout = ["-n", "crokodial-system", "rollout"];
    world.kubectl(&[&rollout[..], &["restart", DEPLOYMENT]].concat())?;
    world.kubectl(&[&rollout[..], &["status", DEPLOYMENT, "--timeout=120s"]].concat())?;
    reapply(world, 1).await?;
    pinned(world, old).await?;
    ensure!(
        world.releases(PROD).await?.len() == count,
        "a release was made"
    );
    set_pin(world, PROD, &release, false)?;
    world.ready(PROD).await?;
    ensure!(
        serving(world).await? == Some(new),
        "release {new} does not serve again"
    );
    let outcome = load.finish().await?;
    ensure!(
        outcome.failures.is_empty(),
        "lost {} of {}: {:?}",
        outcome.failures.len(),
        outcome.sent,
        outcome.failures.first()
    );
    Ok(())
}

/// Returns the numbers of prod's two newest good releases, the older one first. Fails unless the newer one serves.
async fn newest_two(world: &World) -> anyhow::Result<(i64, i64)> {
    let releases = world.releases(PROD).await?;
    let good = releases.iter().rev().filter(|r| {
        r.status
            .as_ref()
            .is_some_and(|s| s.phase == ReleasePhase::Good)
    });
    let mut numbers = good.map(|r| r.spec.number);
    let new = numbers.next().context("no good release")?;
    let old = numbers.next().context("only one good release")?;
    ensure!(
        serving(world).await? == Some(new),
        "release {new} does not serve"
    );
    Ok((old, new))
}

/// Pins or unpins a release with the command in docs/hot-fix.md.
pub fn set_pin(world: &World, stage: Stage, release: &str, pin: bool) -> anyhow::Result<()> {
    let patch = format!("{{\"spec\":{{\"pin\":{pin},\"pinReason\":\"INC-7\"}}}}");
    let (namespace, name) = (stage.namespace(), format!("crel/{release}"));
    let arguments = [
        "-n",
        &namespace,
        "patch",
        &name,
        "--type=merge",
        "-p",
        &patch,
    ];
    world.kubectl(&arguments)?;
    Ok(())
}

/// Returns the number of the release that serves prod, if any.
async fn serving(world: &World) -> anyhow::Result<Option<i64>> {
    let status = world.environment(PROD).await?.status.unwrap_or_default();
    Ok(status.release.serving)
}

/// Waits until the pinned release `number` runs on all pods of prod and the conditions Ready and RolledOut report the
/// pin.
async fn pinned(world: &World, number: i64) -> anyhow::Result<()> {
    let within = Duration::from_secs(90);
    until(&world.progress, "the pinned release", within, || async {
        let found = serving(world).await?;
        ensure!(found == Some(number), "release {found:?} serves");
        Ok(())
    })
    .await?;
    for type_ in [ConditionType::Ready, ConditionType::RolledOut] {
        let is = |c: &Condition| {
            c.status == "False" && c.reason == "Pinned" && c.message.contains("runs everywhere")
        };
        world
            .condition((PROD, PROD.as_str()), type_, within, is)
            .await?;
    }
    Ok(())
}
