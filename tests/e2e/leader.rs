//! Two operators: who leads, how fast the other takes over, and that nobody else writes. The API server's audit log
//! says which pod wrote what and when.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use crokodial_e2e::cluster::Stage;
use crokodial_e2e::cluster::wait::until;
use crokodial_e2e::deploy::helm;
use crokodial_e2e::deploy::operators::{self, LEASE_LENGTH, Write, lease};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::world::World;

const STAGING: Stage = Stage::Staging;

/// Waits until there are two operators, both ready, and one of them leads: its pod.
pub async fn settled(world: &World) -> anyhow::Result<String> {
    operators::settled(&world.client, &world.progress).await
}

/// Asks for so many operators; none: nobody leads.
pub fn replicas(world: &World, count: usize) -> anyhow::Result<()> {
    let count = format!("--replicas={count}");
    world.kubectl(&[
        "-n",
        helm::NAMESPACE,
        "scale",
        operators::DEPLOYMENT,
        &count,
    ])?;
    Ok(())
}

/// Gives the operator something to write: the number of staging's pods, 1 by default.
async fn scale(world: &World, replicas: Option<i32>) -> anyhow::Result<()> {
    world
        .edit(STAGING, json!({"runtime": {"replicas": replicas}}))
        .await
}

/// The first write, other than of the lease, by another pod since.
async fn first_of_others(world: &World, old: &str, since: Timestamp) -> anyhow::Result<Write> {
    let within = Duration::from_secs(20);
    until(
        &world.progress,
        "the next one's first write",
        within,
        || async { operators::first_of_others(&world.cluster, old, since) },
    )
    .await
}

/// What the versions of our applies rest on.
pub async fn create_only(world: &World) -> anyhow::Result<()> {
    let maps: Api<ConfigMap> = Api::namespaced(world.client.clone(), &STAGING.namespace());
    let params = PatchParams::apply("e2e").force();
    let object = Patch::Apply(json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "create-only", "resourceVersion": "1"}, "data": {"x": "1"}}));
    let first = maps.patch("create-only", &params, &object).await;
    let second = maps.patch("create-only", &params, &object).await;
    maps.delete("create-only", &DeleteParams::default()).await?;
    first.context("where there is none it is created")?;
    let refused = matches!(&second, Err(kube::Error::Api(status)) if status.code == 409);
    ensure!(refused, "where there is one it is a conflict: {second:?}");
    Ok(())
}

/// The lease is given back, not left to run out. How fast is measured in `make bench`.
pub async fn terminated(world: &World) -> anyhow::Result<()> {
    let old = settled(world).await?;
    let before = lease(&world.client).await?;
    let process = operators::process(&world.cluster, &old)?;
    let restarts = operators::restarts(&world.client, &old).await?;
    let since = Timestamp::now();
    kill(process, Signal::SIGTERM)?;
    scale(world, Some(2)).await?;
    let first = first_of_others(world, &old, since).await?;
    let now = lease(&world.client).await?;
    let acquired = now.acquire_time.clone().context("nobody acquired it")?.0;
    let handover = Duration::try_from(acquired.duration_since(since)).unwrap_or_default();
    println!(
        "SIGTERM to the lease's new record: {handover:?}, to the first write: {:?}",
        first.after(since)
    );
    scale(world, None).await?;
    ensure!(
        now.lease_transitions > before.lease_transitions,
        "{before:?} {now:?}"
    );
    ensure!(
        first.after(since) < LEASE_LENGTH / 2,
        "the lease changed hands after {handover:?}, and {first:?} came after {:?}",
        first.after(since)
    );
    operators::restarted(&world.client, &world.progress, &old, restarts).await?;
    settled(world).await?;
    Ok(())
}

/// Nobody gives the lease back: it has to run out, and no longer. How fast is measured in `make bench`.
pub async fn killed(world: &World) -> anyhow::Result<()> {
    let old = settled(world).await?;
    let process = operators::process(&world.cluster, &old)?;
    let restarts = operators::restarts(&world.client, &old).await?;
    let since = Timestamp::now();
    kill(process, Signal::SIGKILL)?;
    scale(world, Some(2)).await?;
    let first = first_of_others(world, &old, since).await?;
    let took = first.after(since);
    println!("SIGKILL to the first write: {took:?}");
    scale(world, None).await?;
    ensure!(took <= 2 * LEASE_LENGTH, "{first:?} came after {took:?}");
    operators::restarted(&world.client, &world.progress, &old, restarts).await?;
    settled(world).await?;
    Ok(())
}

/// Stopped while it has work, for two leases, and let go on: by then another one leads.
pub async fn stopped(world: &World) -> anyhow::Result<()> {
    let old = settled(world).await?;
    let process = operators::process(&world.cluster, &old)?;
    let resumed = paused(world, &old, process).await;
    // Whatever happened: nothing stays stopped.
    kill(process, Signal::SIGCONT)?;
    let superseded = resumed?;
    // Its watches tell it of these edits, too.
    for replicas in [Some(2), None] {
        scale(world, replicas).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let written = operators::writes(&world.cluster, superseded)?;
    let (stale, others): (Vec<_>, Vec<_>) = written.into_iter().partition(|w| w.pod == old);
    println!(
        "since the takeover: {} writes of the new leader, {} tried by the old one",
        others.len(),
        stale.len()
    );
    ensure!(
        others.iter().any(Write::accepted),
        "nobody wrote, so nothing was shown"
    );
    let accepted: Vec<_> = stale.iter().filter(|write| write.accepted()).collect();
    ensure!(
        accepted.is_empty(),
        "accepted of the stale leader: {accepted:?}"
    );
    settled(world).await?;
    Ok(())
}

/// The moment when the next one had the lease.
async fn paused(world: &World, old: &str, process: Pid) -> anyhow::Result<Timestamp> {
    // In the middle of the reconciles that these edits ask for.
    for turn in 0..6 {
        scale(world, (turn % 2 == 1).then_some(2)).await?;
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    kill(process, Signal::SIGSTOP)?;
    let start = Instant::now();
    let within = 2 * LEASE_LENGTH;
    let taken = until(&world.progress, "the next leader", within, || async {
        let (_, pod) = operators::leader(&world.client).await?;
        ensure!(pod != old, "still {pod}");
        Ok(lease(&world.client)
            .await?
            .acquire_time
            .context("never acquired")?
            .0)
    })
    .await?;
    tokio::time::sleep((2 * LEASE_LENGTH).saturating_sub(start.elapsed())).await;
    // The audit's time is that of the answer; a moment for the clocks of two processes on one machine.
    Ok(taken + SignedDuration::from_millis(1))
}
