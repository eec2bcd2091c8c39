//! Tests of credential rotation: a new database credential is checked before a pod gets it, and a bad one affects no
//! pod.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use crokodial_cluster::Stage;
use crokodial_cluster::layout::{MONGO, NODE_IP};
use crokodial_cluster::wait::until;
use crokodial_crds::ReleasePhase;
use crokodial_crds::condition::ConditionType;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{EvictParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::support::cluster_network;
use crate::support::images;
use crate::support::port_block::PortBlock;
use crate::support::stand_in_mongo::{Manner, PASSWORD, StandInMongo};
use crate::support::world::World;
use crokodial_cluster::edge::site::Site;

const STAGING: Stage = Stage::Staging;

/// Maximum time until the verdict on a credential is in the status.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(25);
/// Port of the node on which the test drops packets.
const SILENT_PORT: u16 = 27_998;
/// Port of the node on which nothing listens.
pub const CLOSED_PORT: u16 = 27_997;

/// Writes a connection string to the Secret that the spec of a stage's environment refers to.
pub async fn rotate(world: &World, stage: Stage, uri: &str) -> anyhow::Result<()> {
    rotate_in(world, (stage, "mongo"), uri).await
}

/// Writes a connection string to this Secret in the namespace of a stage.
pub async fn rotate_in(
    world: &World,
    (stage, secret): (Stage, &str),
    uri: &str,
) -> anyhow::Result<()> {
    let api = world.secrets(stage);
    let patch = Patch::Merge(json!({"stringData": {"MONGODB_URI": uri}}));
    api.patch(secret, &PatchParams::default(), &patch).await?;
    Ok(())
}

/// Waits until staging's condition `CredentialsValid` has this status and reason. Returns the waiting time and the
/// condition's message.
async fn verdict(world: &World, status: &str, reason: &str) -> anyhow::Result<(Duration, String)> {
    let began = Instant::now();
    let staging = (STAGING, STAGING.as_str());
    let wanted = |c: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
        c.status == status && c.reason == reason
    };
    let type_ = ConditionType::CredentialsValid;
    let found = world
        .condition(staging, type_, VERDICT_TIMEOUT, wanted)
        .await?;
    Ok((began.elapsed(), found.message))
}

/// Returns the connection string that the operator gives to the pods of a stage, from the Secret `<env>-mongo-active`.
pub async fn in_use(world: &World, stage: Stage) -> anyhow::Result<String> {
    in_use_by(world, (stage, stage.as_str())).await
}

/// Like [`in_use`], for any environment in the namespace of a stage.
pub async fn in_use_by(
    world: &World,
    (stage, environment): (Stage, &str),
) -> anyhow::Result<String> {
    let api = world.secrets(stage);
    let data: BTreeMap<String, ByteString> = api
        .get(&format!("{environment}-mongo-active"))
        .await?
        .data
        .unwrap_or_default();
    let uri = data.get("uri").context("no URI in the active copy")?;
    Ok(String::from_utf8(uri.0.clone())?)
}

/// Checks that staging's site answers.
async fn answers(world: &World) -> anyhow::Result<()> {
    let status = Site::https(world, STAGING.domain())?
        .get("/api/health")
        .await?
        .status;
    ensure!(status == 200, "staging answered {status}");
    Ok(())
}

/// Starts a simulated MongoDB server at the node's IP address. `manner` determines its behaviour.
fn stand_in(world: &World, manner: Manner) -> anyhow::Result<StandInMongo> {
    let listener = cluster_network::listener(world, NODE_IP)?;
    Ok(StandInMongo::serve(listener, manner)?)
}

/// Checks that each kind of bad credential is reported with its reason in time, while the site answers and no pod
/// restarts.
pub async fn bad_credentials(world: &World) -> anyhow::Result<()> {
    let (good, database) = (world.mongo_uri(STAGING)?, STAGING.database());
    let reader = stand_in(world, Manner::read(&database))?;
    let _block = PortBlock::drop_packets(world, SILENT_PORT)?;
    let at =
        |host: &str| format!("mongodb://app:{PASSWORD}@{host}/{database}?directConnection=true");
    let login = good.split('@').next().unwrap_or_default();
    let cases = [
        (
            "AuthFailed",
            format!("{login}x@{MONGO}/{database}?directConnection=true"),
        ),
        ("ConnectionRefused", at(&format!("{NODE_IP}:{CLOSED_PORT}"))),
        ("NetworkBlocked", at(&format!("{NODE_IP}:{SILENT_PORT}"))),
        ("TlsFailure", format!("{good}&tls=true")),
        ("DnsFailure", at("no-such-host.invalid")),
        ("NotAuthorized", at(&reader.address.to_string())),
    ];
    let (pods, used) = (world.pods(STAGING).await?, in_use(world, STAGING).await?);
    for (reason, uri) in cases {
        rotate(world, STAGING, &uri).await?;
        let (took, message) = verdict(world, "False", reason)
            .await
            .with_context(|| reason)?;
        println!(
            "bad credential: {reason} after {:.1} s: {message}",
            took.as_secs_f32()
        );
        ensure!(!message.contains(PASSWORD), "{message}");
        ensure!(message.contains("Next ("), "no next step in {message}");
        ensure!(
            in_use(world, STAGING).await? == used,
            "{reason} changed the active copy"
        );
        answers(world).await?;
    }
    ensure!(
        world.pods(STAGING).await? == pods,
        "a bad credential restarted a pod"
    );
    rotate(world, STAGING, &good).await?;
    verdict(world, "True", "Succeeded").await?;
    world.ready(STAGING).await?;
    ensure!(
        world.pods(STAGING).await? == pods,
        "the same value again restarted a pod"
    );
    Ok(())
}

