//! The operator dies ten times in one promotion: what comes of it is what comes of one that nothing disturbs.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use crokodial_crds::ReleasePhase;
use crokodial_e2e::cluster::{Stage, wait::until};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::leader;
use crate::promotion::{from_staging, staged};
use crate::turnstile::{Moment, Passed, Turnstile, blurred};
use crate::world::World;

const PROD: Stage = Stage::Prod;
const DEATHS: usize = 10;

/// Nothing is made or removed for so long: the promotion is over.
const QUIET: Duration = Duration::from_secs(8);

/// One promotion undisturbed, one with ten deaths at writes that a seed draws (`E2E_SEED` chooses another).
pub async fn ten(world: &World) -> anyhow::Result<()> {
    let seed = std::env::var("E2E_SEED").ok().and_then(|s| s.parse().ok());
    let seed: u64 = seed.unwrap_or(20_261_125);
    leader::replicas(world, 0)?;
    let turnstile = Turnstile::open(world, &PROD.namespace()).await?;
    let before = names(world)?;
    let undisturbed = promote(world, &turnstile, "dev-calm", Vec::new()).await?;
    let (calm, between) = (end(world).await?, names(world)?);
    let points = draw(seed, undisturbed.writes);
    println!(
        "seed {seed}: deaths after {points:?} of {} writes",
        undisturbed.writes
    );
    let disturbed = promote(world, &turnstile, "dev-deaths", points).await?;
    let (deadly, after) = (end(world).await?, names(world)?);
    println!("ten deaths: {disturbed:?}");
    drop(turnstile);
    leader::replicas(world, 2)?;
    leader::settled(world).await?;
    world.edit(PROD, json!({"promotion": null})).await?;
    world.ready(PROD).await?;
    ensure!(
        disturbed.deaths == DEATHS,
        "{} deaths of {DEATHS}",
        disturbed.deaths
    );
    ensure!(
        undisturbed.objects == disturbed.objects,
        "made and removed: {:?} undisturbed, {:?} with deaths",
        undisturbed.objects,
        disturbed.objects
    );
    ensure!(
        calm == deadly,
        "undisturbed {calm:#}\nwith deaths {deadly:#}"
    );
    let (first, second) = (grown(&before, &between), grown(&between, &after));
    ensure!(
        first == second,
        "objects: {first:?} undisturbed, {second:?}"
    );
    Ok(())
}

/// Ten numbers of writes, each counted from the death before, that together are no more than there are.
fn draw(seed: u64, writes: usize) -> Vec<(usize, Moment)> {
    let mut random = StdRng::seed_from_u64(seed);
    let most = (writes / DEATHS).max(1);
    let mut point = || {
        let moments = [Moment::Before, Moment::After];
        (
            random.random_range(1..=most),
            moments[random.random_range(0..2)],
        )
    };
    (0..DEATHS).map(|_| point()).collect()
}

/// Staging runs it, then prod is asked to; what was written for prod until it was good there.
async fn promote(
    world: &World,
    turnstile: &Turnstile,
    tag: &str,
    deaths: Vec<(usize, Moment)>,
) -> anyhow::Result<Passed> {
    let image = staged(world, tag).await?;
    let number = 1 + newest(world).await?.0;
    turnstile.begin(deaths);
    let promotion = from_staging(json!({"soak": "0s"}));
    world
        .edit(PROD, json!({"image": image, "promotion": promotion}))
        .await?;
    let within = Duration::from_secs(180);
    until(&world.progress, "the promotion", within, || async {
        let found = newest(world).await?;
        let good = (number, Some(ReleasePhase::Good));
        ensure!(found == good, "the newest release is {found:?}");
        turnstile.rested(QUIET)
    })
    .await
}

async fn newest(world: &World) -> anyhow::Result<(i64, Option<ReleasePhase>)> {
    let releases = world.releases(PROD).await?;
    let newest = releases.last().context("no release")?;
    let phase = newest.status.as_ref().map(|status| status.phase);
    Ok((newest.spec.number, phase))
}

/// What the children of prod are to be and what is told of it, without what differs between any two releases.
async fn end(world: &World) -> anyhow::Result<Value> {
    let namespace = PROD.namespace();
    let kinds = "deploy,svc,ingress,netpol,cenv";
    let text = world.kubectl(&["-n", &namespace, "get", kinds, "-o", "json"])?;
    let mut all: Value = serde_json::from_str(&text)?;
    let items = all["items"].as_array_mut().context("no items")?;
    for item in &mut *items {
        let status = item["status"].take();
        let (kind, name) = (item["kind"].clone(), item["metadata"]["name"].clone());
        *item = json!({"kind": kind, "name": name, "spec": item["spec"], "told": told(&status)});
    }
    let releases = world.releases(PROD).await?;
    let newest = releases.last().context("no release")?;
    let told = newest.status.as_ref().map(|s| (s.phase, s.reason.clone()));
    items.push(json!({"release": told, "serving": newest.status.as_ref().map(|s| s.serving)}));
    let mut text = all["items"].to_string();
    let number = newest.spec.number.to_string();
    let digest = newest.spec.digest.clone();
    // A number by itself or at the end of a name: a mask such as /32 is none of a release's.
    let named = [format!("-{number}"), format!("-r{number}")];
    for own in ["dev-calm", "dev-deaths", &digest, &named[0], &named[1]] {
        text = text.replace(&format!("{own}\""), "OWN\"");
    }
    text = text.replace(&format!("\"{number}\""), "\"OWN\"");
    Ok(serde_json::from_str(&text)?)
}

/// Conditions without their times and messages.
fn told(status: &Value) -> BTreeMap<String, String> {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let word = |c: &Value, field: &str| c[field].as_str().unwrap_or_default().to_owned();
    let line = |c: &Value| format!("{} {}", word(c, "status"), word(c, "reason"));
    conditions.map(|c| (word(c, "type"), line(c))).collect()
}

/// The objects of prod by kind and name, pods and Events apart.
fn names(world: &World) -> anyhow::Result<Vec<String>> {
    let namespace = PROD.namespace();
    let kinds = "cenv,crel,deploy,svc,ingress,netpol,jobs,secrets,configmaps";
    let text = world.kubectl(&["-n", &namespace, "get", kinds, "-o", "name"])?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// What is there now and was not, with numbers blurred.
fn grown(before: &[String], after: &[String]) -> Vec<String> {
    let new = after.iter().filter(|name| !before.contains(name));
    let mut new: Vec<String> = new.map(|name| blurred(name)).collect();
    new.sort();
    new
}
