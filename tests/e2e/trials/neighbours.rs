//! Tests that a fault in one place concerns only the environments there: a namespace without its rights, a deleted
//! namespace, a quota, an admission policy.

use std::time::Duration;

use anyhow::{Context, ensure};
use crokodial_cluster::deploy::helm;
use crokodial_cluster::edge::site::Site;
use crokodial_cluster::{Stage, wait::until};
use crokodial_crds::condition::ConditionType;
use crokodial_crds::{CrokodialEnvironment, CrokodialRelease, ReleasePhase};
use kube::ResourceExt;
use kube::api::{DeleteParams, PostParams};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;

use crate::hostile;
use crate::leader;
use crate::pins;
use crate::rotation;
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
/// Timeout for the API server to enforce a new admission policy.
const POLICY_TIMEOUT: Duration = Duration::from_secs(30);

/// Name of the quota that allows no Ingress.
const QUOTA: &str = "trial-no-ingress";
/// Name of the admission policy, and of its binding, that allows no PodDisruptionBudget of the scratch environment.
const POLICY: &str = "trial-no-budget";

/// Takes the operator's rights in staging's namespace away and adds a watched namespace that is then deleted. Prod must
/// be scaled, pinned and unpinned meanwhile, its credential must rotate, its certificate must be put back, and both
/// operator pods must become ready again after a restart. When staging's rights are back, the same operators must attend
/// to it at once.
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

/// Restarts the operator. Then rotates prod's credential while prod is scaled, and rotates it back while prod is pinned
/// and unpinned. Deletes two children of prod, which must be put back.
async fn prod_works(world: &World) -> anyhow::Result<()> {
    let rollout = ["-n", helm::NAMESPACE, "rollout"];
    let name = crokodial_cluster::deploy::operators::DEPLOYMENT;
    world.kubectl(&[&rollout[..], &["restart", name]].concat())?;
    world.kubectl(&[&rollout[..], &["status", name, "--timeout=120s"]].concat())?;
    leader::settled(world).await?;
    let credential = world.mongo_uri(PROD)?;
    let rotated = format!("{credential}&appName=neighbours");
    rotation::rotate(world, PROD, &rotated).await?;
    world
        .edit(PROD, json!({"runtime": {"replicas": 3}}))
        .await?;
    prod_reads(world, &rotated, 3).await?;
    world
        .edit(PROD, json!({"runtime": {"replicas": 2}}))
        .await?;
    let releases = world.releases(PROD).await?;
    let good = |r: &&CrokodialRelease| {
        r.status
            .as_ref()
            .is_some_and(|s| s.phase == ReleasePhase::Good)
    };
    let mut numbers = releases.iter().rev().filter(good).map(|r| r.spec.number);
    let newest = numbers.next().context("no good release")?;
    let older = numbers.next();
    if let Some(number) = older {
        pins::set_pin(world, PROD, &format!("prod-{number}"), true)?;
        serves(world, number).await?;
    }
    rotation::rotate(world, PROD, &credential).await?;
    if let Some(number) = older {
        pins::set_pin(world, PROD, &format!("prod-{number}"), false)?;
        serves(world, newest).await?;
    }
    prod_reads(world, &credential, 2).await?;
    children_put_back(world).await
}

/// Waits until prod has this number of pods, and all of them were started with this connection string.
async fn prod_reads(world: &World, uri: &str, wanted: usize) -> anyhow::Result<()> {
    let namespace = PROD.namespace();
    let read = |what: &[&str]| world.kubectl(&[&["-n", &namespace, "get"], what].concat());
    let selector = "crokodial.com/environment=prod,app.kubernetes.io/component=web";
    let numbers = r"jsonpath={.items[*].metadata.annotations.crokodial\.com/credentials}";
    let number = r"jsonpath={.metadata.annotations.crokodial\.com/generation}";
    until(&world.progress, "the credential", ROLL_TIMEOUT, || async {
        let used = rotation::in_use(world, PROD).await?;
        ensure!(used == uri, "the new credential is not in use");
        let generation = read(&["secret", "prod-mongo-active", "-o", number])?;
        let pods = read(&["pods", "-l", selector, "-o", numbers])?;
        let pods: Vec<&str> = pods.split_whitespace().collect();
        let current = pods.iter().filter(|of_pod| {
            let mongo = of_pod.split('.').next();
            mongo == Some(generation.as_str())
        });
        ensure!(
            (current.count(), pods.len()) == (wanted, wanted),
            "{wanted} pods of generation {generation} are wanted, there are {pods:?}"
        );
        Ok(())
    })
    .await
}

