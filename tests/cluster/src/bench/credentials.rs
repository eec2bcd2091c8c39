//! Measures the time until the operator reports a wrong database password in the status. Also counts the pods that
//! were replaced or restarted because of it.

use std::time::{Duration, Instant};

use crokodial_crds::condition::ConditionType;

use super::environment::{Bench, NAME, STAGE, poll};
use super::report::{Report, Row, Unit};
use crate::Progress;
use crate::deploy::pods::{self, PodState};

pub(super) async fn measure(
    bench: &Bench<'_>,
    report: &mut Report,
    progress: &Progress,
) -> anyhow::Result<()> {
    progress.say("measuring a wrong password");
    bench.ready(progress).await?;
    let (good, before) = (bench.uri()?, serving(bench).await?);
    let start = Instant::now();
    bench.rotate(&good.replacen('@', "x@", 1)).await?;
    let type_ = ConditionType::CredentialsValid;
    poll("the verdict", || bench.has_reason(type_, "AuthFailed")).await?;
    let took = start.elapsed();
    let after = serving(bench).await?;
    bench.rotate(&good).await?;
    bench.ready(progress).await?;
    let limit = Duration::from_secs(25);
    report.add(Row::time("wrong password to its verdict in status", took).within(limit));
    let gone = before.iter().filter(|pod| !after.contains(pod)).count();
    let gone = u64::try_from(gone).unwrap_or(u64::MAX);
    report.add(Row::new("pods affected by it", Unit::Count, gone).limit(0));
    Ok(())
}

async fn serving(bench: &Bench<'_>) -> anyhow::Result<Vec<PodState>> {
    pods::of(&bench.client, &STAGE.namespace(), NAME, "web").await
}
