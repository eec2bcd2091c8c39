//! How long nobody leads: when the leader is told to stop, and when it dies.

use std::time::Duration;

use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use serde_json::json;

use super::report::{Report, Row};
use super::site::{Bench, watched};
use crate::cluster::Progress;
use crate::deploy::operators::{self, HANDOVER, LEASE_LENGTH};

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
            .within(HANDOVER)
            .beside("the lease", LEASE_LENGTH),
    );
    let killed = until_next_write(bench, Signal::SIGKILL, progress).await?;
    let what = "SIGKILL of the leader to the next one's first write";
    let limit = LEASE_LENGTH + HANDOVER;
    report.add(
        Row::time(what, killed)
            .within(limit)
            .beside("the lease", LEASE_LENGTH),
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
    let restarts = operators::restarts(&bench.client, &old).await?;
    let since = Timestamp::now();
    kill(process, signal)?;
    bench
        .patch(&json!({"spec": {"runtime": {"replicas": 3}}}))
        .await?;
    let first = watched("the next leader's first write", || async {
        operators::first_of_others(bench.cluster, &old, since)
    })
    .await?;
    bench
        .patch(&json!({"spec": {"runtime": {"replicas": 2}}}))
        .await?;
    bench.ready(progress).await?;
    operators::restarted(&bench.client, progress, &old, restarts).await?;
    Ok(first.after(since))
}
