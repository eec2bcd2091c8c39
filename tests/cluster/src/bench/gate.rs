//! Measures the time until the operator reports that a freeze blocks a promotion, and the delay from the end of the
//! freeze until the release has passed the promotion gate.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use crokodial_crds::condition::ConditionType;
use crokodial_crds::{CrokodialEnvironment, CrokodialRelease, ReleasePhase};
use jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use super::environment::{Bench, NAME, STAGE, delete, holds, overlay, poll};
use super::report::{Report, Row};
use crate::deploy::environments::freeze_until_a_minute;
use crate::wait::until;
use crate::{Progress, Stage};

/// Name of the environment to which releases of `bench` are promoted. Its stage is `prod`.
const PROMOTED: &str = "bench-prod";
const PROD: Stage = Stage::Prod;
/// Timeout for the environment `bench-prod` to become ready, and for its deletion.
const READY_TIMEOUT: Duration = Duration::from_secs(180);

pub(super) async fn measure(
    bench: &Bench<'_>,
    report: &mut Report,
    progress: &Progress,
) -> anyhow::Result<()> {
    progress.say("measuring the gate");
    let environments: Api<CrokodialEnvironment> =
        Api::namespaced(bench.client.clone(), &PROD.namespace());
    remove(&environments, progress).await?;
    let measured = with_prod(bench, &environments, report, progress).await;
    remove(&environments, progress).await?;
    measured
}

async fn with_prod(
    bench: &Bench<'_>,
    environments: &Api<CrokodialEnvironment>,
    report: &mut Report,
    progress: &Progress,
) -> anyhow::Result<()> {
    let from = json!({"name": NAME, "namespace": STAGE.namespace()});
    let made = overlay(
        PROD,
        PROMOTED,
        &json!({
            "domain": "bench-prod.crokodial.test",
            "image": bench.images[1],
            "deletionPolicy": "Delete",
            "promotion": {"from": from, "soak": "0s"},
            "rollout": {"bake": "5s"},
        }),
    )?;
    environments.create(&PostParams::default(), &made).await?;
    until(progress, "environment bench-prod", READY_TIMEOUT, || {
        holds(environments, PROMOTED, ConditionType::Ready, |c| {
            c.status == "True"
        })
    })
    .await?;
    let (freeze, end) = freeze_until_a_minute(Timestamp::now())?;
    let patch = json!({"spec": {"image": bench.images[0], "promotion": {"freezes": [freeze]}}});
    let began = Instant::now();
    environments
        .patch(PROMOTED, &PatchParams::default(), &Patch::Merge(&patch))
        .await?;
    poll("the gate's verdict", || {
        holds(environments, PROMOTED, ConditionType::Promotable, |c| {
            c.reason == "Frozen"
        })
    })
    .await?;
    let limit = Duration::from_secs(2);
    report.add(Row::time("edit to the gate's verdict in status", began.elapsed()).within(limit));
    poll("the gate", || opened(bench)).await?;
    let late = Timestamp::now().duration_since(end);
    let late = Duration::try_from(late).context("the gate opened before the freeze ended")?;
    let limit = Duration::from_secs(5);
    report.add(Row::time("end of a freeze to the gate opened", late).within(limit));
    Ok(())
}

/// Succeeds if the second release of `bench-prod` has passed the promotion gate. Otherwise returns an error, so that
/// [`poll`] tries again.
async fn opened(bench: &Bench<'_>) -> anyhow::Result<()> {
    let releases: Api<CrokodialRelease> = Api::namespaced(bench.client.clone(), &PROD.namespace());
    let second = releases.get(&format!("{PROMOTED}-2")).await?;
    let phase = second.status.map_or(ReleasePhase::Pending, |s| s.phase);
    let waiting = [ReleasePhase::Pending, ReleasePhase::Gated].contains(&phase);
    ensure!(!waiting, "{}", phase.as_str());
    Ok(())
}

async fn remove(
    environments: &Api<CrokodialEnvironment>,
    progress: &Progress,
) -> anyhow::Result<()> {
    delete(environments, PROMOTED).await?;
    until(progress, "the end of bench-prod", READY_TIMEOUT, || async {
        ensure!(
            environments.get_opt(PROMOTED).await?.is_none(),
            "it is there"
        );
        Ok(())
    })
    .await
}
