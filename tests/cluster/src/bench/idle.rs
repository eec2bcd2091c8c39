//! Counts the API writes that the operator makes in reconciles with nothing to change, according to its metrics.

use std::time::Duration;

use anyhow::{Context, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::json;

use super::environment::Bench;
use super::report::{Report, Row, Unit};
use crate::Progress;
use crate::deploy::helm;
use crate::wait::until;

/// Minimum number of reconciles per measurement window.
const RECONCILES: u64 = 20;

/// Number of measurement windows. Only the window with the fewest writes is reported, because time-dependent fields of
/// the status may be updated once a minute.
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

/// Triggers at least [`RECONCILES`] reconciles by changing an annotation that the operator ignores. Returns the number
/// of API writes in that time, without writes of Leases.
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

/// Counters from the operator's metrics, summed over all operator pods.
struct Counts {
    reconciles: u64,
    writes: u64,
}

impl Counts {
    /// Reads the metrics of all operator pods and sums their counters. Writes of Leases are not counted.
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

/// Returns the sum of all time series of the counter `name` whose labels satisfy `wanted`. `metrics` is in the
/// Prometheus text format.
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