/// Rotates the credential (bad, then good) while a release crash-loops. Checks that the rotation and the release do not
/// affect each other. The good one comes while somebody has made the operator's copy of the credential immutable.
pub async fn while_a_release_fails(world: &World) -> anyhow::Result<()> {
    let good = world.mongo_uri(STAGING)?;
    let image = world.environment(STAGING).await?.spec.image;
    let releases = world.releases(STAGING).await?.len();
    world
        .edit(STAGING, json!({"image": images::crashing(world).await?}))
        .await?;
    rotate(world, STAGING, &good.replacen("@", "x@", 1)).await?;
    verdict(world, "False", "AuthFailed").await?;
    ensure!(
        in_use(world, STAGING).await? == good,
        "a bad credential is in use"
    );
    answers(world).await?;
    let rotated = format!("{good}&appName=rotated");
    // Such a copy cannot be changed: the operator must delete it and create it with the new value.
    let namespace = STAGING.namespace();
    world.kubectl(&[
        "-n",
        &namespace,
        "patch",
        "secret/staging-mongo-active",
        "--type=merge",
        "-p",
        r#"{"immutable":true}"#,
    ])?;
    rotate(world, STAGING, &rotated).await?;
    verdict(world, "True", "Succeeded").await?;
    ensure!(
        in_use(world, STAGING).await? == rotated,
        "a proven credential is not in use"
    );
    rejected(world, releases + 1).await?;
    answers(world).await?;
    world.edit(STAGING, json!({"image": image})).await?;
    world.ready(STAGING).await?;
    rotate(world, STAGING, &good).await?;
    verdict(world, "True", "Succeeded").await?;
    until(
        &world.progress,
        "the old value",
        VERDICT_TIMEOUT,
        || async {
            ensure!(
                in_use(world, STAGING).await? == good,
                "the rotated value is still in use"
            );
            Ok(())
        },
    )
    .await?;
    world.ready(STAGING).await
}

/// Waits until staging has `wanted` releases and the newest one is rejected.
async fn rejected(world: &World, wanted: usize) -> anyhow::Result<()> {
    let within = Duration::from_secs(90);
    until(&world.progress, "the rejection", within, || async {
        let releases = world.releases(STAGING).await?;
        ensure!(
            releases.len() == wanted,
            "{} releases of {wanted}",
            releases.len()
        );
        let newest = releases.last().and_then(|r| r.status.as_ref());
        let phase = newest.map(|s| s.phase);
        ensure!(
            phase == Some(ReleasePhase::Rejected),
            "the newest is {phase:?}"
        );
        Ok(())
    })
    .await
}

/// Evicts all pods while the user's Secret contains a bad connection string. The new pods must use the last good one.
pub async fn eviction(world: &World) -> anyhow::Result<()> {
    let good = world.mongo_uri(STAGING)?;
    rotate(world, STAGING, &good.replacen("@", "x@", 1)).await?;
    verdict(world, "False", "AuthFailed").await?;
    let api: Api<Pod> = Api::namespaced(world.client.clone(), &STAGING.namespace());
    let selector = "crokodial.com/environment=staging,app.kubernetes.io/component=web";
    let before = api.list(&ListParams::default().labels(selector)).await?;
    let names: Vec<String> = before.iter().map(ResourceExt::name_any).collect();
    for name in &names {
        api.evict(name, &EvictParams::default()).await?;
    }
    let within = Duration::from_secs(90);
    until(&world.progress, "new pods", within, || async {
        let pods = world.pods(STAGING).await?;
        ensure!(
            pods.iter().all(|(name, _)| !names.contains(name)),
            "an evicted pod is still there"
        );
        let status = world.environment(STAGING).await?.status.unwrap_or_default();
        ensure!(status.release.serving.is_some(), "nothing serves");
        answers(world).await
    })
    .await?;
    ensure!(
        in_use(world, STAGING).await? == good,
        "the bad URI is in use"
    );
    rotate(world, STAGING, &good).await?;
    verdict(world, "True", "Succeeded").await?;
    world.ready(STAGING).await
}
