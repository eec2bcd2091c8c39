//! The Helm release of the operator. It is upgraded only if the chart, its values or the operator's image changed.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::images::Pushed;
use crate::command::run;
use crate::files::write_public;
use crate::go::{self, HELM};
use crate::{Cluster, Mode, Progress, disk};

/// Name of the Helm release.
pub const RELEASE: &str = "crokodial";

/// Namespace in which the operator runs.
pub const NAMESPACE: &str = "crokodial-system";

/// Installs or upgrades the Helm release and waits until the operator is ready. Does nothing if the release is up to
/// date.
///
/// # Errors
/// When Helm cannot be built, the disk is nearly full, or the command `helm` fails. The error contains the reason.
pub async fn ensure_installed(
    cluster: &Cluster,
    operator: &Pushed,
    progress: &Progress,
) -> anyhow::Result<()> {
    go::ensure(&cluster.checkout, &cluster.layout, &[HELM], progress)?;
    let wanted = fingerprint(cluster, operator)?;
    let record = cluster.layout.path("helm.content");
    let known = fs::read_to_string(&record).is_ok_and(|known| known == wanted);
    if known
        && helm(cluster)
            .args(["status", RELEASE, "-n", NAMESPACE])
            .output()
            .is_ok_and(|o| o.status.success())
    {
        return Ok(());
    }
    if cluster.settings.mode == Mode::Local {
        // `up` checked the disk before the images were built, so it is checked again.
        disk::check(&cluster.layout.dir)?;
    }
    progress.say("installing the chart");
    install(cluster, operator, &[])?;
    write_public(&record, wanted.as_bytes())
}

/// Runs `helm upgrade --install` with the values of the local cluster and the additional arguments `more`. Waits until
/// the operator is ready, at most 3 min.
///
/// # Errors
/// When helm fails; the error contains its output.
pub fn install(cluster: &Cluster, operator: &Pushed, more: &[&str]) -> anyhow::Result<()> {
    let mut command = helm(cluster);
    command
        .args(["upgrade", "--install", RELEASE])
        .arg(chart(cluster))
        .args([
            "--namespace",
            NAMESPACE,
            "--create-namespace",
            "--wait",
            "--timeout",
            "3m",
        ])
        .arg("--values")
        .arg(cluster.checkout.join("tests/overlay/values.yaml"))
        .args(["--set-string", &format!("image.tag={}", operator.tag)])
        // The value contains the image's content hash, so that a new build under the same tag restarts the pods.
        .args([
            "--set-string",
            &format!("podAnnotations.crokodial\\.com/build={}", operator.content),
        ])
        .args(more);
    run(&mut command).context(
        "installing the chart: see `make logs` and kubectl -n crokodial-system describe pods",
    )?;
    Ok(())
}

/// Uninstalls the operator's Helm release. The environments are kept.
///
/// # Errors
/// When helm fails; the error contains its output.
pub fn uninstall(cluster: &Cluster) -> anyhow::Result<()> {
    let mut command = helm(cluster);
    command.args([
        "uninstall",
        RELEASE,
        "--namespace",
        NAMESPACE,
        "--wait",
        "--timeout",
        "2m",
    ]);
    run(&mut command).context("removing the Helm release")?;
    Ok(())
}

fn helm(cluster: &Cluster) -> Command {
    let mut command = Command::new(cluster.layout.binary("helm"));
    command.env("KUBECONFIG", cluster.kubeconfig());
    command
}

fn chart(cluster: &Cluster) -> std::path::PathBuf {
    cluster.checkout.join("charts/crokodial-operator")
}

/// Returns a hash of the chart, the local values and the operator's image. If the hash changes, the Helm release is
/// upgraded.
fn fingerprint(cluster: &Cluster, operator: &Pushed) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    hash.update(&operator.content);
    hash.update(
        fs::read(cluster.checkout.join("tests/overlay/values.yaml"))
            .context("reading the local values")?,
    );
    let mut files = Vec::new();
    collect(&chart(cluster), &mut files)?;
    files.sort();
    for file in files {
        hash.update(file.to_string_lossy().as_bytes());
        hash.update(fs::read(&file).with_context(|| format!("reading {}", file.display()))?);
    }
    Ok(hex::encode(hash.finalize()))
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
