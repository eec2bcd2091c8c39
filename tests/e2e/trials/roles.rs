//! Tests of permissions: the chart's RBAC roles, and the admission policy that lets only the operator create and delete
//! releases.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use crokodial_cluster::Stage;
use crokodial_cluster::deploy::helm;
use crokodial_cluster::wait::until;
use crokodial_crds::condition::ConditionType;
use crokodial_crds::{CrokodialEnvironment, CrokodialRelease};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::support::world::World;

const PROD: Stage = Stage::Prod;
const STAGING: Stage = Stage::Staging;
const ROLES: [&str; 3] = ["viewer", "deployer", "oncall"];

/// Verb, resource, and whether each of the roles viewer, deployer and oncall has the permission.
type Right = (&'static str, &'static str, [bool; 3]);

const ENVIRONMENTS: &str = "crokodialenvironments.crokodial.com";
const RELEASES: &str = "crokodialreleases.crokodial.com";
const NOBODY: [bool; 3] = [false; 3];
const ALL: [bool; 3] = [true; 3];
const DEPLOYER: [bool; 3] = [false, true, false];
const ONCALL: [bool; 3] = [false, false, true];

const RIGHTS: [Right; 31] = [
    ("get", ENVIRONMENTS, ALL),
    ("list", ENVIRONMENTS, ALL),
    ("watch", ENVIRONMENTS, ALL),
    ("create", ENVIRONMENTS, DEPLOYER),
    ("update", ENVIRONMENTS, DEPLOYER),
    ("patch", ENVIRONMENTS, DEPLOYER),
    ("delete", ENVIRONMENTS, DEPLOYER),
    ("deletecollection", ENVIRONMENTS, NOBODY),
    (
        "patch",
        "crokodialenvironments.crokodial.com/status",
        NOBODY,
    ),
    ("get", "crokodialenvironments.crokodial.com/scale", ALL),
    (
        "patch",
        "crokodialenvironments.crokodial.com/scale",
        DEPLOYER,
    ),
    ("get", RELEASES, ALL),
    ("list", RELEASES, ALL),
    ("watch", RELEASES, ALL),
    ("patch", RELEASES, ONCALL),
    ("update", RELEASES, NOBODY),
    ("create", RELEASES, NOBODY),
    ("delete", RELEASES, NOBODY),
    ("deletecollection", RELEASES, NOBODY),
    ("patch", "crokodialreleases.crokodial.com/status", NOBODY),
    ("update", "crokodialreleases.crokodial.com/status", NOBODY),
    ("list", "events", ALL),
    ("list", "events.events.k8s.io", ALL),
    ("get", "secrets", NOBODY),
    ("get", "configmaps", NOBODY),
    ("get", "pods", ONCALL),
    ("get", "pods/log", ONCALL),
    ("create", "pods/exec", NOBODY),
    ("delete", "pods", NOBODY),
    ("patch", "deployments.apps", NOBODY),
    ("create", "rolebindings.rbac.authorization.k8s.io", NOBODY),
];

/// Installs the chart with the roles and the policy, and tests both. Then restores the installation of `make up`.
pub async fn enforced(world: &World) -> anyhow::Result<()> {
    let more = [
        "--set",
        "userRoles.create=true",
        "--set",
        "admissionPolicy.create=true",
    ];
    helm::install(&world.cluster, &world.operator, &more)?;
    for role in ROLES {
        world.kubectl(&[
            "-n",
            &PROD.namespace(),
            "create",
            "rolebinding",
            role,
            &format!("--role=crokodial-operator-{role}"),
            &format!("--user={role}"),
        ])?;
    }
    let outcome = both(world).await;
    for role in ROLES {
        world.kubectl(&["-n", &PROD.namespace(), "delete", "rolebinding", role])?;
    }
    helm::install(&world.cluster, &world.operator, &[])?;
    outcome
}

async fn both(world: &World) -> anyhow::Result<()> {
    rights(world)?;
    policy_enforced(world).await?;
    pin(world).await?;
    refused(world).await?;
    let_through(world).await
}

