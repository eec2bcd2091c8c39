//! Builds the images of the operator and the dialer. Each contains only a static binary, compiled by cargo, and the
//! public CA certificates.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::compile::compile;
use crate::files::write_public;
use crate::image_builder::{self, ImageBuild};
use crate::{Cluster, Progress};

/// Paths of the file with the public CA certificates on Debian, Fedora and Alpine.
const CA_BUNDLES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// An image that is built from this repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// Image of the operator.
    Operator,
    /// Image of the dialer, including its UI.
    Dialer,
}

impl Image {
    /// Returns the name of the image's cargo package.
    pub(super) fn package(self) -> &'static str {
        match self {
            Self::Operator => "crokodial-operator",
            Self::Dialer => "crokodial-dialer",
        }
    }

    /// Returns the name of the binary in the image.
    pub(super) fn binary(self) -> &'static str {
        match self {
            Self::Operator => "crokodial-operator",
            Self::Dialer => "dialer",
        }
    }

    /// Returns the name of the folder with the image's Dockerfile. It is also the last segment of the image's
    /// repository name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Dialer => "dialer",
        }
    }
}

/// An image that is in the cluster's registry.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// Reference that pods use to pull the image.
    pub reference: String,
    /// Tag of the image.
    pub tag: String,
    /// Hash of everything that the image was built from: tag, Dockerfile, binary and CA certificates.
    pub content: String,
}

/// Version of the cargo workspace, which `make up` uses as the tag of the images.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Builds an image, tags it with the version of the workspace and pushes it. If the registry already has the same
/// content, the image is not built again.
///
/// # Errors
/// When cargo, the image build or the push fails.
pub async fn ensure(
    cluster: &Cluster,
    image: Image,
    progress: &Progress,
) -> anyhow::Result<Pushed> {
    push(cluster, image, VERSION, &[], progress).await
}

/// Builds an image with the given cargo features, tags it and pushes it. If the registry already has the same
/// content, the image is not built again. Images with different tags have different content, because an image contains
/// its tag as the version.
///
/// # Errors
/// When cargo, the image build or the push fails.
pub async fn push(
    cluster: &Cluster,
    image: Image,
    tag: &str,
    features: &[&str],
    progress: &Progress,
) -> anyhow::Result<Pushed> {
    let binary = compile(&cluster.checkout, image, features, progress)?;
    let context = cluster.layout.path(&format!("images/{}", image.name()));
    let dockerfile = cluster.checkout.join(image.name()).join("Dockerfile");
    let content = prepare(&context, &binary.path, &dockerfile, image, tag)?;
    drop(binary);
    let name = format!("crokodial/{}:{tag}", image.name());
    let record = cluster
        .layout
        .path(&format!("images/{}-{tag}.content", image.name()));
    let known = fs::read_to_string(&record).is_ok_and(|known| known == content);
    if !(known && image_builder::exists(&cluster.ports(), &name).await?) {
        progress.say(&format!("building image {name}"));
        cluster.build_image(&ImageBuild {
            dockerfile,
            context,
            name: name.clone(),
            args: vec![("VERSION".to_owned(), tag.to_owned())],
        })?;
        write_public(&record, content.as_bytes())?;
    }
    let reference = format!("{}/{name}", crate::layout::REGISTRY);
    Ok(Pushed {
        reference,
        tag: tag.to_owned(),
        content,
    })
}

/// Writes the files of the build context `context`. Returns a hash of everything that the image is built from.
fn prepare(
    context: &Path,
    binary: &Path,
    dockerfile: &Path,
    image: Image,
    tag: &str,
) -> anyhow::Result<String> {
    fs::create_dir_all(context).with_context(|| format!("creating {}", context.display()))?;
    let bundle = CA_BUNDLES.iter().find(|path| Path::new(path).is_file());
    let Some(bundle) = bundle else {
        bail!("no CA bundle found: install the package ca-certificates")
    };
    let mut hash = Sha256::new();
    hash.update(tag);
    hash.update(fs::read(dockerfile).with_context(|| format!("reading {}", dockerfile.display()))?);
    for (from, name) in [
        (binary, image.binary()),
        (Path::new(bundle), "ca-certificates.crt"),
    ] {
        let bytes = fs::read(from).with_context(|| format!("reading {}", from.display()))?;
        hash.update(&bytes);
        let to = context.join(name);
        if fs::read(&to).ok().as_deref() != Some(bytes.as_slice()) {
            fs::copy(from, &to)
                .with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
        }
    }
    let mut hash = hex::encode(hash.finalize());
    hash.truncate(16);
    Ok(hash)
}
