//! Tests that a fault in one place concerns only the environments there: a namespace without its rights, a deleted
//! namespace, a quota, an admission policy, a node that takes no pods.

use std::time::Duration;

use anyhow::{Context, ensure};
use crokodial_cluster::deploy::helm;
use crokodial_cluster::{Stage, wait::until};
use crokodial_crds::condition::ConditionType;
use crokodial_crds::{CrokodialEnvironment, ReleasePhase};
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

use crate::leader;
use crate::pins;
use crate::support::images;
use crate::support::scratch::ScratchEnvironment;
use crate::support::world::World;

const PROD: Stage = Stage::Prod;
const STAGING: Stage = Stage::Staging;

/// Timeout for a refused write to be in the status.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout for an operator to act in a namespace after its rights there came back: the longest delay of a watch, and
/// time for a reconcile.
const REGAIN_TIMEOUT: Duration = Duration::from_secs(15);
/// Timeout for prod's pods to follow an edit.
const ROLL_TIMEOUT: Duration = Duration::from_secs(90);

/// Takes the operator's rights in staging's namespace away and adds a watched namespace that is then deleted. Prod must
/// be scaled, pinned and unpinned meanwhile, and both operator pods must become ready again after a restart. When staging's
/// rights are back, the same operators must attend to it at once.
pub async fn lost_namespace(world: &World) -> anyhow::Result<()> {
    let watched = "namespaces.watch={crokodial-staging,crokodial-prod,trial-gone}";
    helm::install(&world.cluster, &world.operator, &["--set", watched])?;
    world.kubectl(&["delete", "namespace", "trial-gone", "--wait=false"])?;
    let binding = [
        "-n",
        "crokodial-staging",
        "get",
        "rolebinding",
        "crokodial-operator",
        "-o",
        "json",
    ];
    let saved = world.cluster.layout.path("rolebinding.json");
    std::fs::write(&saved, world.kubectl(&binding)?)?;
    world.kubectl(&[
        "-n",
        "crokodial-staging",
        "delete",
        "rolebinding",
        "crokodial-operator",
    ])?;
    let tested = prod_works(world).await;
    let file = saved.display().to_string();
    world.kubectl(&["create", "-f", &file])?;
    tested?;
    world
        .edit(STAGING, json!({"runtime": {"replicas": 2}}))
        .await?;
    until(
        &world.progress,
        "staging scaled",
        REGAIN_TIMEOUT,
        || async {
            let name = STAGING.as_str();
            let query = "jsonpath={.spec.replicas}";
            let replicas = world.kubectl(&[
                "-n",
                "crokodial-staging",
                "get",
                "deploy",
                name,
                "-o",
                query,
            ])?;
            ensure!(replicas == "2", "{replicas} replicas");
            Ok(())
        },
    )
    .await?;
    helm::install(&world.cluster, &world.operator, &[])?;
    leader::settled(world).await?;
    pods(world, STAGING, 2).await?;
    world
        .edit(STAGING, json!({"runtime": {"replicas": null}}))
        .await?;
    world.ready(STAGING).await?;
    world.ready(PROD).await
}

/// Restarts the operator, then scales, pins and unpins prod.
async fn prod_works(world: &World) -> anyhow::Result<()> {
    let rollout = ["-n", helm::NAMESPACE, "rollout"];
    let name = crokodial_cluster::deploy::operators::DEPLOYMENT;
    world.kubectl(&[&rollout[..], &["restart", name]].concat())?;
    world.kubectl(&[&rollout[..], &["status", name, "--timeout=120s"]].concat())?;
    leader::settled(world).await?;
    world
        .edit(PROD, json!({"runtime": {"replicas": 3}}))
        .await?;
    pods(world, PROD, 3).await?;
    world
        .edit(PROD, json!({"runtime": {"replicas": 2}}))
        .await?;
    pods(world, PROD, 2).await?;
    let releases = world.releases(PROD).await?;
    let good = |r: &&crokodial_crds::CrokodialRelease| {
        r.status
            .as_ref()
            .is_some_and(|s| s.phase == ReleasePhase::Good)
    };
    let mut numbers = releases.iter().rev().filter(good).map(|r| r.spec.number);
    let newest = numbers.next().context("no good release")?;
    if let Some(older) = numbers.next() {
        let release = format!("prod-{older}");
        pins::set_pin(world, PROD, &release, true)?;
        serves(world, older).await?;
        pins::set_pin(world, PROD, &release, false)?;
        serves(world, newest).await?;
    }
    let deployment = ["-n", "crokodial-prod", "delete", "networkpolicy", "prod"];
    world.kubectl(&deployment)?;
    until(
        &world.progress,
        "the policy put back",
        VERDICT_TIMEOUT,
        || async { world.kubectl(&["-n", "crokodial-prod", "get", "networkpolicy", "prod"]) },
    )
    .await?;
    Ok(())
}

/// Waits until this release serves prod.
async fn serves(world: &World, number: i64) -> anyhow::Result<()> {
    until(&world.progress, "the release", ROLL_TIMEOUT, || async {
        let status = world.environment(PROD).await?.status.unwrap_or_default();
        ensure!(
            status.release.serving == Some(number),
            "{:?} serves",
            status.release.serving
        );
        Ok(())
    })
    .await
}

