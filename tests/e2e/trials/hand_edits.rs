//! Tests of child objects that somebody changes or deletes by hand with `kubectl`, or that an autoscaler changes: each
//! one is put back or named, no release is made, and the environment goes on to work.

use std::time::Duration;

use anyhow::ensure;
use crokodial_cluster::deploy::operators;
use crokodial_cluster::{Stage, wait::until};
use crokodial_crds::condition::ConditionType;
use serde_json::json;

use crate::leader;
use crate::support::images;
use crate::support::scratch::ScratchEnvironment;
use crate::support::world::World;

const STAGING: Stage = Stage::Staging;
const NAME: &str = ScratchEnvironment::NAME;

/// Timeout for a change by hand to be put back.
const REPAIR_TIMEOUT: Duration = Duration::from_secs(15);
/// Timeout for the Event about an autoscaler on the Deployment: the cluster looks at autoscalers every 15 s.
const AUTOSCALER_TIMEOUT: Duration = Duration::from_secs(45);

/// A change that a person makes to a child object.
struct Edit {
    /// Arguments of `kubectl`, without the namespace.
    command: &'static [&'static str],
    /// Object and JSON path to read after the change.
    read: (&'static str, &'static str),
    /// True if the value at the path is as the operator wants it.
    repaired: fn(&str) -> bool,
}

impl Edit {
    async fn put_back(&self, world: &World) -> anyhow::Result<()> {
        let what = self.command.join(" ");
        until(&world.progress, &what, REPAIR_TIMEOUT, || async {
            let (object, path) = self.read;
            let found = read(world, object, path)?;
            ensure!((self.repaired)(&found), "{object} still has {found:?}");
            Ok(())
        })
        .await
    }
}

/// Changes to the Deployment, the Service, the NetworkPolicy and the Secrets that pods read.
const EDITS: &[Edit] = &[
    Edit {
        command: &["set", "env", "deploy/scratch", "EVIL=1"],
        read: (
            "deploy/scratch",
            "{.spec.template.spec.containers[*].env[*].name}",
        ),
        repaired: |names| !names.contains("EVIL"),
    },
    Edit {
        command: &[
            "set",
            "env",
            "deploy/scratch",
            "MONGODB_URI=mongodb://nowhere.invalid/x",
        ],
        read: (
            "deploy/scratch",
            "{.spec.template.spec.containers[0].env[?(@.name=='MONGODB_URI')]}",
        ),
        repaired: |variable| variable.contains("secretKeyRef") && !variable.contains("nowhere"),
    },
    Edit {
        command: &[
            "set",
            "image",
            "deploy/scratch",
            "web=registry.crokodial.test:5000/no/such:1",
        ],
        read: (
            "deploy/scratch",
            "{.spec.template.spec.containers[0].image}",
        ),
        repaired: |image| !image.contains("no/such"),
    },
    Edit {
        command: &[
            "patch",
            "deploy/scratch",
            "--type=json",
            "-p",
            r#"[{"op":"add","path":"/spec/template/spec/nodeSelector","value":{"disk":"none"}}]"#,
        ],
        read: ("deploy/scratch", "{.spec.template.spec.nodeSelector}"),
        repaired: |selector| !selector.contains("none"),
    },
    Edit {
        command: &["rollout", "pause", "deploy/scratch"],
        read: ("deploy/scratch", "{.spec.paused}"),
        repaired: |paused| paused != "true",
    },
    Edit {
        command: &[
            "patch",
            "svc/scratch",
            "--type=json",
            "-p",
            r#"[{"op":"replace","path":"/spec/ports/0/port","value":81}]"#,
        ],
        read: ("svc/scratch", "{.spec.ports[*].port}"),
        repaired: |ports| ports == "80",
    },
    Edit {
        command: &[
            "patch",
            "netpol/scratch",
            "--type=json",
            "-p",
            r#"[{"op":"add","path":"/spec/ingress/0/ports/-","value":{"port":22,"protocol":"TCP"}}]"#,
        ],
        read: ("netpol/scratch", "{.spec.ingress[0].ports[*].port}"),
        repaired: |ports| !ports.contains("22"),
    },
    Edit {
        command: &[
            "patch",
            "secret/scratch-mongo-active",
            "--type=merge",
            "-p",
            r#"{"data":{"NEW":"eA=="}}"#,
        ],
        read: ("secret/scratch-mongo-active", "{.data.NEW}"),
        repaired: str::is_empty,
    },
    Edit {
        command: &[
            "patch",
            "secret/scratch-config-active",
            "--type=merge",
            "-p",
            r#"{"data":{"NEW":"eA=="}}"#,
        ],
        read: ("secret/scratch-config-active", "{.data.NEW}"),
        repaired: str::is_empty,
    },
    // An immutable Secret can only be deleted and created again.
    Edit {
        command: &[
            "patch",
            "secret/scratch-mongo-active",
            "--type=merge",
            "-p",
            r#"{"immutable":true,"data":{"NEW":"eA=="}}"#,
        ],
        read: ("secret/scratch-mongo-active", "{.data.NEW}{.immutable}"),
        repaired: str::is_empty,
    },
    Edit {
        command: &[
            "patch",
            "secret/scratch-config-active",
            "--type=merge",
            "-p",
            r#"{"immutable":true,"data":{"NEW":"eA=="}}"#,
        ],
        read: ("secret/scratch-config-active", "{.data.NEW}{.immutable}"),
        repaired: str::is_empty,
    },
    Edit {
        command: &["scale", "deploy/scratch", "--replicas=4"],
        read: ("deploy/scratch", "{.spec.replicas}"),
        repaired: |replicas| replicas == "2",
    },
    Edit {
        command: &["delete", "configmap/scratch-r1"],
        read: ("configmap", "{.items[*].metadata.name}"),
        repaired: |names| names.split(' ').any(|name| name == "scratch-r1"),
    },
    Edit {
        command: &["delete", "deploy/scratch"],
        read: ("deploy", "{.items[*].metadata.name}"),
        repaired: |names| names.split(' ').any(|name| name == NAME),
    },
];

