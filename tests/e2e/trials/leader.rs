//! Tests of leader election between two operator pods: which pod leads, when the other one takes over, and that only
//! the leader writes. The writes are read from the API server's audit log.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use crokodial_cluster::Stage;
use crokodial_cluster::deploy::helm;
use crokodial_cluster::deploy::operators::{self, AuditedWrite, LEASE_DURATION, lease};
use crokodial_cluster::wait::until;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::support::world::World;

const STAGING: Stage = Stage::Staging;

/// Waits until two operator pods are ready and one of them leads. Returns the name of the leading pod.
pub async fn settled(world: &World) -> anyhow::Result<String> {
    operators::settled(&world.client, &world.progress).await
}

/// Sets the number of operator pods.
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

/// Sets the number of pods of staging, which makes the operator write. `None` restores the default of 1.
async fn scale(world: &World, replicas: Option<i32>) -> anyhow::Result<()> {
    world
        .edit(STAGING, json!({"runtime": {"replicas": replicas}}))
        .await
}

/// Waits for the first write after `since` by an operator pod other than `old`. Rejected writes and writes of the Lease
/// do not count.
async fn first_write_of_others(
    world: &World,
    old: &str,
    since: Timestamp,
) -> anyhow::Result<AuditedWrite> {
    let within = Duration::from_secs(20);
    until(
        &world.progress,
        "the next one's first write",
        within,
        || async { operators::first_write_of_others(&world.cluster, old, since) },
    )
    .await
}

/// Checks that a server-side apply with an outdated resourceVersion creates a missing object but does not overwrite an
/// existing one. The operator relies on this.
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

/// Checks that the leader releases its Lease after SIGTERM instead of letting it expire. `make bench` measures the
/// takeover time.
pub async fn terminated(world: &World) -> anyhow::Result<()> {
    let old = settled(world).await?;
    let before = lease(&world.client).await?;
    let process = operators::process(&world.cluster, &old)?;
    let restarts = operators::restarts(&world.client, &old).await?;
    let since = Timestamp::now();
    kill(process, Signal::SIGTERM)?;
    scale(world, Some(2)).await?;
    let first = first_write_of_others(world, &old, since).await?;
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
        first.after(since) < LEASE_DURATION / 2,
        "the lease changed hands after {handover:?}, and {first:?} came after {:?}",
        first.after(since)
    );
    operators::restarted(&world.client, &world.progress, &old, restarts).await?;
    settled(world).await?;
    Ok(())
}

/// Checks that another operator pod writes within two Lease durations after SIGKILL of the leader. `make bench`
/// measures the takeover time.
pub async fn killed(world: &World) -> anyhow::Result<()> {
    let old = settled(world).await?;
    let process = operators::process(&world.cluster, &old)?;
    let restarts = operators::restarts(&world.client, &old).await?;
    let since = Timestamp::now();
    kill(process, Signal::SIGKILL)?;
    scale(world, Some(2)).await?;
    let first = first_write_of_others(world, &old, since).await?;
    let took = first.after(since);
    println!("SIGKILL to the first write: {took:?}");
    scale(world, None).await?;
    ensure!(took <= 2 * LEASE_DURATION, "{first:?} came after {took:?}");
    operators::restarted(&world.client, &world.progress, &old, restarts).await?;
    settled(world).await?;
    Ok(())
}

/// Pauses the leader (SIGSTOP) for two Lease durations in the middle of its work, and resumes it after another operator
/// pod leads. After the takeover, the API server must accept no write of the former leader.
pub async fn paused(world: &World) -> anyhow::Result<()> {
    let old = settled(world).await?;
    let process = operators::process(&world.cluster, &old)?;
    let resumed = pause(world, &old, process).await;
    // Resumes the process even after an error; otherwise it would stay paused.
    kill(process, Signal::SIGCONT)?;
    let superseded = resumed?;
    // The watches of the formerly paused operator receive these edits, too.
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
        others.iter().any(AuditedWrite::accepted),
        "no operator wrote, so the test proves nothing"
    );
    let accepted: Vec<_> = stale.iter().filter(|write| write.accepted()).collect();
    ensure!(
        accepted.is_empty(),
        "accepted of the stale leader: {accepted:?}"
    );
    settled(world).await?;
    Ok(())
}

/// Pauses the leader `old`. Returns the time at which the next leader acquired the Lease, plus 1 ms.
async fn pause(world: &World, old: &str, process: Pid) -> anyhow::Result<Timestamp> {
    // These edits trigger reconciles, so that the leader is paused in the middle of one.
    for turn in 0..6 {
        scale(world, (turn % 2 == 1).then_some(2)).await?;
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    kill(process, Signal::SIGSTOP)?;
    let start = Instant::now();
    let within = 2 * LEASE_DURATION;
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
    tokio::time::sleep((2 * LEASE_DURATION).saturating_sub(start.elapsed())).await;
    // Adds 1 ms, because two processes of one machine may read slightly different times.
    Ok(taken + SignedDuration::from_millis(1))
}