/// Waits until the environment of a stage has this number of pods.
async fn pods(world: &World, stage: Stage, wanted: usize) -> anyhow::Result<()> {
    until(&world.progress, "the pods", ROLL_TIMEOUT, || async {
        let found = world.pods(stage).await?;
        ensure!(found.len() == wanted, "{} pods of {wanted}", found.len());
        Ok(())
    })
    .await
}

/// Creates an environment in a namespace with a quota for Ingresses and an admission policy against its
/// PodDisruptionBudget. Both must be reported within five seconds, while the other children are created; without them
/// the environment becomes Ready.
pub async fn refused_writes(world: &World) -> anyhow::Result<()> {
    let namespace = STAGING.namespace();
    let in_staging = |arguments: &[&str]| world.kubectl(&[&["-n", &namespace], arguments].concat());
    ScratchEnvironment::remove(world).await?;
    let uri = world.mongo_uri(STAGING)?;
    crokodial_cluster::deploy::environments::secrets(&world.client, &namespace, "scratch-", &uri)
        .await?;
    in_staging(&[
        "create",
        "quota",
        "trial-stop",
        "--hard=count/ingresses.networking.k8s.io=0",
    ])?;
    let image = images::simulated(world, "good", &[]).await?;
    let mut spec = crokodial_cluster::deploy::environments::environment(STAGING)?.spec;
    spec.image = Some(image);
    spec.domain = "scratch.crokodial.test".to_owned();
    let mut made = serde_json::to_value(CrokodialEnvironment::new(ScratchEnvironment::NAME, spec))?;
    made["spec"]["mongo"] = json!({"uriSecretRef": {"name": "scratch-mongo"}});
    made["spec"]["config"]["secretRefs"] = json!([{"name": "scratch-dialer"}]);
    let made: CrokodialEnvironment = serde_json::from_value(made)?;
    world
        .environments(STAGING)
        .create(&PostParams::default(), &made)
        .await?;
    let refused = world
        .condition(
            (STAGING, ScratchEnvironment::NAME),
            ConditionType::Ready,
            VERDICT_TIMEOUT,
            |c| c.status == "False" && c.message.contains("trial-stop"),
        )
        .await;
    let service = until(&world.progress, "the Service", VERDICT_TIMEOUT, || async {
        in_staging(&["get", "service", ScratchEnvironment::NAME])
    })
    .await;
    in_staging(&["delete", "quota", "trial-stop"])?;
    println!(
        "a refused Ingress: {}",
        refused.context("the quota in the status")?.message
    );
    service.context("the Service beside the refused Ingress")?;
    world
        .condition(
            (STAGING, ScratchEnvironment::NAME),
            ConditionType::Ready,
            Duration::from_secs(180),
            |c| c.status == "True",
        )
        .await?;
    ScratchEnvironment::remove(world).await
}

/// Makes the only node take no pods and deletes the pods of a release in its bake. The release must wait and become
/// good once the node takes pods again.
pub async fn cordoned_node(world: &World) -> anyhow::Result<()> {
    let good = images::simulated(world, "good", &[]).await?;
    let next = images::simulated(world, "next", &["--exit-after-seconds=86400"]).await?;
    let scratch = ScratchEnvironment::open(world, &good, "60s").await?;
    scratch.edit(json!({"image": next})).await?;
    scratch.until(2, &[ReleasePhase::Baking]).await?;
    let node = world.kubectl(&["get", "nodes", "-o", "jsonpath={.items[0].metadata.name}"])?;
    world.kubectl(&["cordon", &node])?;
    let selector = "crokodial.com/environment=scratch,app.kubernetes.io/component=web";
    let namespace = STAGING.namespace();
    let deleted = world.kubectl(&[
        "-n",
        &namespace,
        "delete",
        "pod",
        "-l",
        selector,
        "--force",
        "--grace-period=0",
    ]);
    // Longer than it takes three failed probes to be confirmed and blamed.
    tokio::time::sleep(Duration::from_secs(40)).await;
    world.kubectl(&["uncordon", &node])?;
    deleted?;
    let release = scratch
        .until(2, &[ReleasePhase::Baking, ReleasePhase::Good])
        .await?;
    println!(
        "no node takes the pods: {:?}",
        release.status.and_then(|s| s.message)
    );
    scratch.until(2, &[ReleasePhase::Good]).await?;
    scratch.close().await
}

/// Creates environments with prod's domain and with `route.kind: None`. Neither may get a certificate for the domain.
pub async fn certificates(world: &World) -> anyhow::Result<()> {
    let spec = world.environment(STAGING).await?.spec;
    let namespace = STAGING.namespace();
    for (name, route) in [("cert-a", "Ingress"), ("cert-b", "None")] {
        let mut made = serde_json::to_value(CrokodialEnvironment::new(name, spec.clone()))?;
        made["spec"]["domain"] = json!(PROD.domain());
        made["spec"]["route"] = json!({"kind": route});
        let made: CrokodialEnvironment = serde_json::from_value(made)?;
        world
            .environments(STAGING)
            .create(&PostParams::default(), &made)
            .await?;
        let checked = world
            .condition(
                (STAGING, name),
                ConditionType::CredentialsValid,
                VERDICT_TIMEOUT,
                |_| true,
            )
            .await;
        let secret = world.secrets(STAGING).get_opt(&format!("{name}-tls")).await;
        world
            .environments(STAGING)
            .delete(name, &DeleteParams::default())
            .await?;
        checked?;
        ensure!(
            secret?.is_none(),
            "{namespace}/{name} got a certificate for {}",
            PROD.domain()
        );
    }
    Ok(())
}
