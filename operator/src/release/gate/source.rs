//! The environment that images come from, as far as it is known. Plain data.

use std::collections::BTreeMap;

use crokodial_crds::{Reason, ReleasePhase};
use jiff::Timestamp;

use super::rules::Rules;
use super::verdict::GateVerdict;

/// The environment that images come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Its namespace is not watched by this operator.
    NotWatched,
    /// It does not exist.
    NotFound,
    /// It exists.
    Found {
        /// Its releases.
        releases: Vec<SourceRelease>,
        /// Availability of each digest over the last [`Rules::window`] of its serving time.
        availability: BTreeMap<String, AvailabilityCount>,
    },
}

/// How often a digest answered, in seconds or checks. Unmeasured time is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AvailabilityCount {
    /// Everything measured.
    pub total: u64,
    /// The failed part of it.
    pub bad: u64,
}

/// One release of the source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceRelease {
    /// Its number.
    pub number: i64,
    /// The image as written in the source's spec.
    pub image: String,
    /// `sha256:…`
    pub digest: String,
    /// Its phase; `None` where its status is lost.
    pub phase: Option<ReleasePhase>,
    /// Seconds for which it was measured to serve well, including those not yet in its status.
    pub good_seconds: i64,
    /// Time up to which `good_seconds` are counted; `Some` only while counting goes on.
    pub counted_until: Option<Timestamp>,
}

impl SourceRelease {
    /// True once it has passed its bake in the source.
    pub fn good(&self) -> bool {
        self.phase == Some(ReleasePhase::Good)
    }
}

/// The image that is to be released here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestedImage<'a> {
    /// The image by its name.
    pub image: &'a str,
    /// `sha256:…`
    pub digest: &'a str,
    /// Hash of everything that makes a release.
    pub inputs: &'a str,
}

impl Source {
    /// Its releases, as far as they are known.
    pub fn releases(&self) -> &[SourceRelease] {
        match self {
            Self::NotWatched | Self::NotFound => &[],
            Self::Found { releases, .. } => releases,
        }
    }

    /// The digest of the newest release of this image in the source: what was tested there is what is released here.
    pub fn digest_of(&self, image: &str) -> Option<&str> {
        let same = self.releases().iter().filter(|r| r.image == image);
        same.max_by_key(|r| r.number).map(|r| r.digest.as_str())
    }

    /// The release that decides about an image: the newest with its digest and name, else the newest with its digest.
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

    /// The refusal where nothing is known of the source.
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
