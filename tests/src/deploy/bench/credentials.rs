//! How soon a connection string that is bad is known to be, and that no pod notices.

use std::time::{Duration, Instant};

use crokodial_crds::condition::ConditionType;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::report::{Report, Row, Unit};
use super::site::{Bench, NAME, STAGE, watched};
use crate::cluster::Progress;

pub(super) async fn measure(
    bench: &Bench<'_>,
    report: &mut Report,
    progress: &Progress,
) -> anyhow::Result<()> {
    progress.say("measuring a wrong password");
    bench.ready(progress).await?;
    let (good, before) = (bench.uri()?, pods(bench).await?);
    let began = Instant::now();
    bench.rotate(&good.replacen('@', "x@", 1)).await?;
    let type_ = ConditionType::CredentialsValid;
    watched("the verdict", || bench.told(type_, "AuthFailed")).await?;
    let took = began.elapsed();
    let after = pods(bench).await?;
    bench.rotate(&good).await?;
    bench.ready(progress).await?;
    let limit = Duration::from_secs(25);
    report.add(Row::time("wrong password to its verdict in status", took).within(limit));
    let gone = before.iter().filter(|pod| !after.contains(pod)).count();
    let gone = u64::try_from(gone).unwrap_or(u64::MAX);
    report.add(Row::new("pods affected by it", Unit::Count, gone).limit(0));
    Ok(())
}

/// Pods that serve, with their restarts.
async fn pods(bench: &Bench<'_>) -> anyhow::Result<Vec<String>> {
    let api: Api<Pod> = Api::namespaced(bench.client.clone(), &STAGE.namespace());
    let selector = format!("crokodial.com/environment={NAME},app.kubernetes.io/component=web");
    let found = api.list(&ListParams::default().labels(&selector)).await?;
    let restarts = |pod: &Pod| {
        let statuses = pod.status.clone().and_then(|s| s.container_statuses);
        let statuses = statuses.unwrap_or_default();
        statuses.iter().map(|c| c.restart_count).sum::<i32>()
    };
    let line = |pod: &Pod| format!("{} {}", pod.name_any(), restarts(pod));
    Ok(found.iter().map(line).collect())
}
