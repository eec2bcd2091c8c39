//! Image of the spec and its digest.
//!
//! A digest in the spec is itself the answer. A tag that stands in a record of the environment means that
//! record's digest, so a moved tag changes nothing that runs; only a `retry` that no record of the image
//! carries asks the registry again.

use crokodial_crds::Reason;
use crokodial_crds::names::{Digest, ImageError, ImageRef};

use crate::environment::finding::Finding;
use crate::registry::ResolveError;
use crate::release::gate::auto::{Pick, Picked};
use crate::release::record::Record;

/// Image of the spec, as far as its digest is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Image {
    /// Resolved to this digest.
    Resolved(Digest),
    /// Not resolved; why.
    Unresolved(Finding),
    /// Resolved to this digest at the last look-up of a followed tag; why the newest look-up failed.
    Stale(Digest, Finding),
    /// Being resolved: the registry has not answered yet.
    Asked,
}

/// Digest from the spec or a record; `None`: the registry must be asked.
pub fn known(written: &str, image: &ImageRef, retry: &str, records: &[Record]) -> Option<Digest> {
    if let Some(digest) = &image.digest {
        return Some(digest.clone());
    }
    let same_image = || records.iter().filter(|r| r.spec.image == written);
    if !retry.is_empty()
        && same_image().all(|r| r.spec.retry != retry)
        && same_image().any(Record::failed)
    {
        return None;
    }
    same_image()
        .max_by_key(|r| r.number())
        .and_then(|r| r.spec.digest.parse().ok())
}

/// Image that `promotion.auto` runs.
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

/// Condition `ImageResolved`.
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

/// Finding about an image that does not parse.
pub fn invalid(error: &ImageError) -> Finding {
    Finding::no(Reason::InvalidSpec, format!("spec.image: {error}"))
}

/// Finding about an image that the registry does not return.
pub fn refused(error: &ResolveError) -> Finding {
    match error.reason() {
        // The registry may be back in a moment: nothing is known against the image.
        Reason::RegistryUnreachable => {
            Finding::unknown(Reason::RegistryUnreachable, error.to_string())
        }
        reason => Finding::no(reason, error.to_string()),
    }
}
