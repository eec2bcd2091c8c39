//! Builds container images and pushes them to the cluster's registry.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::command::{find, require, run};
use crate::files::write_public;
use crate::layout::{Layout, REGISTRY};
use crate::options::Ports;

/// Inputs of an image build.
#[derive(Clone, Debug)]
pub struct ImageBuild {
    /// Path of the Dockerfile.
    pub dockerfile: PathBuf,
    /// Build context: the folder from which the Dockerfile can copy files.
    pub context: PathBuf,
    /// Repository and tag without the registry, for example `crokodial/dialer:0.1.0`.
    pub name: String,
    /// Build arguments: pairs of name and value.
    pub args: Vec<(String, String)>,
}

/// Program that builds and pushes images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageTool {
    /// Docker, which needs a running engine.
    Docker,
    /// Buildah, which needs no running engine.
    Buildah,
}

impl ImageTool {
    /// Returns Docker if a Docker engine responds, otherwise Buildah.
    #[must_use]
    pub fn detect() -> Self {
        if engine_answers() {
            Self::Docker
        } else {
            Self::Buildah
        }
    }
}

/// Returns true if a Docker engine responds within 10 s.
#[must_use]
pub fn engine_answers() -> bool {
    // Runs under `timeout`, because the docker client may wait for minutes for an unreachable remote engine.
    find("docker").is_some()
        && Command::new("timeout")
            .args(["10", "docker", "version", "--format", "{{.Server.Version}}"])
            .output()
            .is_ok_and(|output| output.status.success())
}

/// Builds an image and pushes it to the cluster's registry. Returns the reference that pods use to pull the image.
///
/// # Errors
/// When the build or the push fails; the error contains the end of the tool's output.
pub fn build_and_push(
    layout: &Layout,
    ports: &Ports,
    build: &ImageBuild,
) -> anyhow::Result<String> {
    if !build.dockerfile.is_file() {
        bail!("no Dockerfile at {}", build.dockerfile.display());
    }
    let push = format!("{}/{}", Ports::local(ports.registry), build.name);
    match ImageTool::detect() {
        ImageTool::Docker => docker(build, &push)?,
        ImageTool::Buildah => buildah(layout, build, &push)?,
    }
    Ok(format!("{REGISTRY}/{}", build.name))
}

fn build_args(build: &ImageBuild) -> impl Iterator<Item = String> {
    build
        .args
        .iter()
        .flat_map(|(name, value)| ["--build-arg".to_owned(), format!("{name}={value}")])
}

fn docker(build: &ImageBuild, push: &str) -> anyhow::Result<()> {
    let mut command = Command::new("docker");
    command
        .args(["build", "--quiet", "--tag", push, "--file"])
        .arg(&build.dockerfile);
    run(command
        .args(build_args(build))
        .arg(&build.context)
        .env("SOURCE_DATE_EPOCH", "0"))?;
    run(Command::new("docker").args(["push", "--quiet", push]))?;
    Ok(())
}

fn buildah(layout: &Layout, build: &ImageBuild, push: &str) -> anyhow::Result<()> {
    require("buildah")?;
    let policy = signature_policy(layout)?;
    let mut command = buildah_command(layout);
    // Chroot isolation needs no container runtime. The fixed timestamp gives equal inputs an equal digest.
    command
        .args([
            "bud",
            "--isolation",
            "chroot",
            "--timestamp",
            "0",
            "--signature-policy",
        ])
        .arg(&policy);
    command
        .args(build_args(build))
        .arg("--file")
        .arg(&build.dockerfile)
        .args(["--tag", push]);
    run(command.arg(&build.context))?;
    push_with_buildah(layout, &policy, push)
}

fn push_with_buildah(layout: &Layout, policy: &Path, name: &str) -> anyhow::Result<()> {
    let mut command = buildah_command(layout);
    command
        .args(["push", "--tls-verify=false", "--signature-policy"])
        .arg(policy);
    run(command.args([name, &format!("docker://{name}")]))?;
    // The registry now has the image, so it is removed from buildah's store, which would otherwise grow without limit.
    run(buildah_command(layout).args(["rmi", "--force", name]))?;
    Ok(())
}

/// Returns a buildah command whose image store is in the state directory, so that `down` removes the store. The
/// storage driver vfs is used because it needs no mounts.
fn buildah_command(layout: &Layout) -> Command {
    let mut command = Command::new("buildah");
    command
        .arg("--root")
        .arg(layout.path("buildah"))
        .arg("--runroot")
        .arg(layout.run.join("buildah"));
    command.args(["--storage-driver", "vfs"]);
    command
}

