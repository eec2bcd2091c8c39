//! Test of the way back to proven content: pods get a connection string with which they do not become ready.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use crokodial_cluster::Stage;
use crokodial_cluster::deploy::{environments, pods};
use crokodial_cluster::edge::load::Load;
use crokodial_cluster::layout::{MONGO, NODE_IP};
use crokodial_cluster::wait::until;
use crokodial_crds::condition::ConditionType;
use serde_json::json;

use crate::rotation::{CLOSED_PORT, in_use_by, rotate_in};
use crate::support::scratch::{SECRETS, ScratchEnvironment};
use crate::support::world::World;

const STAGING: Stage = Stage::Staging;

/// The shortest `rollout.progressDeadline` that the API server accepts.
const DEADLINE: &str = "30s";

/// Maximum time from the new connection string to the condition that names it: the deadline, the start of a pod before
/// it, and the operator's next look at the pods.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(50);

/// Maximum time from a change of the Secret until the condition reports that its value is in use again.
const RESTORE_TIMEOUT: Duration = Duration::from_secs(20);

/// Gives pods an unproven connection string of a port on which nothing listens. They must get the earlier one back,
/// while the pods that have it stay and the site answers all the time.
pub async fn comes_back(world: &World) -> anyhow::Result<()> {
    let image = environments::environment(STAGING)?.spec.image;
    let scratch = ScratchEnvironment::open(world, &image.unwrap_or_default(), "5s").await?;
    scratch
        .edit(json!({
            "mongo": {"preflight": {"mode": "Off"}},
            "rollout": {"progressDeadline": DEADLINE},
        }))
        .await?;
    let serving = (STAGING, ScratchEnvironment::NAME);
    let status = |type_, status: &'static str, reason: &'static str, within| {
        world.condition(serving, type_, within, move |c| {
            c.status == status && c.reason == reason
        })
    };
    let valid = ConditionType::CredentialsValid;
    status(valid, "Unknown", "NotVerified", RESTORE_TIMEOUT).await?;
    let (good, before) = (in_use_by(world, serving).await?, uids(world).await?);
    let load = Load::start(scratch.site()?, "/api/health", 20);
    let start = Instant::now();
    let closed = format!("{NODE_IP}:{CLOSED_PORT}");
    let dead = world.mongo_uri(STAGING)?.replace(MONGO, &closed);
    rotate_in(world, (STAGING, SECRETS[0]), &dead).await?;
    let told = status(valid, "False", "ValuesNotReady", VERDICT_TIMEOUT).await?;
    println!(
        "unfit connection string: went back after {:.1} s: {}",
        start.elapsed().as_secs_f32(),
        told.message
    );
    ensure!(
        told.message.contains(SECRETS[0]) && told.message.contains("pod scratch-"),
        "{}",
        told.message
    );
    earlier_pods(world, &good, &before).await?;
    let report = load.finish().await?;
    let first = report.failures.first();
    ensure!(
        first.is_none(),
        "of {} requests failed: {first:?}",
        report.sent
    );
    rotate_in(world, (STAGING, SECRETS[0]), &world.mongo_uri(STAGING)?).await?;
    status(valid, "Unknown", "NotVerified", RESTORE_TIMEOUT).await?;
    ensure!(
        uids(world).await? == before,
        "the same value again replaced a pod"
    );
    scratch.close().await.context("removing scratch")
}

/// Waits until pods read the connection string `uri` and these are the serving pods.
async fn earlier_pods(world: &World, uri: &str, pods: &[String]) -> anyhow::Result<()> {
    let serving = (STAGING, ScratchEnvironment::NAME);
    until(
        &world.progress,
        "the earlier pods",
        RESTORE_TIMEOUT,
        || async {
            let used = in_use_by(world, serving).await?;
            ensure!(used == uri, "the dead URI is in use");
            let found = uids(world).await?;
            ensure!(found == pods, "{pods:?} → {found:?}");
            Ok(())
        },
    )
    .await
}

/// Returns the UIDs of the serving pods that are not terminating.
async fn uids(world: &World) -> anyhow::Result<Vec<String>> {
    let (namespace, name) = (STAGING.namespace(), ScratchEnvironment::NAME);
    let all = pods::of(&world.client, &namespace, name, "web").await?;
    let stay = all.into_iter().filter(|pod| !pod.terminating);
    Ok(stay.map(|pod| pod.uid).collect())
}
