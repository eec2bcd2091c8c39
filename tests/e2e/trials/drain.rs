//! Test of a node that is drained while a release is in its bake.

use std::time::Duration;

use anyhow::ensure;
use crokodial_cluster::Stage;
use crokodial_cluster::deploy::helm;
use crokodial_cluster::wait::until;
use crokodial_crds::ReleasePhase;
use serde_json::json;

use crate::leader;
use crate::support::images;
use crate::support::scratch::ScratchEnvironment;
use crate::support::world::World;

/// Number of failed probes to wait for. After three in a row, the operator is sure that a site is down.
const FAILED_PROBES: u64 = 5;

/// Drains the only node of the pod of a release in its bake. The release must wait, and become good once the node takes
/// pods again. Then the kubelet ends the pod of the next release in its bake, which must become good too.
pub async fn drained_node(world: &World) -> anyhow::Result<()> {
    let good = images::simulated(world, "good", &[]).await?;
    let next = images::simulated(world, "next", &["--exit-after-seconds=86400"]).await?;
    let scratch = ScratchEnvironment::open(world, &good, "15s").await?;
    // With two pods, the PodDisruptionBudget would keep the drain from ending, because no other node takes the first one.
    scratch
        .edit(json!({"image": next, "runtime": {"replicas": 1}}))
        .await?;
    scratch.until(2, &[ReleasePhase::Baking]).await?;
    let node = world.kubectl(&["get", "nodes", "-o", "jsonpath={.items[0].metadata.name}"])?;
    let tested = drained(world, &scratch, &node).await;
    world.kubectl(&["uncordon", &node])?;
    tested?;
    scratch.until(2, &[ReleasePhase::Good]).await?;
    scratch.edit(json!({"image": good})).await?;
    scratch.until(3, &[ReleasePhase::Baking]).await?;
    ended_by_kubelet(world).await?;
    scratch.until(3, &[ReleasePhase::Good]).await?;
    scratch.close().await
}

/// Lets the kubelet end the pod by a deadline, and waits until another one is there. As after an eviction by the kubelet,
/// the pod stays as an object in phase Failed.
async fn ended_by_kubelet(world: &World) -> anyhow::Result<()> {
    let namespace = Stage::Staging.namespace();
    let in_staging = |arguments: &[&str]| world.kubectl(&[&["-n", &namespace], arguments].concat());
    let running = [
        "get",
        "pods",
        "--selector=crokodial.com/environment=scratch,crokodial.com/release=3,app.kubernetes.io/component=web",
        "--field-selector=status.phase=Running",
        "-o",
        "jsonpath={.items[*].metadata.name}",
    ];
    let pod = in_staging(&running)?;
    let deadline = r#"{"spec": {"activeDeadlineSeconds": 1}}"#;
    in_staging(&["patch", "pod", &pod, "--type=merge", "-p", deadline])?;
    let within = Duration::from_secs(60);
    until(&world.progress, "another pod", within, || async {
        let others = in_staging(&running)?;
        ensure!(!others.is_empty() && others != pod, "running: {others}");
        Ok(())
    })
    .await?;
    let phase = in_staging(&["get", "pod", &pod, "-o", "jsonpath={.status.phase}"])?;
    ensure!(phase == "Failed", "the pod past its deadline is {phase}");
    Ok(())
}

/// Drains the node, and waits until release 2 waits for a node although enough probes of its site have failed.
async fn drained(
    world: &World,
    scratch: &ScratchEnvironment<'_>,
    node: &str,
) -> anyhow::Result<()> {
    let leader = leader::settled(world).await?;
    let before = failed_probes(world, &leader)?;
    world.kubectl(&[
        "drain",
        node,
        "--ignore-daemonsets",
        "--delete-emptydir-data",
        "--force",
        "--timeout=60s",
        "--pod-selector=crokodial.com/environment=scratch",
    ])?;
    until(
        &world.progress,
        "failed probes",
        Duration::from_secs(60),
        || async {
            let failed = failed_probes(world, &leader)?.saturating_sub(before);
            ensure!(failed >= FAILED_PROBES, "{failed} probes failed");
            Ok(())
        },
    )
    .await?;
    let release = scratch.until(2, &[ReleasePhase::Baking]).await?;
    let status = release.status.unwrap_or_default();
    let message = status.message.unwrap_or_default();
    println!("no node takes the pod: {message}");
    ensure!(
        status.reason.as_deref() == Some("Blocked") && message.contains("no node for pod"),
        "{:?}: {message}",
        status.reason
    );
    ensure!(
        status.suspected_at.is_none(),
        "the release is suspected since {:?}",
        status.suspected_at
    );
    Ok(())
}

/// Returns the number of failed probes of all sites, from the metrics of the leading operator pod.
fn failed_probes(world: &World, leader: &str) -> anyhow::Result<u64> {
    let pod = format!("/api/v1/namespaces/{}/pods/{leader}:8080", helm::NAMESPACE);
    let metrics = world.kubectl(&["get", "--raw", &format!("{pod}/proxy/metrics")])?;
    let results = ["Refused", "Timeout", "Status", "Protocol"];
    let lines = results.map(|result| format!("crokodial_probes_total{{result=\"{result}\"}} "));
    let count = |line: &str| {
        let number = lines.iter().find_map(|start| line.strip_prefix(start));
        number.and_then(|number| number.parse::<u64>().ok())
    };
    Ok(metrics.lines().filter_map(count).sum())
}