/// Makes each change of [`EDITS`] and waits until it is put back, while an autoscaler scales the Deployment. Then checks
/// that no release was made, that the generations of the credentials stand still, that scaling the environment works, and
/// that forged snapshots run nothing.
pub async fn put_back(world: &World) -> anyhow::Result<()> {
    let good = images::simulated(world, "good", &[]).await?;
    let scratch = ScratchEnvironment::open(world, &good, "15s").await?;
    let autoscaler = [
        "autoscale",
        "deploy/scratch",
        "--name=scratch",
        "--min=3",
        "--max=4",
    ];
    kubectl(world, &autoscaler)?;
    let tested = all_put_back(world).await;
    kubectl(world, &["delete", "hpa", "scratch"])?;
    tested?;
    settled(world).await?;
    kubectl(world, &["scale", "cenv/scratch", "--replicas=1"])?;
    settled(world).await?;
    let replicas = read(world, "deploy/scratch", "{.spec.replicas}")?;
    ensure!(replicas == "1", "scaled to 1, but {replicas} are wanted");
    let releases = scratch.releases().await?;
    ensure!(releases.len() == 1, "{} releases were made", releases.len());
    forged_snapshot(world, &scratch).await?;
    scratch.close().await
}

/// Makes each change of [`EDITS`], and checks that Events name kubectl and the autoscaler.
async fn all_put_back(world: &World) -> anyhow::Result<()> {
    let mut left = Vec::new();
    for edit in EDITS {
        kubectl(world, edit.command)?;
        if let Err(error) = edit.put_back(world).await {
            left.push(format!("{error:#}"));
        }
    }
    ensure!(left.is_empty(), "not put back:\n{}", left.join("\n"));
    let uid = read(world, "cenv/scratch", "{.metadata.uid}")?;
    let about = format!("--field-selector=involvedObject.uid={uid}");
    let messages = [
        "get",
        "events",
        &about,
        "-o",
        "jsonpath={.items[*].message}",
    ];
    let advice = "an autoscaler must scale the CrokodialEnvironment instead";
    until(
        &world.progress,
        "the Events",
        AUTOSCALER_TIMEOUT,
        || async {
            let events = kubectl(world, &messages)?;
            ensure!(
                events.contains("was changed by kubectl"),
                "no Event names kubectl"
            );
            ensure!(events.contains(advice), "no Event names the autoscaler");
            Ok(())
        },
    )
    .await
}

