//! Tests of the promotion gate: prod waits for staging, reports the reason, and is promoted at the announced time.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use crokodial_cluster::deploy::environments::freeze_until_a_minute;
use crokodial_cluster::{Stage, wait::until};
use crokodial_crds::condition::ConditionType;
use crokodial_crds::{ReleasePhase, Stage as SpecStage};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::images;
use crate::support::world::World;

const STAGING: Stage = Stage::Staging;
const PROD: Stage = Stage::Prod;

/// Maximum time from an edit until the gate's verdict is in the status.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum delay of the gate's opening after the time in `status.promotion.earliest`.
const MAX_DELAY: SignedDuration = SignedDuration::from_secs(5);

/// Returns `spec.promotion` for a promotion from staging with a soak of 30 s. The fields of `more` override it.
pub fn from_staging(more: Value) -> Value {
    let mut promotion = json!({
        "from": {"name": "staging", "namespace": STAGING.namespace()}, "soak": "30s", "allow": null, "freezes": null,
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        promotion[key] = value.clone();
    }
    promotion
}

/// Appends the current time to the tag, so that the test can be repeated on a cluster that was kept.
fn unique(tag: &str) -> String {
    format!("{tag}-{}", Timestamp::now().as_second())
}

/// Builds the dialer's image under this tag and rolls it out in staging. Returns the reference by which pods pull the
/// image.
pub async fn staged(world: &World, tag: &str) -> anyhow::Result<String> {
    let pushed = images::dialer(world, tag).await?;
    world
        .edit(STAGING, json!({"image": pushed.reference}))
        .await?;
    world.ready(STAGING).await?;
    Ok(pushed.reference)
}

/// Waits until prod's condition Promotable has this status and reason.
async fn gate_reports(world: &World, status: &str, reason: &str) -> anyhow::Result<()> {
    let began = Instant::now();
    let prod = (PROD, PROD.as_str());
    world
        .condition(prod, ConditionType::Promotable, VERDICT_TIMEOUT, |c| {
            c.status == status && c.reason == reason
        })
        .await
        .with_context(|| format!("{status} {reason}"))?;
    println!(
        "gate: {reason} reported after {:.1} s",
        began.elapsed().as_secs_f32()
    );
    Ok(())
}

/// Waits until the newest release of prod has passed the gate. Returns the time at which this was seen, and the last
/// value of `status.promotion.earliest`.
async fn opened(world: &World) -> anyhow::Result<(Timestamp, Option<Timestamp>)> {
    let promised = Cell::new(None);
    let within = Duration::from_secs(120);
    until(&world.progress, "the gate to open", within, || async {
        let status = world.environment(PROD).await?.status.unwrap_or_default();
        let earliest = status.promotion.and_then(|p| p.earliest).map(|t| t.0);
        let releases = world.releases(PROD).await?;
        let newest = releases.last().and_then(|r| r.status.as_ref());
        let phase = newest.map_or(ReleasePhase::Pending, |s| s.phase);
        if [ReleasePhase::Pending, ReleasePhase::Gated].contains(&phase) {
            promised.set(earliest.or(promised.get()));
            bail!("the newest release is {}", phase.as_str());
        }
        Ok(())
    })
    .await?;
    Ok((Timestamp::now(), promised.get()))
}

/// Checks that the gate opened at most 1 s before and at most [`MAX_DELAY`] after the promised time. `what` names that
/// time in messages.
fn in_time((opened, promised): (Timestamp, Option<Timestamp>), what: &str) -> anyhow::Result<()> {
    let promised = promised.context("no earliest time was reported")?;
    let late = opened.duration_since(promised);
    println!("gate: opened {:.1} s after {what}", late.as_secs_f64());
    ensure!(late <= MAX_DELAY, "it opened {late} after {what}");
    // The promised time is rounded to whole seconds, so the gate may seem to open up to a second early.
    ensure!(
        late >= SignedDuration::from_secs(-1),
        "it opened {late} before {what}"
    );
    Ok(())
}

/// Tests the gate in four steps: the soak, an image that staging never ran, a freeze, and `promotion.allow`.
pub async fn gate(world: &World) -> anyhow::Result<()> {
    ensure!(
        world.environment(PROD).await?.spec.stage == SpecStage::Prod,
        "not prod"
    );
    let soaking = staged(world, &unique("dev-soak")).await?;
    world
        .edit(
            PROD,
            json!({"image": soaking, "promotion": from_staging(json!({}))}),
        )
        .await?;
    gate_reports(world, "False", "SoakNotMet").await?;
    in_time(opened(world).await?, "the last second of the soak")?;
    world.ready(PROD).await?;
    never_staged(world, &soaking).await?;
    frozen(world).await?;
    allowed(world).await?;
    world.edit(PROD, json!({"promotion": null})).await?;
    world.ready(PROD).await
}

/// Releases an image that staging never ran. The new release must wait at the gate without any pod, until the spec is
/// changed back to the image `previous`.
async fn never_staged(world: &World, previous: &str) -> anyhow::Result<()> {
    let (count, pods) = (world.releases(PROD).await?.len(), world.pods(PROD).await?);
    let pushed = images::dialer(world, &unique("dev-unstaged")).await?;
    world.edit(PROD, json!({"image": pushed.reference})).await?;
    gate_reports(world, "False", "NotInSource").await?;
    newest(world, count + 1, ReleasePhase::Gated).await?;
    world.edit(PROD, json!({"image": previous})).await?;
    newest(world, count + 1, ReleasePhase::Superseded).await?;
    world.ready(PROD).await?;
    // Fewer pods are accepted: a pod of the previous release may have just been deleted.
    let now = world.pods(PROD).await?;
    let new: Vec<_> = now.iter().filter(|pod| !pods.contains(pod)).collect();
    ensure!(new.is_empty(), "pods were started: {new:?}");
    Ok(())
}

/// Waits until prod has `count` releases and the newest one is in this phase.
async fn newest(world: &World, count: usize, phase: ReleasePhase) -> anyhow::Result<()> {
    let within = Duration::from_secs(10);
    until(&world.progress, "the newest release", within, || async {
        let releases = world.releases(PROD).await?;
        let found = releases.last().and_then(|r| r.status.as_ref());
        let found = found.map(|s| s.phase);
        ensure!(
            releases.len() == count && found == Some(phase),
            "{} releases, the newest {found:?}",
            releases.len()
        );
        Ok(())
    })
    .await
}

/// Checks that a changed variable is not rolled out before the end of a freeze.
async fn frozen(world: &World) -> anyhow::Result<()> {
    let (freeze, _) = freeze_until_a_minute(Timestamp::now())?;
    let mut env = serde_json::to_value(world.environment(PROD).await?.spec.config.env)?;
    let variables = env.as_array_mut().context("no variables")?;
    variables.push(json!({"name": "FROZEN", "value": "no more"}));
    let promotion = from_staging(json!({"freezes": [freeze]}));
    world
        .edit(
            PROD,
            json!({"config": {"env": env}, "promotion": promotion}),
        )
        .await?;
    gate_reports(world, "False", "Frozen").await?;
    in_time(opened(world).await?, "the end of the freeze")?;
    world.ready(PROD).await
}

/// Checks that `promotion.allow` lets an image through before the end of its soak, and that the release records the
/// reason.
async fn allowed(world: &World) -> anyhow::Result<()> {
    let image = staged(world, &unique("dev-allowed")).await?;
    let staging = world.environment(STAGING).await?.status.unwrap_or_default();
    let running = staging.release.image.context("staging runs nothing")?;
    let digest = running.split('@').nth(1).context("no digest")?;
    let reason = "INC-7 hot fix, approved by Ada";
    let allow = json!({"allow": {"digest": digest, "reason": reason}, "soak": "1h"});
    world
        .edit(
            PROD,
            json!({"image": image, "promotion": from_staging(allow)}),
        )
        .await?;
    gate_reports(world, "True", "Allowed").await?;
    world.ready(PROD).await?;
    until(
        &world.progress,
        "the recorded reason",
        VERDICT_TIMEOUT,
        || async {
            let releases = world.releases(PROD).await?;
            let newest = releases.last().context("no release")?;
            let status = newest.status.clone().unwrap_or_default();
            ensure!(status.allowed.as_deref() == Some(reason), "{status:?}");
            Ok(())
        },
    )
    .await
}
