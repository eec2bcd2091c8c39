//! `make bench`: what the product costs and how fast it is, on the cluster of `make up`.
//!
//! Each file measures one thing and adds rows; two things that are compared are measured in the same run. The
//! environment `bench`, beside staging, is made for it and removed: nobody's environment is touched.

mod credentials;
mod crowd;
mod failure;
mod gate;
mod handover;
mod idle;
pub mod report;
mod rollout;
mod site;
mod sizes;
mod start;

use std::time::Duration;

use anyhow::bail;

use self::report::{Report, Row};
use self::site::Bench;
use crate::cluster::{Cluster, Mode, Progress};

/// Measures everything.
///
/// # Errors
/// When something cannot be measured.
pub async fn measure(cluster: &Cluster, progress: &Progress) -> anyhow::Result<Report> {
    let mut report = Report::default();
    // First: later the operator also holds what it measured.
    sizes::measure(cluster, &mut report).await?;
    let bench = Bench::make(cluster, progress).await?;
    let measured = with_site(&bench, &mut report, progress).await;
    bench.remove(progress).await?;
    measured?;
    if cluster.settings.mode == Mode::Local {
        let took = start::warm(cluster, progress).await?;
        let limit = Duration::from_secs(90);
        report.add(Row::time("make up, nothing to compile", took).within(limit));
    }
    Ok(report)
}

async fn with_site(
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

/// Fails with what is above its limit.
///
/// # Errors
/// When something is.
pub fn judge(report: &Report) -> anyhow::Result<()> {
    let above = report.above();
    if !above.is_empty() {
        bail!("above the limit: {}", above.join(", "));
    }
    Ok(())
}
