//! Measures the time from SIGTERM or SIGKILL of the leading operator until the next leader's first write.

use std::time::Duration;

use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use serde_json::json;

use super::environment::{Bench, poll};
use super::report::{Report, Row};
use crate::Progress;
use crate::deploy::operators::{self, LEASE_DURATION, MAX_HANDOVER};

pub(super) async fn measure(
    bench: &Bench<'_>,
    report: &mut Report,
    progress: &Progress,
) -> anyhow::Result<()> {
    progress.say("measuring the handover");
    let terminated = until_next_write(bench, Signal::SIGTERM, progress).await?;
    let what = "SIGTERM of the leader to the next one's first write";
    report.add(
        Row::time(what, terminated)
            .within(MAX_HANDOVER)
            .compared_with("the lease", LEASE_DURATION),
    );
    let killed = until_next_write(bench, Signal::SIGKILL, progress).await?;
    let what = "SIGKILL of the leader to the next one's first write";
    let limit = LEASE_DURATION + MAX_HANDOVER;
    report.add(
        Row::time(what, killed)
            .within(limit)
            .compared_with("the lease", LEASE_DURATION),
    );
    Ok(())
}

/// Sends `signal` to the leading operator and returns the time until the next leader's first write. To cause that
/// write, edits the environment. The time of the write is read from the API server's audit log.
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
    let first = poll("the next leader's first write", || async {
        operators::first_write_of_others(bench.cluster, &old, since)
    })
    .await?;
    bench
        .patch(&json!({"spec": {"runtime": {"replicas": 2}}}))
        .await?;
    bench.ready(progress).await?;
    operators::restarted(&bench.client, progress, &old, restarts).await?;
    Ok(first.after(since))
}