/// Replaces the snapshot of the serving release by forged ones. None of them may run, the operator may not restart, and
/// the environment must go on to be reconciled.
async fn forged_snapshot(world: &World, scratch: &ScratchEnvironment<'_>) -> anyhow::Result<()> {
    let leader = leader::settled(world).await?;
    let restarts = operators::restarts(&world.client, &leader).await?;
    let original = kubectl(
        world,
        &[
            "get",
            "cm",
            "scratch-r1",
            "-o",
            "jsonpath={.binaryData.release\\.json}",
        ],
    )?;
    let template = read(world, "deploy/scratch", "{.metadata.generation}")?;
    for content in [
        json!({"number": 1, "inputs": "a", "template": "x"}).to_string(),
        other_account(&original)?,
    ] {
        forge(world, &content)?;
        // The operator has looked at the forgery once it has answered an edit that was made after it.
        scratch
            .edit(json!({"rollout": {"bake": format!("{}s", 16 + content.len() % 7)}}))
            .await?;
        world
            .condition(
                (STAGING, NAME),
                ConditionType::Ready,
                REPAIR_TIMEOUT,
                |_| true,
            )
            .await?;
        let accounts = read(
            world,
            "deploy/scratch",
            "{.spec.template.spec.serviceAccountName}",
        )?;
        ensure!(accounts == NAME, "the pods run as {accounts}");
    }
    let after = read(world, "deploy/scratch", "{.metadata.generation}")?;
    ensure!(
        after == template,
        "the Deployment was changed: {template} → {after}"
    );
    let now = operators::restarts(&world.client, &leader).await?;
    ensure!(
        now == restarts,
        "the operator restarted {} times",
        now - restarts
    );
    Ok(())
}

/// Replaces the snapshot of release 1 by one with this content and the labels of a snapshot.
fn forge(world: &World, content: &str) -> anyhow::Result<()> {
    use base64::Engine as _;
    let encoded = base64::prelude::BASE64_STANDARD.encode(content);
    let forged = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "scratch-r1", "labels": {"app.kubernetes.io/managed-by": "crokodial-operator",
            "crokodial.com/environment": NAME}},
        "binaryData": {"release.json": encoded}});
    let file = world.cluster.layout.path("forged.json");
    std::fs::write(&file, forged.to_string())?;
    let path = file.display().to_string();
    // The operator may put the original back between the two commands; then the forgery has failed anyway.
    kubectl(world, &["delete", "cm", "scratch-r1"])?;
    let _ = kubectl(world, &["create", "-f", &path]);
    Ok(())
}

/// Returns a snapshot's content with another ServiceAccount in its pod template.
fn other_account(original: &str) -> anyhow::Result<String> {
    use base64::Engine as _;
    let bytes = base64::prelude::BASE64_STANDARD.decode(original)?;
    let mut content: serde_json::Value = serde_json::from_slice(&bytes)?;
    let account = content.pointer_mut("/template/spec/serviceAccountName");
    *account.ok_or_else(|| anyhow::anyhow!("the snapshot has no account"))? = json!("default");
    Ok(content.to_string())
}

/// Waits until scratch is Ready, and checks that the generation of its Deployment stands still for five seconds.
async fn settled(world: &World) -> anyhow::Result<()> {
    world
        .condition(
            (STAGING, NAME),
            ConditionType::Ready,
            Duration::from_secs(60),
            |c| c.status == "True",
        )
        .await?;
    let before = read(world, "deploy/scratch", "{.metadata.generation}")?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let after = read(world, "deploy/scratch", "{.metadata.generation}")?;
    ensure!(
        before == after,
        "the Deployment does not settle: {before} → {after}"
    );
    Ok(())
}

fn read(world: &World, object: &str, path: &str) -> anyhow::Result<String> {
    kubectl(world, &["get", object, "-o", &format!("jsonpath={path}")])
}

fn kubectl(world: &World, arguments: &[&str]) -> anyhow::Result<String> {
    let namespace = STAGING.namespace();
    world.kubectl(&[&["-n", &namespace], arguments].concat())
}