/// Writes an image policy that requires no signatures, because the images that are built on this machine have none.
/// Returns the path of the policy file.
fn signature_policy(layout: &Layout) -> anyhow::Result<PathBuf> {
    let path = layout.path("config/image-policy.json");
    write_public(&path, br#"{"default":[{"type":"insecureAcceptAnything"}]}"#)?;
    Ok(path)
}

/// Pushes an image archive (from `docker save`, or in OCI format) to the cluster's registry as `name`. Returns the
/// reference that pods use to pull the image.
///
/// # Errors
/// When the archive cannot be read or pushed.
pub fn load_archive(
    layout: &Layout,
    ports: &Ports,
    archive: &Path,
    name: &str,
) -> anyhow::Result<String> {
    if !archive.is_file() {
        bail!("no image archive at {}", archive.display());
    }
    require("buildah")?;
    let policy = signature_policy(layout)?;
    let push = format!("{}/{name}", Ports::local(ports.registry));
    let mut pulled = None;
    for transport in ["docker-archive", "oci-archive"] {
        let mut command = buildah_command(layout);
        command
            .args(["pull", "--quiet", "--signature-policy"])
            .arg(&policy);
        command.arg(format!("{transport}:{}", archive.display()));
        if let Ok(output) = run(&mut command) {
            pulled = Some(String::from_utf8_lossy(&output.stdout).trim().to_owned());
            break;
        }
    }
    let image = pulled.with_context(|| {
        format!(
            "{} is neither a docker nor an OCI archive",
            archive.display()
        )
    })?;
    run(buildah_command(layout).args(["tag", &image, &push]))?;
    push_with_buildah(layout, &policy, &push)?;
    Ok(format!("{REGISTRY}/{name}"))
}

/// Returns true if the cluster's registry has the image `name` (`repository:tag`).
///
/// # Errors
/// When the registry does not respond within 10 s, or responds with a status other than 200 and 404.
pub async fn exists(ports: &Ports, name: &str) -> anyhow::Result<bool> {
    let (status, _) = manifest(ports, name).await?;
    match status {
        http::StatusCode::OK => Ok(true),
        http::StatusCode::NOT_FOUND => Ok(false),
        other => bail!("the registry answers {other} for {name}"),
    }
}

/// Returns the download size of the image `name` in bytes: its compressed layers and its configuration.
///
/// # Errors
/// When the registry does not respond or does not have the image.
pub async fn size(ports: &Ports, name: &str) -> anyhow::Result<u64> {
    let (status, body) = manifest(ports, name).await?;
    if status != http::StatusCode::OK {
        bail!("the registry answers {status} for {name}: is it pushed?");
    }
    manifest_size(&body)
}

fn manifest_size(body: &[u8]) -> anyhow::Result<u64> {
    let manifest: serde_json::Value = serde_json::from_slice(body).context("an image manifest")?;
    let layers = manifest["layers"]
        .as_array()
        .context("an image manifest without layers")?;
    let sizes = layers
        .iter()
        .chain([&manifest["config"]])
        .map(|part| part["size"].as_u64());
    sizes
        .sum::<Option<u64>>()
        .context("an image manifest without sizes")
}

/// Requests an image's manifest from the registry with `GET /v2/<repository>/manifests/<tag>`. Returns the status and
/// body of the response.
async fn manifest(ports: &Ports, name: &str) -> anyhow::Result<(http::StatusCode, Vec<u8>)> {
    use http_body_util::{BodyExt as _, Empty};
    use hyper::body::Bytes;
    use hyper_util::client::legacy::Client;
    use hyper_util::client::legacy::connect::HttpConnector;
    use hyper_util::rt::TokioExecutor;
    let (repository, tag) = name
        .rsplit_once(':')
        .context("an image name without a tag")?;
    let address = Ports::local(ports.registry);
    let client: Client<HttpConnector, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let request = http::Request::get(format!("http://{address}/v2/{repository}/manifests/{tag}"))
        .header(
            http::header::ACCEPT,
            "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json",
        )
        .body(Empty::new())
        .context("building the request")?;
    let answer = async {
        let response = client.request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes().to_vec();
        anyhow::Ok((status, body))
    };
    let deadline = Duration::from_secs(10);
    tokio::time::timeout(deadline, answer)
        .await
        .context("the registry does not answer within 10 s")?
        .context("asking the registry")
}

/// Builds and pushes the pause image `image`, unless the registry already has it.
///
/// # Errors
/// When the image cannot be built or pushed.
pub async fn ensure_pause(
    layout: &Layout,
    ports: &Ports,
    checkout: &Path,
    image: &str,
) -> anyhow::Result<()> {
    let name = image
        .trim_start_matches(REGISTRY)
        .trim_start_matches('/')
        .to_owned();
    if exists(ports, &name).await? {
        return Ok(());
    }
    let context = tempfile::tempdir().context("making a build context")?;
    std::fs::copy(layout.binary("pause"), context.path().join("pause"))
        .context("copying the pause binary")?;
    let build = ImageBuild {
        dockerfile: checkout.join("tests/parts/pause/Dockerfile"),
        context: context.path().to_path_buf(),
        name,
        args: Vec::new(),
    };
    build_and_push(layout, ports, &build).context("the pause image")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_as_large_as_its_layers_and_configuration() {
        let body = br#"{"config":{"size":10},"layers":[{"size":200},{"size":3000}]}"#;
        assert_eq!(manifest_size(body).unwrap(), 3210);
        assert!(manifest_size(br#"{"manifests":[]}"#).is_err());
        assert!(manifest_size(br#"{"config":{},"layers":[]}"#).is_err());
    }
}