/// Checks every permission of the table in prod. Also checks that no role can read environments in staging, where no
/// role is bound.
fn rights(world: &World) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for (verb, resource, allowed) in RIGHTS {
        for (role, wanted) in ROLES.into_iter().zip(allowed) {
            if can(world, role, verb, resource, &PROD.namespace())? != wanted {
                wrong.push(format!("{role} {verb} {resource}: wanted {wanted}"));
            }
        }
    }
    for role in ROLES {
        if can(world, role, "get", ENVIRONMENTS, &STAGING.namespace())? {
            wrong.push(format!("{role} reads staging"));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Returns true if a user has a permission according to `kubectl auth can-i`. The exit code is ignored, because it is 1
/// for "no".
fn can(
    world: &World,
    user: &str,
    verb: &str,
    resource: &str,
    namespace: &str,
) -> anyhow::Result<bool> {
    let (resource, sub) = resource
        .split_once('/')
        .map_or((resource, ""), |(resource, sub)| (resource, sub));
    let output = std::process::Command::new(world.cluster.layout.binary("kubectl"))
        .env("KUBECONFIG", world.cluster.kubeconfig())
        .args(["auth", "can-i", verb, resource, "-n", namespace])
        .args([&format!("--as={user}"), &format!("--subresource={sub}")])
        .output()?;
    let (text, complaint) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    match text.trim() {
        "yes" => Ok(true),
        "no" => Ok(false),
        other => bail!("kubectl auth can-i {verb} {resource}: {other} {complaint}"),
    }
}

/// Checks that the role oncall can pin and unpin the serving release but cannot change its image, status, owner
/// references or finalizers.
async fn pin(world: &World) -> anyhow::Result<()> {
    let status = world.environment(PROD).await?.status.unwrap_or_default();
    let serving = status.release.serving.context("prod serves nothing")?;
    let release = format!("crel/prod-{serving}");
    let patch = |more: &[&str], patch: &str| {
        let mut arguments = vec!["--as=oncall", "-n", "crokodial-prod", "patch", &release];
        arguments.extend(["--type=merge", "-p", patch]);
        arguments.extend(more);
        world.kubectl(&arguments)
    };
    patch(&[], r#"{"spec":{"pin":true,"pinReason":"INC-7, a test"}}"#)?;
    let within = Duration::from_secs(20);
    let prod = (PROD, PROD.as_str());
    world
        .condition(prod, ConditionType::GitDiverged, within, |c| {
            c.status == "True"
        })
        .await?;
    let bad = [
        (
            r#"{"spec":{"image":"registry.crokodial.test:5000/crokodial/dialer:other"}}"#,
            "",
            "only pin and pinReason may be changed",
        ),
        (
            r#"{"status":{"phase":"Rejected"}}"#,
            "--subresource=status",
            // kubectl reads the object before it writes; already the read is denied.
            "resource \"crokodialreleases/status\"",
        ),
        (
            r#"{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"gone","uid":"gone"}]}}"#,
            "",
            "owner references and finalizers of a release stay",
        ),
        (
            r#"{"metadata":{"finalizers":["example.com/mine"]}}"#,
            "",
            "owner references and finalizers of a release stay",
        ),
    ];
    let mut wrong = Vec::new();
    for (change, subresource, says) in bad {
        let more: Vec<&str> = Some(subresource)
            .filter(|s| !s.is_empty())
            .into_iter()
            .collect();
        match patch(&more, change) {
            Ok(_) => wrong.push(format!("{change} was accepted")),
            Err(error) if !format!("{error:#}").contains(says) => {
                wrong.push(format!("{change}: {error:#}"));
            }
            Err(_) => {}
        }
    }
    patch(&[], r#"{"spec":{"pin":false,"pinReason":""}}"#)?;
    world.ready(PROD).await?;
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Waits until the API server enforces the new policy, which takes a moment after the policy is created.
async fn policy_enforced(world: &World) -> anyhow::Result<()> {
    let within = Duration::from_secs(30);
    until(&world.progress, "the policy", within, || async {
        let denied = world.kubectl(&[
            "-n",
            "crokodial-prod",
            "delete",
            "crel",
            "--all",
            "--dry-run=server",
        ]);
        ensure!(denied.is_err(), "not enforced yet");
        Ok(())
    })
    .await
}

/// Checks that not even a cluster administrator can create or delete a release or write its status.
async fn refused(world: &World) -> anyhow::Result<()> {
    const SAYS: &str = "made and removed by the operator only";
    let api: Api<CrokodialRelease> = Api::namespaced(world.client.clone(), &PROD.namespace());
    let newest = world.releases(PROD).await?.pop().context("no release")?;
    let mut forged = CrokodialRelease::new("prod-999", newest.spec.clone());
    forged.spec.number = 999;
    let error = api.create(&PostParams::default(), &forged).await.err();
    let error = error.context("a forged release was accepted")?.to_string();
    ensure!(error.contains(SAYS), "{error}");
    let name = newest.name_any();
    let error = api.delete(&name, &DeleteParams::default()).await.err();
    let error = error.context("a release was deleted")?.to_string();
    ensure!(error.contains(SAYS), "{error}");
    let patch = kube::api::Patch::Merge(json!({"status": {"phase": "Rejected"}}));
    let error = api
        .patch_status(&name, &Default::default(), &patch)
        .await
        .err();
    let error = error.context("a status was forged")?.to_string();
    ensure!(error.contains("the status of a release"), "{error}");
    Ok(())
}

/// Checks that the operator may create a release, write its status and delete it. Also checks that the garbage
/// collector may delete a release together with its environment.
async fn let_through(world: &World) -> anyhow::Result<()> {
    let mut spec = world.environment(STAGING).await?.spec;
    spec.domain = "guest.crokodial.test".to_owned();
    let guest = CrokodialEnvironment::new("guest", spec);
    let environments = world.environments(STAGING);
    environments.create(&PostParams::default(), &guest).await?;
    let api: Api<CrokodialRelease> = Api::namespaced(world.client.clone(), &STAGING.namespace());
    let within = Duration::from_secs(60);
    let made = until(&world.progress, "a release of guest", within, || async {
        let made = api.get("guest-1").await?;
        ensure!(made.status.is_some(), "it has no status yet");
        Ok(())
    })
    .await;
    let deleted = world.kubectl(&[
        "--as=system:serviceaccount:crokodial-system:crokodial-operator",
        "-n",
        &STAGING.namespace(),
        "delete",
        "crel/guest-1",
        "--dry-run=server",
    ]);
    environments
        .delete("guest", &DeleteParams::default())
        .await?;
    let within = Duration::from_secs(60);
    let collected = until(&world.progress, "its collection", within, || async {
        ensure!(api.get_opt("guest-1").await?.is_none(), "still there");
        Ok(())
    })
    .await;
    made.and(deleted.map(|_| ())).and(collected)
}
