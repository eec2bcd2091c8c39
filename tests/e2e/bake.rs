//! What goes wrong only after the roll-out: the bake sees it, and the last good release is put back.

use std::time::{Duration, Instant};

use anyhow::ensure;
use crokodial_crds::condition::ConditionType;
use crokodial_crds::{EnvironmentSpec, ReleasePhase};
use crokodial_e2e::cluster::{Stage, wait::until};
use crokodial_e2e::deploy::environments;
use serde_json::json;

use crate::barrier::Barrier;
use crate::images;
use crate::inside;
use crate::lab::Lab;
use crate::load::Load;
use crate::world::World;

const STAGING: Stage = Stage::Staging;

/// From the verdict to the last good release serving everywhere, with its image on the node.
const PUT_BACK: Duration = Duration::from_secs(60);

/// How long the same spec is applied again after a rollback.
const A_WHILE: Duration = Duration::from_secs(15);
const LONG: Duration = Duration::from_secs(120);

/// It becomes ready, is rolled out, and then its processes end again and again.
pub async fn crash(world: &World) -> anyhow::Result<()> {
    crash_and_apply_again(world, A_WHILE).await
}

/// The same, with a GitOps controller that insists.
pub async fn crash_and_insist(world: &World) -> anyhow::Result<()> {
    crash_and_apply_again(world, LONG).await
}

async fn crash_and_apply_again(world: &World, insist: Duration) -> anyhow::Result<()> {
    let good = images::simulated(world, "good", &[]).await?;
    let bad = images::simulated(world, "dies", &["--exit-after-seconds=15"]).await?;
    let lab = Lab::open(world, &good, "120s").await?;
    lab.edit(json!({"image": bad})).await?;
    let failed = lab.until(2, &[ReleasePhase::RolledBack]).await?;
    let status = failed.status.unwrap_or_default();
    ensure!(status.reason.as_deref() == Some("CrashLoop"), "{status:?}");
    let told = status.message.unwrap_or_default();
    ensure!(told.contains("last with exit code 1"), "{told}");
    put_back(world, &lab).await?;
    re_applied(world, &lab, insist).await?;
    lab.close().await
}

/// It answers, but three hundred milliseconds later than the release before it. No request is lost while it is put
/// back.
pub async fn slow(world: &World) -> anyhow::Result<()> {
    let good = images::simulated(world, "good", &[]).await?;
    let slow = ["--delay-milliseconds=300", "--delay-after-seconds=15"];
    let bad = images::simulated(world, "slow", &slow).await?;
    let lab = Lab::open(world, &good, "90s").await?;
    let usual = lab.measured(1).await?;
    println!("the release before answers within {usual} ms");
    let load = Load::start(lab.site()?, "/livez", 200);
    lab.edit(json!({"image": bad})).await?;
    let failed = lab.until(2, &[ReleasePhase::RolledBack]).await?;
    let status = failed.status.unwrap_or_default();
    let slow = status.reason.as_deref() == Some("SlowResponses");
    ensure!(slow, "{status:?}");
    put_back(world, &lab).await?;
    let outcome = load.finish().await?;
    ensure!(
        outcome.failures.is_empty(),
        "lost {} of {}: {:?}",
        outcome.failures.len(),
        outcome.sent,
        outcome.failures.first()
    );
    lab.close().await
}

/// The database goes away while a good release bakes, by a way that only this environment goes: it waits, nobody is blamed, and it
/// becomes good when the database is back.
pub async fn database_away(world: &World) -> anyhow::Result<()> {
    let EnvironmentSpec { image, config, .. } = environments::environment(STAGING)?.spec;
    let (address, port) = inside::mongo(world)?;
    let lab = Lab::open_on(world, &address, &image.unwrap_or_default(), "45s").await?;
    let mut env = config.env;
    env.push(crokodial_crds::EnvVar {
        name: "CHANGED".to_owned(),
        value: "yes".to_owned(),
    });
    lab.edit(json!({"config": {"env": env}})).await?;
    lab.until(2, &[ReleasePhase::Baking]).await?;
    let away = Barrier::refusing(world, port)?;
    let blocked = until(
        &world.progress,
        "the release to be blocked",
        PUT_BACK,
        || async {
            let release = lab.until(2, &[ReleasePhase::Baking]).await?;
            let status = release.status.unwrap_or_default();
            ensure!(status.reason.as_deref() == Some("Blocked"), "{status:?}");
            Ok(status)
        },
    )
    .await;
    drop(away);
    let message = blocked?.message.unwrap_or_default();
    println!("database away in the bake: {message}");
    ensure!(message.contains("the database cannot be used"), "{message}");
    lab.until(2, &[ReleasePhase::Good]).await?;
    lab.close().await
}

/// Waits until the first release serves everywhere again.
async fn put_back(world: &World, lab: &Lab<'_>) -> anyhow::Result<()> {
    let began = Instant::now();
    let within = PUT_BACK;
    until(&world.progress, "the last good release", within, || async {
        let status = lab.status().await?;
        ensure!(status.release.serving == Some(1), "{:?}", status.release);
        Ok(())
    })
    .await?;
    world
        .condition(
            (STAGING, Lab::NAME),
            ConditionType::RolledOut,
            within,
            |c| c.reason == "RolledBack",
        )
        .await?;
    world
        .condition(
            (STAGING, Lab::NAME),
            ConditionType::Available,
            within,
            |c| c.status == "True",
        )
        .await?;
    println!(
        "rolled back: {:.1} s after the verdict",
        began.elapsed().as_secs_f32()
    );
    Ok(())
}

/// As a GitOps controller does, the same spec every second: nothing is rolled out.
async fn re_applied(world: &World, lab: &Lab<'_>, insist: Duration) -> anyhow::Result<()> {
    let deployment = |field: &str| {
        let path = format!("jsonpath={{{field}}}");
        let namespace = STAGING.namespace();
        world.kubectl(&["-n", &namespace, "get", "deploy", Lab::NAME, "-o", &path])
    };
    let before = (
        lab.releases().await?.len(),
        deployment(".metadata.generation")?,
    );
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    for n in 0..insist.as_secs() {
        tick.tick().await;
        let name = format!("cenv/{}", Lab::NAME);
        let mark = format!("crokodial.test/applied={n}");
        let namespace = STAGING.namespace();
        world.kubectl(&["-n", &namespace, "annotate", &name, &mark, "--overwrite"])?;
    }
    let after = (
        lab.releases().await?.len(),
        deployment(".metadata.generation")?,
    );
    ensure!(
        before == after,
        "something was rolled out: {before:?} → {after:?}"
    );
    Ok(())
}
