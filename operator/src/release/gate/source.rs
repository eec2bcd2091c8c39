//! State of the source: the environment that images are promoted from. Plain data.

use std::collections::BTreeMap;

use crokodial_crds::{Reason, ReleasePhase};
use jiff::Timestamp;

use super::rules::Rules;
use super::verdict::GateVerdict;

/// State of the environment that images are promoted from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The operator does not watch the namespace of the source.
    NotWatched,
    /// The source does not exist.
    NotFound,
    /// The source exists.
    Found {
        /// Releases of the source.
        releases: Vec<SourceRelease>,
        /// Availability of each digest over the last [`Rules::window`] of its measured serving time.
        availability: BTreeMap<String, AvailabilityCount>,
    },
}

/// How many checks or seconds of a digest were measured, and how many of them failed. Unmeasured time is not included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AvailabilityCount {
    /// Number of measured checks or seconds.
    pub total: u64,
    /// Number of failed checks or seconds.
    pub bad: u64,
}

/// One release of the source, as far as the gate needs it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceRelease {
    /// Number of the release.
    pub number: i64,
    /// The image as written in the source's spec.
    pub image: String,
    /// Digest of the image: `sha256:…`.
    pub digest: String,
    /// Phase of the release; `None` if it has no status.
    pub phase: Option<ReleasePhase>,
    /// Seconds for which the release was measured to serve well, including those not yet in its status.
    pub good_seconds: i64,
    /// Time up to which `good_seconds` are counted; `None` unless the release is being measured now.
    pub counted_until: Option<Timestamp>,
}

impl SourceRelease {
    /// True once the release has passed its bake in the source.
    pub fn good(&self) -> bool {
        self.phase == Some(ReleasePhase::Good)
    }
}

/// The image that is requested in this environment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestedImage<'a> {
    /// The image by name, such as `registry.example.com/shop:1.4`.
    pub image: &'a str,
    /// Digest of the image: `sha256:…`.
    pub digest: &'a str,
    /// Hash of the inputs of the requested release.
    pub inputs: &'a str,
}

impl Source {
    /// Releases of the source; empty if it is not found or not watched.
    pub fn releases(&self) -> &[SourceRelease] {
        match self {
            Self::NotWatched | Self::NotFound => &[],
            Self::Found { releases, .. } => releases,
        }
    }

    /// Digest of the newest release of this image in the source. That digest, which was tested there, is released here.
    pub fn digest_of(&self, image: &str) -> Option<&str> {
        let same = self.releases().iter().filter(|r| r.image == image);
        same.max_by_key(|r| r.number).map(|r| r.digest.as_str())
    }

    /// The release that decides about an image: the newest one with its digest and name, else the newest with its
    /// digest.
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

    /// The refusal if the source is not found or not watched; `None` if it exists.
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
            Self::Found { .. } => None,
        }
    }
}
