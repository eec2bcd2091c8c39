//! Measures the time from the decision to roll back a bad release until the last good release serves again. The
//! baseline is the rollback of a plain Deployment. Also counts the requests lost since the bad release was applied.

use std::time::{Duration, Instant};

use anyhow::ensure;
use crokodial_crds::{CrokodialRelease, ReleasePhase};
use kube::Api;
use serde_json::json;

use super::environment::{Bench, DOMAIN, NAME, STAGE, poll};
use super::report::{Report, Row, Unit};
use super::rollout;
use crate::Progress;
use crate::deploy::simulated;
use crate::edge::load::Load;
use crate::edge::site::Site;
use crate::wait::until;

/// Request rate during the measurement, in requests per second.
const RATE: u32 = 200;
/// Maximum time from the decision to roll back until the last good release serves again.
const MAX_ROLLBACK: Duration = Duration::from_secs(60);

pub(super) async fn measure(
    bench: &Bench<'_>,
    report: &mut Report,
    progress: &Progress,
) -> anyhow::Result<()> {
    progress.say("measuring a release that becomes slow in its bake");
    let good = simulated::image(bench.cluster, "bench-good", &[])?;
    let slow = ["--delay-milliseconds=300", "--delay-after-seconds=15"];
    let slow = simulated::image(bench.cluster, "bench-slow", &slow)?;
    bench.roll(&good).await?;
    bench.ready(progress).await?;
    let last = serving(bench).await?;
    // The operator judges latency by the probes of half of the bake; a bake of a few seconds has too few of them.
    bench
        .patch(&json!({"spec": {"rollout": {"bake": "90s"}}}))
        .await?;
    wait_for_latency(bench, &last, progress).await?;
    let load = Load::start(Site::https(bench, DOMAIN)?, "/livez", RATE);
    bench.patch(&json!({"spec": {"image": slow}})).await?;
    poll("the verdict", || {
        in_phase(bench, last.spec.number + 1, ReleasePhase::RolledBack)
    })
    .await?;
    let began = Instant::now();
    poll("the last good release", || async {
        let now = serving(bench).await?.spec.number;
        ensure!(now == last.spec.number, "release {now} serves");
        Ok(())
    })
    .await?;
    let took = began.elapsed();
    let outcome = load.finish().await?;
    bench
        .patch(&json!({"spec": {"image": good, "rollout": {"bake": "5s"}}}))
        .await?;
    bench.ready(progress).await?;
    rollout::roll_plain(bench, &slow).await?;
    let plain = rollout::roll_plain(bench, &good).await?;
    let what = "verdict of a bad release to the last good one serving";
    report.add(
        Row::time(what, took)
            .within(MAX_ROLLBACK)
            .compared_with("plain Deployment", plain),
    );
    let lost = u64::try_from(outcome.failures.len()).unwrap_or(u64::MAX);
    let what = format!("requests lost by then, {RATE} a second");
    report.add(Row::new(what, Unit::Count, lost).limit(0));
    Ok(())
}

async fn releases(bench: &Bench<'_>) -> anyhow::Result<Vec<CrokodialRelease>> {
    let api: Api<CrokodialRelease> = Api::namespaced(bench.client.clone(), &STAGE.namespace());
    let mut all = api.list(&Default::default()).await?.items;
    all.retain(|release| release.spec.environment == NAME);
    Ok(all)
}

/// Returns the release that serves requests according to the environment's status. Returns an error if no release
/// serves.
async fn serving(bench: &Bench<'_>) -> anyhow::Result<CrokodialRelease> {
    let status = bench
        .environments()
        .get(NAME)
        .await?
        .status
        .unwrap_or_default();
    let all = releases(bench).await?;
    let found = all
        .into_iter()
        .find(|r| Some(r.spec.number) == status.release.serving);
    found.ok_or_else(|| anyhow::anyhow!("nothing serves"))
}

/// Succeeds if release `number` is in the given phase. Otherwise returns an error, so that [`poll`] tries again.
async fn in_phase(bench: &Bench<'_>, number: i64, phase: ReleasePhase) -> anyhow::Result<()> {
    let all = releases(bench).await?;
    let found = all.iter().find(|r| r.spec.number == number);
    let found = found.and_then(|r| r.status.as_ref()).map(|s| s.phase);
    ensure!(found == Some(phase), "release {number} is {found:?}");
    Ok(())
}

/// Waits until the operator has recorded the latency of `release`. Only then can the operator detect that a later
/// release is slower.
async fn wait_for_latency(
    bench: &Bench<'_>,
    release: &CrokodialRelease,
    progress: &Progress,
) -> anyhow::Result<()> {
    let within = Duration::from_secs(120);
    until(
        progress,
        "how fast the good release answers",
        within,
        || async {
            let all = releases(bench).await?;
            let found = all.iter().find(|r| r.spec.number == release.spec.number);
            let known = found.and_then(|r| r.status.as_ref()?.latency_p95_ms);
            ensure!(known.is_some(), "not known yet");
            Ok(())
        },
    )
    .await
}
