//! A reconcile that changes nothing writes nothing, by the operator's own count.

use std::time::Duration;

use anyhow::{Context, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::json;

use super::report::{Report, Row, Unit};
use super::site::Bench;
use crate::cluster::Progress;
use crate::cluster::wait::until;
use crate::deploy::helm;

/// A window is so many reconciles long.
const RECONCILES: u64 = 20;

/// Once a minute a status may tell of time that passed, and a lease is renewed: of so many windows the best counts.
const WINDOWS: usize = 3;

pub(super) async fn measure(
    bench: &Bench<'_>,
    report: &mut Report,
    progress: &Progress,
) -> anyhow::Result<()> {
    bench.ready(progress).await?;
    let mut fewest = u64::MAX;
    for _ in 0..WINDOWS {
        fewest = fewest.min(window(bench, progress).await?);
    }
    let what = format!("API writes of {RECONCILES} reconciles that change nothing");
    report.add(Row::new(what, Unit::Count, fewest).limit(0));
    Ok(())
}

/// Wakes the operator again and again by an annotation that means nothing, and counts what it writes.
async fn window(bench: &Bench<'_>, progress: &Progress) -> anyhow::Result<u64> {
    let before = Counts::read(bench).await?;
    let within = Duration::from_secs(120);
    let after = until(progress, "reconciles", within, || async {
        let now = jiff::Timestamp::now().to_string();
        let patch = json!({"metadata": {"annotations": {"crokodial.test/bench": now}}});
        bench.patch(&patch).await?;
        let after = Counts::read(bench).await?;
        ensure!(
            after.reconciles >= before.reconciles + RECONCILES,
            "{} of {RECONCILES}",
            after.reconciles - before.reconciles
        );
        Ok(after)
    })
    .await?;
    Ok(after.writes - before.writes)
}

struct Counts {
    reconciles: u64,
    writes: u64,
}

impl Counts {
    /// Of all the operator's pods together.
    async fn read(bench: &Bench<'_>) -> anyhow::Result<Self> {
        let pods: Api<Pod> = Api::namespaced(bench.client.clone(), helm::NAMESPACE);
        let ours = ListParams::default().labels("app.kubernetes.io/name=crokodial-operator");
        let mut counts = Self {
            reconciles: 0,
            writes: 0,
        };
        for pod in pods.list(&ours).await?.items {
            let path = format!(
                "/api/v1/namespaces/{}/pods/{}:8080/proxy/metrics",
                helm::NAMESPACE,
                pod.name_any()
            );
            let request = http::Request::get(path).body(Vec::new())?;
            let text = bench
                .client
                .request_text(request)
                .await
                .context("reading the operator's metrics")?;
            counts.reconciles += sum(&text, "crokodial_reconciles_total", |_| true);
            counts.writes += sum(&text, "crokodial_api_writes_total", |labels| {
                !labels.contains("kind=\"Lease\"")
            });
        }
        Ok(counts)
    }
}

/// Sum of a counter's series, of those whose labels are wanted.
fn sum(metrics: &str, name: &str, wanted: impl Fn(&str) -> bool) -> u64 {
    let values = metrics.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let labels = series.strip_prefix(name)?;
        let ours = labels.is_empty() || labels.starts_with('{');
        (ours && wanted(labels)).then(|| value.parse::<u64>().ok())?
    });
    values.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_the_sum_of_its_series() {
        let text = "# TYPE crokodial_api_writes counter\n\
            crokodial_api_writes_total{verb=\"Apply\",kind=\"Service\"} 3\n\
            crokodial_api_writes_total{verb=\"Replace\",kind=\"Lease\"} 40\n\
            crokodial_api_writes_total_of_others{} 7\n\
            crokodial_reconciles_total{kind=\"CrokodialEnvironment\"} 12\n";
        let all = |_: &str| true;
        assert_eq!(sum(text, "crokodial_api_writes_total", all), 43);
        let no_lease = |labels: &str| !labels.contains("Lease");
        assert_eq!(sum(text, "crokodial_api_writes_total", no_lease), 3);
        assert_eq!(sum(text, "crokodial_reconciles_total", all), 12);
    }
}
