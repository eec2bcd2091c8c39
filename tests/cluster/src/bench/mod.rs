//! `make bench`: the product's sizes and times, measured on the cluster of `make up`.
//!
//! Each file measures one thing and adds rows to the report; things that are compared are measured in the same run. The
//! environment `bench`, in staging's namespace, is created for it and removed: other environments are not changed.

mod credentials;
mod crowd;
mod environment;
mod failure;
mod gate;
mod handover;
mod idle;
pub mod report;
mod rollout;
mod sizes;
mod start;

use std::time::Duration;

use anyhow::bail;

use self::environment::Bench;
use self::report::{Report, Row};
use crate::{Cluster, Mode, Progress};

/// Measures everything.
///
/// # Errors
/// When something cannot be measured.
pub async fn measure(cluster: &Cluster, progress: &Progress) -> anyhow::Result<Report> {
    let mut report = Report::default();
    // First, as later measurements increase the operator's memory.
    sizes::measure(cluster, &mut report).await?;
    let bench = Bench::create(cluster, progress).await?;
    let measured = with_environment(&bench, &mut report, progress).await;
    bench.remove(progress).await?;
    measured?;
    if cluster.settings.mode == Mode::Local {
        let took = start::warm(cluster, progress).await?;
        let limit = Duration::from_secs(90);
        report.add(Row::time("make up, nothing to compile", took).within(limit));
    }
    Ok(report)
}

async fn with_environment(
    bench: &Bench<'_>,
    report: &mut Report,
    progress: &Progress,
) -> anyhow::Result<()> {
    rollout::measure(bench, report, progress).await?;
    rollout::under_load(bench, report, progress).await?;
    idle::measure(bench, report, progress).await?;
    credentials::measure(bench, report, progress).await?;
    gate::measure(bench, report, progress).await?;
    handover::measure(bench, report, progress).await?;
    failure::measure(bench, report, progress).await?;
    crowd::measure(bench, report, progress).await
}

/// Checks every measurement against its limit.
///
/// # Errors
/// When one is above its limit, naming it.
pub fn check_limits(report: &Report) -> anyhow::Result<()> {
    let above = report.above();
    if !above.is_empty() {
        bail!("above the limit: {}", above.join(", "));
    }
    Ok(())
}
