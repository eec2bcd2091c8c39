//! Measures the duration of a rollout by the operator, compared with a plain Deployment that has the same pods. Also
//! counts the requests lost during a rollout.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::json;

use super::environment::{Bench, DOMAIN, NAME, poll};
use super::report::{Report, Row, Unit};
use crate::Progress;
use crate::edge::load::Load;
use crate::edge::site::Site;

/// Name of the plain Deployment used for comparison, and value of its label `app`.
pub(super) const PLAIN: &str = "bench-plain";

/// Number of measured rollouts of the environment, and also of the plain Deployment. The report contains both median
/// durations.
const ROUNDS: usize = 3;
/// Request rate while lost requests are counted, in requests per second.
const RATE: u32 = 200;

/// Measures rollouts of the environment and of the plain Deployment alternately, so that other load on the machine
/// affects both.
pub(super) async fn measure(
    bench: &Bench<'_>,
    report: &mut Report,
    progress: &Progress,
) -> anyhow::Result<()> {
    let [old, new] = &bench.images;
    progress.say("measuring roll-outs");
    // Not measured: afterwards both images are on the node and their digests are known.
    let old_digest = image(&live(bench, NAME).await?)?;
    bench.roll(new).await?;
    let new_digest = image(&live(bench, NAME).await?)?;
    bench.roll(old).await?;
    make_plain(bench, &old_digest).await?;
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(bench.roll(new).await?);
        plain.push(roll_plain(bench, &new_digest).await?);
        bench.roll(old).await?;
        roll_plain(bench, &old_digest).await?;
    }
    report.add(
        Row::time("apply to rolled out, image present", median(ours))
            .within(Duration::from_secs(15))
            .compared_with("plain Deployment", median(plain)),
    );
    Ok(())
}

/// Counts the requests lost from the start of a rollout until the environment is ready again.
pub(super) async fn under_load(
    bench: &Bench<'_>,
    report: &mut Report,
    progress: &Progress,
) -> anyhow::Result<()> {
    bench.ready(progress).await?;
    let load = Load::start(Site::https(bench, DOMAIN)?, "/livez", RATE);
    bench.roll(&bench.images[1]).await?;
    bench.ready(progress).await?;
    let outcome = load.finish().await?;
    if let Some(first) = outcome.failures.first() {
        progress.say(&format!("the first lost request: {first}"));
    }
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let what = format!("requests during a release, {RATE} a second");
    report.add(Row::new(what, Unit::Count, count(outcome.sent)));
    let lost = count(outcome.failures.len());
    report.add(Row::new("of them lost", Unit::Count, lost).limit(0));
    Ok(())
}

async fn live(bench: &Bench<'_>, name: &str) -> anyhow::Result<Deployment> {
    let found = bench.deployments().get(name).await;
    found.with_context(|| format!("reading Deployment {name}"))
}

fn image(deployment: &Deployment) -> anyhow::Result<String> {
    let pod = deployment
        .spec
        .as_ref()
        .and_then(|s| s.template.spec.as_ref());
    pod.and_then(|pod| pod.containers.first()?.image.clone())
        .context("a Deployment without an image")
}

/// Creates the plain Deployment and waits until it is rolled out. It has the pods and strategy of the environment's
/// Deployment, but other labels and the given image.
async fn make_plain(bench: &Bench<'_>, image: &str) -> anyhow::Result<()> {
    let spec = live(bench, NAME).await?.spec.context("no spec")?;
    let labels = BTreeMap::from([("app".to_owned(), PLAIN.to_owned())]);
    let mut template = spec.template;
    template.metadata = Some(ObjectMeta {
        labels: Some(labels.clone()),
        ..ObjectMeta::default()
    });
    if let Some(container) = template
        .spec
        .as_mut()
        .and_then(|pod| pod.containers.first_mut())
    {
        container.image = Some(image.to_owned());
    }
    let plain = Deployment {
        metadata: ObjectMeta {
            name: Some(PLAIN.to_owned()),
            ..ObjectMeta::default()
        },
        spec: Some(DeploymentSpec {
            replicas: spec.replicas,
            strategy: spec.strategy,
            min_ready_seconds: spec.min_ready_seconds,
            selector: LabelSelector {
                match_labels: Some(labels),
                ..LabelSelector::default()
            },
            template,
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    };
    bench
        .deployments()
        .create(&PostParams::default(), &plain)
        .await
        .context("creating the plain Deployment")?;
    poll("the plain Deployment", || plain_rolled_out(bench)).await
}

/// Sets the image of the plain Deployment and returns the time until it is rolled out.
pub(super) async fn roll_plain(bench: &Bench<'_>, image: &str) -> anyhow::Result<Duration> {
    let plain = live(bench, PLAIN).await?;
    let pod = plain.spec.and_then(|s| s.template.spec);
    let container = pod.and_then(|pod| Some(pod.containers.first()?.name.clone()));
    let container = container.context("a Deployment without a container")?;
    let patch = json!({"spec": {"template": {"spec":
        {"containers": [{"name": container, "image": image}]}}}});
    let began = Instant::now();
    bench
        .deployments()
        .patch(PLAIN, &PatchParams::default(), &Patch::Strategic(&patch))
        .await
        .context("editing the plain Deployment")?;
    poll("the plain roll-out", || plain_rolled_out(bench)).await?;
    Ok(began.elapsed())
}

/// Succeeds if the plain Deployment is rolled out. Otherwise returns an error, so that [`poll`] tries again. The
/// operator uses the same rule for its own Deployments.
async fn plain_rolled_out(bench: &Bench<'_>) -> anyhow::Result<()> {
    let found = live(bench, PLAIN).await?;
    let wanted = found.spec.as_ref().and_then(|s| s.replicas);
    let status = found.status.unwrap_or_default();
    ensure!(status.observed_generation == found.metadata.generation);
    ensure!(status.updated_replicas == wanted);
    ensure!(status.replicas == wanted);
    ensure!(status.available_replicas == wanted);
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
