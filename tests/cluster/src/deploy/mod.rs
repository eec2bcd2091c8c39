//! Deploys the operator and the dialer into a running cluster: the images, the Helm chart and two environments.
//!
//! Every step is idempotent: it writes only what is missing or has changed.

pub mod compile;
pub mod environments;
pub mod helm;
pub mod images;
pub mod operators;
pub mod pods;
pub mod simulated;

use anyhow::Context;

use crate::files::write_public;
use crate::{Cluster, Progress, Stage};

/// Deploys the operator and both environments. Prints the URLs of the environments and useful commands to standard
/// output.
///
/// # Errors
/// When a step fails; the error contains the reason.
pub async fn deploy(cluster: &Cluster, progress: &Progress) -> anyhow::Result<()> {
    ensure(cluster, progress).await?;
    print!("{}", hints(cluster));
    Ok(())
}

/// Deploys the operator and both environments and waits until they are ready, without printing to standard output.
/// Also writes the CA certificate of the local sites to `ca.crt` in the state directory.
///
/// # Errors
/// When a step fails; the error contains the reason.
pub async fn ensure(cluster: &Cluster, progress: &Progress) -> anyhow::Result<()> {
    let operator = images::ensure(cluster, images::Image::Operator, progress).await?;
    images::ensure(cluster, images::Image::Dialer, progress).await?;
    helm::ensure_installed(cluster, &operator, progress).await?;
    let client = cluster.client().await?;
    environments::ensure(cluster, &client, progress).await?;
    for stage in Stage::ALL {
        environments::wait_ready(&client, stage, progress).await?;
    }
    let ca = environments::local_ca(&client).await?;
    write_public(&cluster.layout.path("ca.crt"), ca.as_bytes()).context("writing ca.crt")
}

/// Returns the text that `deploy` prints: the URLs of the sites, and shell commands to copy.
fn hints(cluster: &Cluster) -> String {
    let (https, ca) = (cluster.ports().https, cluster.layout.path("ca.crt"));
    let kubeconfig = cluster.kubeconfig();
    let mut text = String::new();
    for stage in Stage::ALL {
        let domain = stage.domain();
        text.push_str(&format!(
            "\n{stage:8} https://{domain}:{https}/\n  curl --cacert {ca} --resolve {domain}:{https}:127.0.0.1 https://{domain}:{https}/api/health\n",
            stage = stage.as_str(),
            ca = ca.display(),
        ));
    }
    text.push_str(&format!(
        "\n  export KUBECONFIG={}\n  kubectl get cenv,crel -A\n",
        kubeconfig.display()
    ));
    text
}
