//! From a running cluster to a running product: images, the chart, two environments.
//!
//! Every step looks first and writes only what is missing or changed, so a second run changes nothing.

pub mod bench;
pub mod compile;
pub mod demo;
pub mod demo_data;
pub mod environments;
pub mod helm;
pub mod images;
pub mod operators;
pub mod pods;
pub mod simulated;

use anyhow::Context;

use crate::cluster::files::write_public;
use crate::cluster::{Cluster, Progress, Stage};

/// Brings operator and environments to life and prints how to reach them.
///
/// # Errors
/// When a step fails, with what to look at.
pub async fn deploy(cluster: &Cluster, progress: &Progress) -> anyhow::Result<()> {
    ensure(cluster, progress).await?;
    print!("{}", hints(cluster));
    Ok(())
}

/// The same without a word on standard output.
///
/// # Errors
/// When a step fails, with what to look at.
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

/// The URLs, and commands that can be pasted.
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
