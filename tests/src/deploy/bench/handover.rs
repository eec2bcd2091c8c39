//! How long nobody leads: when the leader is told to stop, and when it dies.

use std::time::Duration;

use anyhow::ensure;
use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use serde_json::json;

use super::report::{Report, Row};
use super::site::{Bench, watched};
use crate::cluster::Progress;
use crate::deploy::operators;

/// The chart's default.
const LEASE: Duration = Duration::from_secs(5);
const HALF: Duration = Duration::from_millis(500);

pub(super) async fn measure(
    bench: &Bench<'_>,
    report: &mut Report,
    progress: &Progress,
) -> anyhow::Result<()> {
    progress.say("measuring the handover");
    let told = until_next_write(bench, Signal::SIGTERM, progress).await?;
    let what = "SIGTERM of the leader to the next one's first write";
    report.add(
        Row::time(what, told)
            .within(HALF)
            .beside("the lease", LEASE),
    );
    let killed = until_next_write(bench, Signal::SIGKILL, progress).await?;
    let what = "SIGKILL of the leader to the next one's first write";
    let limit = LEASE + HALF;
    report.add(
        Row::time(what, killed)
            .within(limit)
            .beside("the lease", LEASE),
    );
    Ok(())
}

/// By the API server's audit log, with an edit that asks for a write at once.
async fn until_next_write(
    bench: &Bench<'_>,
    signal: Signal,
    progress: &Progress,
) -> anyhow::Result<Duration> {
    let old = operators::settled(&bench.client, progress).await?;
    let process = operators::process(bench.cluster, &old)?;
    let since = Timestamp::now();
    kill(process, signal)?;
    bench
        .patch(&json!({"spec": {"runtime": {"replicas": 3}}}))
        .await?;
    let mut first = None;
    watched("the next leader's first write", || {
        let found = operators::writes(bench.cluster, since).map(|mut writes| {
            writes.retain(|w| w.pod != old && !w.is_of_lease() && w.accepted());
            writes.first().map(|write| write.received)
        });
        first = found.as_ref().ok().copied().flatten();
        async move {
            ensure!(found?.is_some(), "no write yet");
            Ok(())
        }
    })
    .await?;
    bench
        .patch(&json!({"spec": {"runtime": {"replicas": 2}}}))
        .await?;
    bench.ready(progress).await?;
    let took = first.map(|at| at.duration_since(since)).unwrap_or_default();
    Ok(Duration::try_from(took).unwrap_or_default())
}