/// Deletes prod's NetworkPolicy and its certificate. Both must be put back, the certificate as a new one for prod's domain.
async fn children_put_back(world: &World) -> anyhow::Result<()> {
    let namespace = PROD.namespace();
    let secrets = world.secrets(PROD);
    let before = secrets.get("prod-tls").await?.uid();
    world.kubectl(&[
        "-n",
        &namespace,
        "delete",
        "networkpolicy/prod",
        "secret/prod-tls",
    ])?;
    until(
        &world.progress,
        "the children put back",
        VERDICT_TIMEOUT,
        || async {
            world.kubectl(&["-n", &namespace, "get", "networkpolicy", "prod"])?;
            let secret = secrets.get("prod-tls").await?;
            ensure!(secret.uid() != before, "the certificate is the old one");
            let data = secret.data.unwrap_or_default();
            let pem = data.get("tls.crt").context("no certificate")?;
            let certificate = CertificateDer::from_pem_slice(&pem.0)?;
            let parsed = rustls::server::ParsedCertificate::try_from(&certificate)?;
            rustls::client::verify_server_name(&parsed, &ServerName::try_from(PROD.domain())?)?;
            Ok(())
        },
    )
    .await?;
    let site = Site::https(world, PROD.domain())?;
    // The ingress controller takes some seconds to load the certificate.
    until(&world.progress, "prod", REGAIN_TIMEOUT, || async {
        let status = site.get("/api/health").await?.status;
        ensure!(status == 200, "prod answered {status}");
        Ok(())
    })
    .await
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
/// PodDisruptionBudget. Both must be reported within five seconds, while the other children are created and the release
/// is rolled out; without them the environment becomes Ready.
pub async fn refused_writes(world: &World) -> anyhow::Result<()> {
    let image = images::simulated(world, "good", &[]).await?;
    let file = world.cluster.layout.path("refusals.json");
    std::fs::write(&file, refusals().to_string())?;
    let file = file.display().to_string();
    let tested = refused(world, &image, &file).await;
    let removed = world.kubectl(&["delete", "--ignore-not-found", "-f", &file]);
    tested?;
    removed?;
    world
        .condition(
            (STAGING, ScratchEnvironment::NAME),
            ConditionType::Ready,
            Duration::from_secs(180),
            |c| c.status == "True",
        )
        .await?;
    hostile::pull_secret(world, &image).await?;
    ScratchEnvironment::remove(world).await
}

/// Returns the quota, and the admission policy with its binding, that refuse children of the scratch environment.
fn refusals() -> serde_json::Value {
    let namespace = STAGING.namespace();
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "v1", "kind": "ResourceQuota",
            "metadata": {"name": QUOTA, "namespace": namespace},
            "spec": {"hard": {"count/ingresses.networking.k8s.io": "0"}},
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": POLICY},
            "spec": {
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["policy"],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": ["poddisruptionbudgets"],
                }]},
                "validations": [{"expression": format!("object.metadata.name != '{}'", ScratchEnvironment::NAME)}],
            },
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": POLICY},
            "spec": {
                "policyName": POLICY,
                "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}},
            },
        },
    ]})
}

/// Creates the objects of [`refusals`] from `file`, and then the scratch environment. Returns when its release is in its
/// bake.
async fn refused(world: &World, image: &str, file: &str) -> anyhow::Result<()> {
    world.kubectl(&["apply", "-f", file])?;
    let namespace = STAGING.namespace();
    let in_staging = |arguments: &[&str]| world.kubectl(&[&["-n", &namespace], arguments].concat());
    let budget = [
        "create",
        "poddisruptionbudget",
        ScratchEnvironment::NAME,
        "--selector=app=trial",
        "--min-available=1",
        "--dry-run=server",
    ];
    until(&world.progress, "the policy", POLICY_TIMEOUT, || async {
        let tried = in_staging(&budget);
        let refused = tried.is_err_and(|error| error.to_string().contains(POLICY));
        ensure!(refused, "a PodDisruptionBudget is accepted");
        Ok(())
    })
    .await?;
    let scratch = ScratchEnvironment::create(world, image).await?;
    let reported = world
        .condition(
            (STAGING, ScratchEnvironment::NAME),
            ConditionType::Ready,
            VERDICT_TIMEOUT,
            |c| c.status == "False" && c.message.contains(QUOTA) && c.message.contains(POLICY),
        )
        .await
        .context("the quota and the policy in the status")?;
    println!("refused children: {}", reported.message);
    until(&world.progress, "the others", VERDICT_TIMEOUT, || async {
        in_staging(&["get", "service/scratch", "secret/scratch-tls"])
    })
    .await
    .context("the Service and the certificate beside the refused children")?;
    scratch
        .until(1, &[ReleasePhase::Baking, ReleasePhase::Good])
        .await?;
    Ok(())
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
