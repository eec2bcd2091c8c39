//! Measures the operator's memory use while 50 environments exist.

use std::time::Duration;

use anyhow::ensure;
use crokodial_crds::CrokodialEnvironment;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::json;

use super::environment::{Bench, STAGE, overlay};
use super::report::{Report, Row, Unit};
use super::sizes::{MIB, OPERATOR, rss};
use crate::deploy::simulated;
use crate::wait::until;
use crate::{Progress, leftovers};

const ENVIRONMENTS: usize = 50;
const LABEL: &str = "crokodial.test/crowd";

/// Timeout for all 50 environments to serve requests, and for their deletion. It is long because a machine with two
/// cores must start a candidate pod and a regular pod for each environment.
const READY_TIMEOUT: Duration = Duration::from_secs(900);

pub(super) async fn measure(
    bench: &Bench<'_>,
    report: &mut Report,
    progress: &Progress,
) -> anyhow::Result<()> {
    progress.say(&format!("making {ENVIRONMENTS} environments"));
    remove(bench, progress).await?;
    let measured = with_crowd(bench, report, progress).await;
    remove(bench, progress).await?;
    measured
}

async fn with_crowd(
    bench: &Bench<'_>,
    report: &mut Report,
    progress: &Progress,
) -> anyhow::Result<()> {
    let image = simulated::image(bench.cluster, "bench-good", &[])?;
    for n in 0..ENVIRONMENTS {
        let environment = environment(n, &image)?;
        let api = bench.environments();
        api.create(&PostParams::default(), &environment).await?;
    }
    until(progress, "all of them", READY_TIMEOUT, || async {
        let found = crowd(bench).await?;
        let ready = found.iter().filter(|environment| serves(environment));
        let ready = ready.count();
        ensure!(ready == ENVIRONMENTS, "{ready} of {ENVIRONMENTS} serve");
        Ok(())
    })
    .await?;
    for pid in leftovers::pods_running(&bench.cluster.layout, OPERATOR)? {
        let what = format!("RSS of {OPERATOR} ({pid}) with {ENVIRONMENTS} environments");
        report.add(Row::new(what, Unit::Bytes, rss(pid)?).limit(32 * MIB));
    }
    Ok(())
}

fn environment(n: usize, image: &str) -> anyhow::Result<CrokodialEnvironment> {
    let spec = json!({
        "image": image,
        "domain": format!("crowd-{n}.crokodial.test"),
        // Small requests, because a node with two cores cannot run fifty applications with the default ones.
        "runtime": {"replicas": 1, "resources": {"requests": {"cpu": "1m", "memory": "8Mi"}}},
        "rollout": {"bake": "5s", "progressDeadline": "15m"},
    });
    let mut environment = overlay(STAGE, &format!("crowd-{n}"), &spec)?;
    environment
        .labels_mut()
        .insert(LABEL.to_owned(), "yes".to_owned());
    Ok(environment)
}

/// Returns true if a release of the environment serves requests.
fn serves(environment: &CrokodialEnvironment) -> bool {
    let status = environment.status.as_ref();
    status.is_some_and(|status| status.release.serving.is_some())
}

async fn crowd(bench: &Bench<'_>) -> anyhow::Result<Vec<CrokodialEnvironment>> {
    let ours = ListParams::default().labels(LABEL);
    Ok(bench.environments().list(&ours).await?.items)
}

async fn remove(bench: &Bench<'_>, progress: &Progress) -> anyhow::Result<()> {
    let ours = ListParams::default().labels(LABEL);
    let api = bench.environments();
    api.delete_collection(&DeleteParams::default(), &ours)
        .await?;
    until(progress, "the end of them", READY_TIMEOUT, || async {
        let left = crowd(bench).await?.len();
        ensure!(left == 0, "{left} are there");
        Ok(())
    })
    .await
}
