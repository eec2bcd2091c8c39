//! `make bench`: measures sizes and durations of the operator and the dialer on the cluster that `make up` started.
//!
//! Each submodule measures one subject. A measured baseline is taken in the same run as the measurement that is
//! compared with it. Environments that are created for measurements are deleted at the end; other environments are not
//! changed.

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

/// Runs all measurements and returns the report. In mode `local`, also starts a second cluster to measure `make up`.
///
/// # Errors
/// When a measurement fails, or its environment or cluster cannot be created or removed.
pub async fn measure(cluster: &Cluster, progress: &Progress) -> anyhow::Result<Report> {
    let mut report = Report::default();
    // Sizes come first, because the other measurements increase the operator's memory.
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

/// Checks that no measurement exceeds its limit.
///
/// # Errors
/// When measurements exceed their limits; the error names them.
pub fn check_limits(report: &Report) -> anyhow::Result<()> {
    let above = report.above();
    if !above.is_empty() {
        bail!("above the limit: {}", above.join(", "));
    }
    Ok(())
}
