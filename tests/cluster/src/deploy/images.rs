//! Builds the product's images: each contains a static binary, built by cargo, on an empty filesystem.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::compile::compile;
use crate::files::write_public;
use crate::image_builder::{self, ImageBuild};
use crate::{Cluster, Progress};

/// Paths of the bundle of public certificate authorities on Debian, Fedora and Alpine.
const CA_BUNDLES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// An image of the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// The operator.
    Operator,
    /// The dialer with its UI.
    Dialer,
}

impl Image {
    /// Name of the cargo package.
    pub(super) fn package(self) -> &'static str {
        match self {
            Self::Operator => "crokodial-operator",
            Self::Dialer => "crokodial-dialer",
        }
    }

    /// Name of the binary.
    pub(super) fn binary(self) -> &'static str {
        match self {
            Self::Operator => "crokodial-operator",
            Self::Dialer => "dialer",
        }
    }

    /// Name of the folder that contains the Dockerfile, and last segment of the repository's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Dialer => "dialer",
        }
    }
}

/// An image in the registry.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// Reference by which pods pull the image.
    pub reference: String,
    /// Tag of the image.
    pub tag: String,
    /// Hash of everything that the image was built from.
    pub content: String,
}

/// Version of the workspace; `make up` uses it as the tag of the images.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Builds and pushes an image tagged with the workspace's version, unless the registry already has the same content.
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

/// Builds and pushes an image with a tag and cargo features, unless the registry already has the same content. The
/// dialer reports the tag as its version, so that the content differs for each tag.
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

/// Writes the files of the build context; returns the hash of everything that the image is built from.
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
