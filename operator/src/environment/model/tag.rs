//! Digest of the tag in the spec's image.
//!
//! What a tag was resolved to is in the status of the environment, so a moved tag does not change what runs, unless the tag
//! is followed or `rollout.retry` has a new value, which looks it up once more. If the spec names another image than that
//! status, the digest is that of the newest release record with the image, so a return to an image brings back what ran. If
//! there is no such record, it comes from the releases of the promotion's source or, if they do not have the image, from
//! the registry.

use crokodial_crds::ImageStatus;
use crokodial_crds::names::{Digest, ImageRef};

use crate::release::record::Record;

/// What is known about the digest of the image in the spec.
#[derive(Clone, Debug, PartialEq)]
pub enum TagDigest {
    /// The digest is known.
    Known(Digest),
    /// A new value of `rollout.retry` asks for another lookup. Until it succeeds, the digest applies; `None` if a release of
    /// the image failed, because the value also lifts its hold and nothing may be released before the answer.
    AskAgain(Option<Digest>),
    /// There is no digest yet.
    Nothing,
}

/// Image of the spec, and what stands about it in the spec and the status of the environment.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// Image as written in the spec.
    pub reference: &'a str,
    /// The same, parsed.
    pub image: &'a ImageRef,
    /// Value of `rollout.retry`; empty if it has none.
    pub retry: &'a str,
    /// Result of the last lookup, from the status; `None` if there is none.
    pub last: Option<&'a ImageStatus>,
}

impl Written<'_> {
    /// Returns what the spec, the status and the release records say about the digest.
    pub fn known(&self, records: &[Record]) -> TagDigest {
        if let Some(digest) = &self.image.digest {
            return TagDigest::Known(digest.clone());
        }
        let lifts = self.lifts(records);
        let Some((last, digest)) = self.last() else {
            let newest = newest(self.reference, records);
            let of_record = newest.and_then(|r| r.spec.digest.parse().ok());
            // What an earlier operator version left has no status, and its value of `retry` is not new.
            return match of_record {
                Some(_) if lifts => TagDigest::AskAgain(None),
                Some(digest) => TagDigest::Known(digest),
                None => TagDigest::Nothing,
            };
        };
        if self.retry.is_empty() || self.retry == last.retry {
            return TagDigest::Known(digest);
        }
        // The release was made, and the operator was interrupted before it wrote the status.
        let mut same_image = records.iter().filter(|r| r.spec.image == self.reference);
        if let Some(made) = same_image.find(|r| r.spec.retry == self.retry)
            && let Ok(digest) = made.spec.digest.parse()
        {
            return TagDigest::Known(digest);
        }
        TagDigest::AskAgain(Some(digest).filter(|_| !lifts))
    }

    /// Returns the result of the last lookup of this image, with its digest; `None` if there is none.
    fn last(&self) -> Option<(&ImageStatus, Digest)> {
        let last = self.last.filter(|l| l.reference == self.reference)?;
        Some((last, last.digest.parse().ok()?))
    }

    /// Returns what the status must say once the tag has this digest. A value of `rollout.retry` that was removed from the
    /// spec is kept, so that it is not new if it comes back.
    pub fn resolved(&self, digest: &Digest) -> Option<ImageStatus> {
        let retry = match self.last() {
            Some((last, _)) if self.retry.is_empty() => last.retry.clone(),
            _ => self.retry.to_owned(),
        };
        self.image.digest.is_none().then(|| ImageStatus {
            reference: self.reference.to_owned(),
            digest: digest.to_string(),
            retry,
        })
    }

    /// Returns what the status must say while a lookup has not succeeded.
    pub fn unresolved(&self) -> Option<ImageStatus> {
        self.last().map(|(last, _)| last.clone())
    }

    /// True if the value of `rollout.retry` lifts the hold on a release of this image that failed.
    fn lifts(&self, records: &[Record]) -> bool {
        let same_image = || records.iter().filter(|r| r.spec.image == self.reference);
        !self.retry.is_empty()
            && same_image().any(Record::failed)
            && same_image().all(|r| r.spec.retry != self.retry)
    }
}

