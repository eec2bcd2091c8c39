//! State of the source environment, from which images are promoted.

use std::collections::BTreeMap;

use crokodial_crds::{Reason, ReleasePhase};
use jiff::Timestamp;

use super::rules::Rules;
use super::verdict::GateVerdict;

/// State of the environment from which images are promoted.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The operator does not watch the namespace of the source environment.
    NotWatched,
    /// The source environment does not exist.
    NotFound,
    /// The source environment, or one of its releases, cannot be read. Contains the cause.
    Unreadable(String),
    /// The source environment exists.
    Found {
        /// Releases of the source environment.
        releases: Vec<SourceRelease>,
        /// Creation time of the environment or, if that is older, of its oldest release: the numbers of its releases
        /// count since then. `None` if it is not known.
        began: Option<Timestamp>,
        /// Availability by image digest, over the most recent measured serving time of length [`Rules::window`].
        availability: BTreeMap<String, AvailabilityCount>,
    },
}

/// Measured serving time of an image digest, and the part of it that failed. Unmeasured time is not included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AvailabilityCount {
    /// Number of measured seconds.
    pub total: u64,
    /// Number of measured seconds that failed.
    pub bad: u64,
}

/// Facts that the gate needs about one release of the source environment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceRelease {
    /// Number of the release.
    pub number: i64,
    /// Image reference as written in the spec of the source environment.
    pub image: String,
    /// Digest of the image: `sha256:…`.
    pub digest: String,
    /// Phase of the release; `None` if it has no status.
    pub phase: Option<ReleasePhase>,
    /// Number of seconds for which the release was measured to serve well, including seconds that are not stored in its
    /// status yet.
    pub good_seconds: i64,
    /// Time up to which `good_seconds` is counted; `None` if the release is not measured to serve well at present.
    pub counted_until: Option<Timestamp>,
}

impl SourceRelease {
    /// Returns true if the release has passed its bake in the source environment.
    pub fn good(&self) -> bool {
        self.phase == Some(ReleasePhase::Good)
    }
}

/// Image that is to be released in this environment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestedImage<'a> {
    /// Image reference, such as `registry.example.com/shop:1.4`.
    pub image: &'a str,
    /// Digest of the image: `sha256:…`.
    pub digest: &'a str,
    /// Hash of the inputs of the requested release.
    pub inputs: &'a str,
}

impl Source {
    /// Returns the cause for which the source environment cannot be read; `None` if it can.
    pub fn unreadable(&self) -> Option<&str> {
        match self {
            Self::Unreadable(cause) => Some(cause),
            Self::NotWatched | Self::NotFound | Self::Found { .. } => None,
        }
    }

    /// Returns the releases of the source environment; empty if it does not exist, is not watched or cannot be read.
    pub fn releases(&self) -> &[SourceRelease] {
        match self {
            Self::NotWatched | Self::NotFound | Self::Unreadable(_) => &[],
            Self::Found { releases, .. } => releases,
        }
    }

    /// Returns the time since which the releases of the source environment are counted; `None` if it is not known.
    pub(super) fn began(&self) -> Option<Timestamp> {
        match self {
            Self::NotWatched | Self::NotFound | Self::Unreadable(_) => None,
            Self::Found { began, .. } => *began,
        }
    }

    /// Returns the number of the newest release; `None` if there is none.
    pub(super) fn newest(&self) -> Option<i64> {
        self.releases().iter().map(|r| r.number).max()
    }

    /// Returns the digest of the newest release of `image` in the source environment, in whatever phase that release
    /// is. `None` if there is no such release.
    pub fn digest_of(&self, image: &str) -> Option<&str> {
        let same = self.releases().iter().filter(|r| r.image == image);
        same.max_by_key(|r| r.number).map(|r| r.digest.as_str())
    }

    /// Returns the source release by which an image is judged: the newest one with the same digest and image reference
    /// or, if there is none, the newest one with the same digest.
    pub(super) fn release_of(&self, requested: RequestedImage<'_>) -> Option<&SourceRelease> {
        let of_digest = || {
            self.releases()
                .iter()
                .filter(|r| r.digest == requested.digest)
        };
        of_digest()
            .filter(|r| r.image == requested.image)
            .max_by_key(|r| r.number)
            .or_else(|| of_digest().max_by_key(|r| r.number))
    }

    /// Returns a Waiting verdict if the source environment cannot be read; `None` otherwise.
    pub fn unknown(&self, rules: &Rules) -> Option<GateVerdict> {
        self.unreadable().and_then(|_| self.absence(rules))
    }

    /// Returns a Refused verdict if the source environment does not exist or is not watched, and a Waiting verdict if it
    /// cannot be read; `None` if it exists.
    pub(super) fn absence(&self, rules: &Rules) -> Option<GateVerdict> {
        let source = &rules.source;
        match self {
            Self::NotWatched => Some(GateVerdict::refused(
                Reason::SourceNotWatched,
                format!("the namespace of {source} is not watched by this operator"),
            )),
            Self::NotFound => Some(GateVerdict::refused(
                Reason::SourceNotFound,
                format!("there is no environment {source}"),
            )),
            Self::Unreadable(cause) => Some(GateVerdict::waiting(
                Reason::Unreadable,
                format!("the state of {source} is not known: {cause}"),
            )),
            Self::Found { .. } => None,
        }
    }
}
