//! Test in which the operator crashes ten times during a promotion. The result must equal that of a promotion without
//! crashes.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use crokodial_cluster::{Stage, wait::until};
use crokodial_crds::ReleasePhase;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::leader;
use crate::promotion::{from_staging, staged};
use crate::support::crash_proxy::{CrashProxy, CrashTime, Traffic, without_numbers};
use crate::support::world::World;

const PROD: Stage = Stage::Prod;
const CRASHES: usize = 10;

/// Time without created or deleted objects after which a promotion counts as finished.
const QUIET_PERIOD: Duration = Duration::from_secs(8);

/// Makes one promotion without crashes and one with ten crashes at random writes, and compares the results. `E2E_SEED`
/// sets the random seed.
pub async fn ten(world: &World) -> anyhow::Result<()> {
    let seed = std::env::var("E2E_SEED").ok().and_then(|s| s.parse().ok());
    let seed: u64 = seed.unwrap_or(20_261_125);
    leader::replicas(world, 0)?;
    let proxy = CrashProxy::start(world, &PROD.namespace()).await?;
    let before = names(world)?;
    let undisturbed = promote(world, &proxy, "dev-undisturbed", Vec::new()).await?;
    let (expected, between) = (result(world).await?, names(world)?);
    let points = draw(seed, undisturbed.writes);
    println!(
        "seed {seed}: crashes after {points:?} of {} writes",
        undisturbed.writes
    );
    let disturbed = promote(world, &proxy, "dev-crashes", points).await?;
    let (found, after) = (result(world).await?, names(world)?);
    println!("ten crashes: {disturbed:?}");
    drop(proxy);
    leader::replicas(world, 2)?;
    leader::settled(world).await?;
    world.edit(PROD, json!({"promotion": null})).await?;
    world.ready(PROD).await?;
    ensure!(
        disturbed.crashes == CRASHES,
        "{} crashes of {CRASHES}",
        disturbed.crashes
    );
    ensure!(
        undisturbed.objects == disturbed.objects,
        "created and deleted: {:?} undisturbed, {:?} with crashes",
        undisturbed.objects,
        disturbed.objects
    );
    ensure!(
        expected == found,
        "undisturbed {expected:#}\nwith crashes {found:#}"
    );
    let (first, second) = (added(&before, &between), added(&between, &after));
    ensure!(
        first == second,
        "objects: {first:?} undisturbed, {second:?}"
    );
    Ok(())
}

/// Draws ten crashes at random writes, as pairs for [`CrashProxy::reset`]: the number of writes since the previous
/// crash, and the moment of the crash. The numbers add up to at most `writes` if `writes` is at least 10.
fn draw(seed: u64, writes: usize) -> Vec<(usize, CrashTime)> {
    let mut random = StdRng::seed_from_u64(seed);
    let max = (writes / CRASHES).max(1);
    let mut point = || {
        let times = [CrashTime::BeforeWrite, CrashTime::AfterWrite];
        (
            random.random_range(1..=max),
            times[random.random_range(0..2)],
        )
    };
    (0..CRASHES).map(|_| point()).collect()
}

/// Rolls out an image in staging without crashes. Then promotes it to prod while the operator crashes as scheduled.
/// Returns the counts of the operator's writes in prod's namespace during the promotion.
async fn promote(
    world: &World,
    proxy: &CrashProxy,
    tag: &str,
    crashes: Vec<(usize, CrashTime)>,
) -> anyhow::Result<Traffic> {
    let image = staged(world, tag).await?;
    let number = 1 + newest(world).await?.0;
    proxy.reset(crashes);
    let promotion = from_staging(json!({"soak": "0s"}));
    world
        .edit(PROD, json!({"image": image, "promotion": promotion}))
        .await?;
    let within = Duration::from_secs(180);
    until(&world.progress, "the promotion", within, || async {
        let found = newest(world).await?;
        let good = (number, Some(ReleasePhase::Good));
        ensure!(found == good, "the newest release is {found:?}");
        proxy.settled(QUIET_PERIOD)
    })
    .await
}

/// Returns the number and phase of the newest release of prod.
async fn newest(world: &World) -> anyhow::Result<(i64, Option<ReleasePhase>)> {
    let releases = world.releases(PROD).await?;
    let newest = releases.last().context("no release")?;
    let phase = newest.status.as_ref().map(|status| status.phase);
    Ok((newest.spec.number, phase))
}

/// Returns the specs and conditions of prod's main objects and the state of its newest release, without the values that
/// differ between any two releases.
async fn result(world: &World) -> anyhow::Result<Value> {
    let namespace = PROD.namespace();
    let kinds = "deploy,svc,ingress,netpol,cenv";
    let text = world.kubectl(&["-n", &namespace, "get", kinds, "-o", "json"])?;
    let mut all: Value = serde_json::from_str(&text)?;
    let items = all["items"].as_array_mut().context("no items")?;
    for item in &mut *items {
        let status = item["status"].take();
        let (kind, name) = (item["kind"].clone(), item["metadata"]["name"].clone());
        *item = json!({"kind": kind, "name": name, "spec": item["spec"], "conditions": conditions(&status)});
    }
    let releases = world.releases(PROD).await?;
    let newest = releases.last().context("no release")?;
    let phase = newest.status.as_ref().map(|s| (s.phase, s.reason.clone()));
    items.push(json!({"release": phase, "serving": newest.status.as_ref().map(|s| s.serving)}));
    let mut text = all["items"].to_string();
    let number = newest.spec.number.to_string();
    let digest = newest.spec.digest.clone();
    // Replaces only complete numbers and numbers at the end of a name: the mask /32 is not the number of a release.
    let named = [format!("-{number}"), format!("-r{number}")];
    for own in [
        "dev-undisturbed",
        "dev-crashes",
        &digest,
        &named[0],
        &named[1],
    ] {
        text = text.replace(&format!("{own}\""), "OWN\"");
    }
    text = text.replace(&format!("\"{number}\""), "\"OWN\"");
    Ok(serde_json::from_str(&text)?)
}

/// Returns the status and reason of each condition, by condition type.
fn conditions(status: &Value) -> BTreeMap<String, String> {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let word = |c: &Value, field: &str| c[field].as_str().unwrap_or_default().to_owned();
    let line = |c: &Value| format!("{} {}", word(c, "status"), word(c, "reason"));
    conditions.map(|c| (word(c, "type"), line(c))).collect()
}

/// Returns the kinds and names of the objects in prod's namespace, for the most important kinds.
fn names(world: &World) -> anyhow::Result<Vec<String>> {
    let namespace = PROD.namespace();
    let kinds = "cenv,crel,deploy,svc,ingress,netpol,jobs,secrets,configmaps";
    let text = world.kubectl(&["-n", &namespace, "get", kinds, "-o", "name"])?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Returns the names in `after` that are not in `before`, sorted and with numbers replaced by `N`.
fn added(before: &[String], after: &[String]) -> Vec<String> {
    let new = after.iter().filter(|name| !before.contains(name));
    let mut new: Vec<String> = new.map(|name| without_numbers(name)).collect();
    new.sort();
    new
}