fn newest<'a>(written: &str, records: &'a [Record]) -> Option<&'a Record> {
    records
        .iter()
        .filter(|r| r.spec.image == written)
        .max_by_key(|r| r.number())
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

    /// Returns the status in which `app:1` has the digest of this number.
    fn last(number: i64, retry: &str) -> ImageStatus {
        ImageStatus {
            reference: "app:1".to_owned(),
            digest: digest(number),
            retry: retry.to_owned(),
        }
    }

    /// Row of a table: the last lookup, the records, the value of `rollout.retry`, and what is known.
    type Row<'a> = (Option<ImageStatus>, &'a [Record], &'a str, TagDigest);

    fn check(rows: &[Row<'_>]) {
        let image: ImageRef = "app:1".parse().unwrap();
        for (n, (last, records, retry, wanted)) in rows.iter().enumerate() {
            let written = Written {
                reference: "app:1",
                image: &image,
                retry,
                last: last.as_ref(),
            };
            assert_eq!(written.known(records), *wanted, "row {n}");
        }
    }

    fn is(number: i64) -> TagDigest {
        TagDigest::Known(digest(number).parse().unwrap())
    }

    fn asks(number: i64) -> TagDigest {
        TagDigest::AskAgain(Some(digest(number).parse().unwrap()))
    }

    #[test]
    fn a_tag_means_what_it_was_resolved_to_until_a_new_retry_asks_again() {
        let one = &[good(1, "1", "")][..];
        let other = ImageStatus {
            reference: "app:2".to_owned(),
            ..last(2, "a")
        };
        let garbled = ImageStatus {
            digest: "garbled".to_owned(),
            ..last(1, "a")
        };
        check(&[
            (Some(last(1, "")), one, "", is(1)),
            (Some(last(1, "")), one, "a", asks(1)),
            (Some(last(1, "a")), one, "a", is(1)),
            (Some(last(1, "a")), one, "", is(1)),
            (Some(last(1, "a")), one, "b", asks(1)),
            // The tag moved, and its release does not exist yet.
            (Some(last(7, "a")), one, "a", is(7)),
            // The tag moved back to what an older release has.
            (
                Some(last(1, "b")),
                &[good(1, "1", ""), good(2, "1", "a")],
                "b",
                is(1),
            ),
            // The release was made, and the operator was interrupted before it wrote the status.
            (
                Some(last(1, "")),
                &[good(1, "1", ""), good(2, "1", "a")],
                "a",
                is(2),
            ),
            // The spec names another image again: what ran comes back, whatever the value.
            (
                Some(other),
                &[good(1, "1", ""), good(2, "2", "")],
                "b",
                is(1),
            ),
            (Some(garbled), one, "b", is(1)),
        ]);
    }

    #[test]
    fn without_a_status_a_tag_means_what_its_newest_record_says() {
        check(&[
            (None, &[], "", TagDigest::Nothing),
            (None, &[], "a", TagDigest::Nothing),
            (None, &[good(2, "2", "")], "", TagDigest::Nothing),
            (None, &[good(1, "1", ""), good(3, "1", "")], "", is(3)),
            (None, &[good(1, "1", "")], "a", is(1)),
        ]);
    }

    #[test]
    fn a_retry_that_lifts_a_hold_asks_and_releases_nothing_before_the_answer() {
        let failed = |retry: &str| record(1, "1", retry, ReleasePhase::Rejected);
        let nothing = TagDigest::AskAgain(None);
        check(&[
            (None, &[failed("")], "a", nothing.clone()),
            (Some(last(1, "")), &[failed("")], "a", nothing.clone()),
            (Some(last(1, "")), &[failed("")], "", is(1)),
            (None, &[failed("a")], "a", is(1)),
            (Some(last(1, "a")), &[failed("")], "a", is(1)),
            (None, &[failed(""), good(2, "2", "a")], "a", nothing),
        ]);
    }

    #[test]
    fn a_digest_in_the_spec_asks_no_registry_and_stands_in_no_status() {
        let reference = format!("app@{}", digest(7));
        let image: ImageRef = reference.parse().unwrap();
        let written = Written {
            reference: &reference,
            image: &image,
            retry: "a",
            last: None,
        };
        let seven = digest(7).parse().unwrap();
        assert_eq!(written.resolved(&seven), None);
        assert_eq!(written.known(&[]), TagDigest::Known(seven));
    }

    #[test]
    fn the_status_keeps_a_retry_that_was_removed_from_the_spec() {
        let image: ImageRef = "app:1".parse().unwrap();
        let old = last(1, "a");
        let of = |retry| Written {
            reference: "app:1",
            image: &image,
            retry,
            last: Some(&old),
        };
        let two = digest(2).parse().unwrap();
        assert_eq!(of("").resolved(&two), Some(last(2, "a")));
        assert_eq!(of("b").resolved(&two), Some(last(2, "b")));
        assert_eq!(of("b").unresolved(), Some(last(1, "a")));
    }
}
