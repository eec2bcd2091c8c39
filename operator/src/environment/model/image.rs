//! Image that the spec asks for, and its digest.
//!
//! A digest in the spec is used as it is. A tag is resolved from the newest release record with the same image, so a
//! moved tag does not change what runs unless the tag is followed. If there is no such record, the digest comes from
//! the releases of the promotion's source or, if they do not have the image, from the registry. A new value of
//! `rollout.retry` looks the tag up once more: the record is ignored until a record stores that this was done, be it as
//! a new release or, if the tag still has the same digest, in the status of the release that has it.

use std::time::Duration;

use crokodial_crds::names::{Digest, ImageError, ImageRef};
use crokodial_crds::{EnvironmentSpec, Reason, duration};

use crate::environment::finding::Finding;
use crate::net::NetError;
use crate::registry::{ResolveError, UnusableResponse};
use crate::release::gate::auto::{Pick, Picked};
use crate::release::record::Record;

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

/// Returns the digest from the spec or from a release record; `None` if neither determines it. `written` is the image
/// as written in the spec, and `retry` is the value of `rollout.retry`.
pub fn known(written: &str, image: &ImageRef, retry: &str, records: &[Record]) -> Option<Digest> {
    if let Some(digest) = &image.digest {
        return Some(digest.clone());
    }
    if asks_again(written, retry, records) {
        return None;
    }
    newest(written, records).and_then(|r| r.spec.digest.parse().ok())
}

/// Returns the number of the release in whose status must be stored that the tag `written` was looked up for `retry`:
/// the newest release of the image, if the tag still has its digest. `None` if that is stored already, or if there is
/// nothing to store. If the tag has another `digest` now, the new release stores it.
pub fn confirmed(written: &str, digest: &str, retry: &str, records: &[Record]) -> Option<i64> {
    let by_tag = written
        .parse::<ImageRef>()
        .is_ok_and(|image| image.digest.is_none());
    if !by_tag || !asks_again(written, retry, records) {
        return None;
    }
    newest(written, records)
        .filter(|r| r.spec.digest == digest)
        .map(Record::number)
}

/// True if the tag `written` must be looked up for this value of `rollout.retry`. A value that stands in any record of
/// the environment is not new: it usually stays in the spec, and a later return to an older image must bring back what
/// ran. But a value that the failed releases of an image did not have lifts their hold, so it looks their tag up too.
fn asks_again(written: &str, retry: &str, records: &[Record]) -> bool {
    let used = |r: &Record| {
        let status = r.status.as_ref();
        r.spec.retry == retry || status.is_some_and(|s| s.looked_up_for_retry == retry)
    };
    let same_image = || records.iter().filter(|r| r.spec.image == written);
    let lifts = || same_image().any(Record::failed) && !same_image().any(used);
    !retry.is_empty() && (!records.iter().any(used) || lifts())
}

fn newest<'a>(written: &str, records: &'a [Record]) -> Option<&'a Record> {
    records
        .iter()
        .filter(|r| r.spec.image == written)
        .max_by_key(|r| r.number())
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

#[cfg(test)]
mod tests {
    use crokodial_crds::{ReleasePhase, ReleaseSpec, ReleaseStatus};

    use super::*;

    fn digest(number: i64) -> String {
        format!("sha256:{number:064}")
    }

    /// Returns a record of `app:<version>`. Its digest is made of its number.
    fn record(number: i64, version: &str, retry: &str, phase: ReleasePhase) -> Record {
        Record {
            created: None,
            spec: ReleaseSpec {
                environment: "shop".to_owned(),
                number,
                image: format!("app:{version}"),
                digest: digest(number),
                retry: retry.to_owned(),
                ..ReleaseSpec::default()
            },
            status: Some(ReleaseStatus {
                phase,
                ..ReleaseStatus::default()
            }),
        }
    }

    fn good(number: i64, version: &str, retry: &str) -> Record {
        record(number, version, retry, ReleasePhase::Good)
    }

    fn looked_up(mut record: Record, retry: &str) -> Record {
        record.status.as_mut().unwrap().looked_up_for_retry = retry.to_owned();
        record
    }

    #[test]
    fn a_tag_means_what_its_newest_record_says_unless_a_new_retry_asks_again() {
        let failed = |retry: &str| record(1, "1", retry, ReleasePhase::Rejected);
        let rows: [(&[Record], &str, Option<i64>); 14] = [
            (&[], "", None),
            (&[], "a", None),
            (&[good(2, "2", "")], "", None),
            (&[good(1, "1", ""), good(3, "1", "")], "", Some(3)),
            (&[good(1, "1", "")], "a", None),
            (&[good(1, "1", "a")], "a", Some(1)),
            (&[good(1, "1", "a")], "b", None),
            (&[good(1, "1", "a")], "", Some(1)),
            (&[looked_up(good(1, "1", ""), "a")], "a", Some(1)),
            (&[looked_up(good(1, "1", ""), "a")], "b", None),
            // The value was used for another image and stayed in the spec.
            (&[good(1, "1", ""), good(2, "2", "a")], "a", Some(1)),
            // It lifts the hold of an image that failed.
            (&[failed(""), good(2, "2", "a")], "a", None),
            (&[failed("a"), good(2, "2", "")], "a", Some(1)),
            (
                &[failed(""), looked_up(good(2, "1", ""), "a")],
                "a",
                Some(2),
            ),
        ];
        let image: ImageRef = "app:1".parse().unwrap();
        for (records, retry, wanted) in rows {
            let found = known("app:1", &image, retry, records).map(|d| d.to_string());
            assert_eq!(found, wanted.map(digest), "{retry} of {records:?}");
        }
        let written = format!("app@{}", digest(7));
        let image: ImageRef = written.parse().unwrap();
        let found = known(&written, &image, "a", &[]).map(|d| d.to_string());
        assert_eq!(found, Some(digest(7)), "a digest asks no registry");
    }

    #[test]
    fn a_lookup_that_finds_the_same_digest_is_stored_in_the_newest_record_of_the_image() {
        let records = [good(1, "1", ""), good(2, "1", ""), good(3, "2", "")];
        let of = |number: i64, retry: &str| confirmed("app:1", &digest(number), retry, &records);
        assert_eq!(of(2, "a"), Some(2));
        assert_eq!(of(1, "a"), None, "another digest is a release of its own");
        assert_eq!(of(2, ""), None);
        let stored = [looked_up(good(1, "1", ""), "a")];
        assert_eq!(confirmed("app:1", &digest(1), "a", &stored), None);
        let written = format!("app@{}", digest(1));
        let mut by_digest = good(1, "1", "");
        by_digest.spec.image.clone_from(&written);
        assert_eq!(confirmed(&written, &digest(1), "a", &[by_digest]), None);
    }
}
