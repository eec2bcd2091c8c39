//! The product's images: static binaries, built by cargo, on an empty file system.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::compile::compile;
use crate::cluster::files::write_public;
use crate::cluster::images::{self, Build};
use crate::cluster::{Cluster, Progress};

/// Where Debian, Fedora and Alpine keep the bundle of public authorities.
const CA_BUNDLES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// What is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// The operator.
    Operator,
    /// The dialer with its UI.
    Dialer,
}

impl Image {
    /// The crate, which is also the operator's binary name.
    pub(super) fn package(self) -> &'static str {
        match self {
            Self::Operator => "crokodial-operator",
            Self::Dialer => "crokodial-dialer",
        }
    }

    pub(super) fn binary(self) -> &'static str {
        match self {
            Self::Operator => "crokodial-operator",
            Self::Dialer => "dialer",
        }
    }

    /// Folder of the Dockerfile, and last part of the repository.
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
    /// As pods pull it.
    pub reference: String,
    /// Its tag.
    pub tag: String,
    /// Hash of everything it was made of; another content has another one.
    pub content: String,
}

/// Version of the workspace: the tag of what `make up` builds.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Builds and pushes an image tagged with the workspace's version, unless the registry has just this content.
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

/// The same under another tag, with cargo features. The tag is the version that the dialer answers with, so it alone
/// makes a new image.
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
    if !(known && images::exists(&cluster.ports(), &name).await?) {
        progress.say(&format!("building image {name}"));
        cluster.build_image(&Build {
            dockerfile,
            context,
            name: name.clone(),
            args: vec![("VERSION".to_owned(), tag.to_owned())],
        })?;
        write_public(&record, content.as_bytes())?;
    }
    let reference = format!("{}/{name}", crate::cluster::layout::REGISTRY);
    Ok(Pushed {
        reference,
        tag: tag.to_owned(),
        content,
    })
}

/// Fills the build context and returns the hash of all that goes into the image.
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
