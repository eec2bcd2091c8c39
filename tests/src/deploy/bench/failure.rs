//! From the proof that a release is bad to the last good one serving everywhere, beside a plain Deployment that is
//! rolled back; and what visitors notice.

use std::time::{Duration, Instant};

use anyhow::ensure;
use crokodial_crds::{CrokodialRelease, ReleasePhase};
use kube::Api;
use serde_json::json;

use super::report::{Report, Row, Unit};
use super::rollout;
use super::site::{Bench, DOMAIN, NAME, STAGE, watched};
use crate::cluster::Progress;
use crate::cluster::wait::until;
use crate::deploy::simulated;
use crate::edge::http::Site;
use crate::edge::load::Load;

const PER_SECOND: u32 = 200;
const LIMIT: Duration = Duration::from_secs(60);

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
    // Latencies are judged over half of a bake: one of seconds has no room for enough of them.
    bench
        .patch(&json!({"spec": {"rollout": {"bake": "90s"}}}))
        .await?;
    measured_latency(bench, &last, progress).await?;
    let load = Load::start(Site::https(bench, DOMAIN)?, "/livez", PER_SECOND);
    bench.patch(&json!({"spec": {"image": slow}})).await?;
    watched("the verdict", || {
        is(bench, last.spec.number + 1, ReleasePhase::RolledBack)
    })
    .await?;
    let began = Instant::now();
    watched("the last good release", || async {
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
            .within(LIMIT)
            .beside("plain Deployment", plain),
    );
    let lost = u64::try_from(outcome.failures.len()).unwrap_or(u64::MAX);
    let what = format!("requests lost by then, {PER_SECOND} a second");
    report.add(Row::new(what, Unit::Count, lost).limit(0));
    Ok(())
}

async fn releases(bench: &Bench<'_>) -> anyhow::Result<Vec<CrokodialRelease>> {
    let api: Api<CrokodialRelease> = Api::namespaced(bench.client.clone(), &STAGE.namespace());
    let mut all = api.list(&Default::default()).await?.items;
    all.retain(|release| release.spec.environment == NAME);
    Ok(all)
}

/// The release that the environment says serves.
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

async fn is(bench: &Bench<'_>, number: i64, phase: ReleasePhase) -> anyhow::Result<()> {
    let all = releases(bench).await?;
    let found = all.iter().find(|r| r.spec.number == number);
    let found = found.and_then(|r| r.status.as_ref()).map(|s| s.phase);
    ensure!(found == Some(phase), "release {number} is {found:?}");
    Ok(())
}

/// Without it nothing can be called slow.
async fn measured_latency(
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
