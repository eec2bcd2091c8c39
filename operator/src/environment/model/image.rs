//! Image that the spec asks for: its digest as far as it is known, and the findings about it.

use std::time::Duration;

use crokodial_crds::names::{Digest, ImageError, ImageRef};
use crokodial_crds::{EnvironmentSpec, Reason, duration};

use crate::environment::finding::Finding;
use crate::net::NetError;
use crate::registry::{ResolveError, UnusableResponse};
use crate::release::gate::auto::{Pick, Picked};

/// Digest of the image that the spec asks for, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Image {
    /// The digest is known.
    Resolved(Digest),
    /// The digest could not be determined. Contains the cause.
    Unresolved(Finding),
    /// The digest is known, but the newest lookup of a followed tag failed. Contains the known digest and the cause of
    /// the failure.
    Stale(Digest, Finding),
    /// The digest is not known yet: the registry was asked and has not answered.
    Asked,
}

/// Returns the name and the digest of the image that `promotion.auto` chose. The name is empty if it chose none.
pub fn picked(picked: &Picked) -> (String, Image) {
    let (image, digest) = match &picked.pick {
        Pick::Take(release) => (&release.image, &release.digest),
        Pick::Stay { image, digest } => (image, digest),
        Pick::Nothing => {
            let why = picked.waits.as_ref();
            let finding = Finding::unknown(
                Reason::Unknown,
                why.map_or("there is nothing to promote yet", |v| v.message.as_str()),
            );
            return (String::new(), Image::Unresolved(finding));
        }
    };
    let found = digest.parse().map_or_else(
        |_| {
            let what = format!("{digest}, which the record of {image} names, is no digest");
            Image::Unresolved(Finding::no(Reason::InvalidSpec, what))
        },
        Image::Resolved,
    );
    (image.clone(), found)
}

/// Returns the finding for condition `ImageResolved`.
pub fn finding(image: &Image, written: &str) -> Finding {
    match image {
        Image::Resolved(digest) => {
            Finding::yes(Reason::Succeeded, format!("{written} is {digest}"))
        }
        Image::Unresolved(finding) | Image::Stale(_, finding) => finding.clone(),
        Image::Asked => Finding::unknown(
            Reason::Progressing,
            format!("the registry of {written} was asked"),
        ),
    }
}

/// Returns the finding about an image reference that does not parse.
pub fn invalid(error: &ImageError) -> Finding {
    Finding::no(Reason::InvalidSpec, format!("spec.image: {error}"))
}

/// Returns which registry denies access to an image, and with which credentials, as a clause for users. `written` is the
/// image reference.
pub fn denied(written: &str, spec: &EnvironmentSpec) -> String {
    let registry = written
        .parse::<ImageRef>()
        .map_or_else(|_| "the registry".to_owned(), |image| image.registry);
    let secrets: Vec<&str> = spec
        .image_pull_secrets
        .iter()
        .map(|r| r.name.as_str())
        .collect();
    let credentials = if secrets.is_empty() {
        "spec.imagePullSecrets names no credentials for it".to_owned()
    } else {
        format!(
            "the credentials in spec.imagePullSecrets ({}) do not open it",
            secrets.join(", ")
        )
    };
    format!("{registry} denies access (401 or 403), and {credentials}")
}

/// Returns the finding about an image whose digest the source environment knows, which cannot be read for this cause.
pub fn untested(cause: Option<&str>) -> Finding {
    let what = format!(
        "the digest that was tested in the source environment is not known: {}",
        cause.unwrap_or_default()
    );
    Finding::unknown(Reason::Unreadable, what)
}

/// Returns the finding about an image that the registry could not resolve. It says when the registry is asked again:
/// `wait` after it was asked, because a reconcile is scheduled for that time.
pub fn refused(error: &ResolveError, wait: Duration) -> Finding {
    let within = duration::format(wait);
    // The host may also be the one that gives out tokens, which no spec names.
    let no_address = match error {
        ResolveError::RegistryUnreachable {
            registry,
            cause: UnusableResponse::Net(NetError::Dns { host }),
        } => registry.split(':').next() == Some(host.as_str()),
        _ => false,
    };
    match error.reason() {
        // Unknown, not False: an unreachable registry says nothing about the image.
        Reason::RegistryUnreachable => Finding::unknown(
            if no_address {
                Reason::RegistryNotFound
            } else {
                Reason::RegistryUnreachable
            },
            format!("{error}; it is asked again within about {within}"),
        ),
        reason => Finding::no(
            reason,
            format!(
                "{error}; it is asked again within about {within}, and at once after a new rollout.retry"
            ),
        ),
    }
}
