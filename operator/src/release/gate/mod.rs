//! The promotion gate: whether an image may come here, as a pure function of the records there and here, and time.
//!
//! What it looks at is kept in records, so the answer is the same after a restart.

pub mod auto;
mod proof;
mod rules;

use std::collections::BTreeMap;
use std::time::Duration;

use crokodial_crds::{Percent, PromotedFrom, PromotionVerdict, Reason, ReleasePhase};
use jiff::Timestamp;

pub use rules::{Place, Rules};

use super::record::{Record, last_good};
use super::view::Gate;

/// The environment that images come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Its namespace is not watched, so nothing is known of it.
    NotWatched,
    /// There is none.
    NotFound,
    /// What is known of it.
    Found {
        /// Its releases.
        releases: Vec<SourceRelease>,
        /// How each digest answered there, over the last [`Rules::window`] of its serving.
        measured: BTreeMap<String, Measured>,
    },
}

/// How often a digest answered, in seconds or checks; what is not known is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// All that was measured.
    pub all: u64,
    /// The bad part of it.
    pub bad: u64,
}

/// One release of the source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceRelease {
    /// Its number.
    pub number: i64,
    /// The image as its environment named it.
    pub image: String,
    /// `sha256:…`
    pub digest: String,
    /// How far it came; `None` where its status is lost.
    pub phase: Option<ReleasePhase>,
    /// Seconds it was measured to serve well, those not written into its status yet included.
    pub good_seconds: i64,
    /// Up to when they are counted; `Some` only while they go on being counted.
    pub counted_until: Option<Timestamp>,
}

impl SourceRelease {
    /// It passed its bake there.
    pub fn good(&self) -> bool {
        self.phase == Some(ReleasePhase::Good)
    }
}

impl Source {
    /// Its releases, as far as they are known.
    pub fn releases(&self) -> &[SourceRelease] {
        match self {
            Self::NotWatched | Self::NotFound => &[],
            Self::Found { releases, .. } => releases,
        }
    }

    /// The digest that its newest release of this image runs: what was tested there is what comes here.
    pub fn digest_of(&self, image: &str) -> Option<&str> {
        let same = self.releases().iter().filter(|r| r.image == image);
        same.max_by_key(|r| r.number).map(|r| r.digest.as_str())
    }

    /// The release that speaks for an image: the newest that named it the same, else the newest of its digest.
    fn record_of(&self, asked: Asked<'_>) -> Option<&SourceRelease> {
        let of_digest = || self.releases().iter().filter(|r| r.digest == asked.digest);
        of_digest()
            .filter(|r| r.image == asked.image)
            .max_by_key(|r| r.number)
            .or_else(|| of_digest().max_by_key(|r| r.number))
    }

    fn absence(&self, rules: &Rules) -> Option<Verdict> {
        let place = &rules.source;
        match self {
            Self::NotWatched => Some(Verdict::refused(
                Reason::SourceNotWatched,
                format!("the namespace of {place} is not watched by this operator"),
            )),
            Self::NotFound => Some(Verdict::refused(
                Reason::SourceNotFound,
                format!("there is no environment {place}"),
            )),
            Self::Found { .. } => None,
        }
    }
}

/// What wants to come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked<'a> {
    /// The image by its name.
    pub image: &'a str,
    /// `sha256:…`
    pub digest: &'a str,
    /// The hash of all that makes a release.
    pub inputs: &'a str,
}

/// All that a verdict looks at.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The promotion.
    pub rules: &'a Rules,
    /// What wants to come.
    pub asked: Asked<'a>,
    /// The records here.
    pub records: &'a [Record],
    /// The source.
    pub source: &'a Source,
    /// The release that a person keeps in place here.
    pub pinned: Option<i64>,
    /// Now.
    pub now: Timestamp,
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Whether it may come.
    pub verdict: PromotionVerdict,
    /// Why.
    pub reason: Reason,
    /// The same in a sentence, without its full stop.
    pub message: String,
    /// The image in question.
    pub digest: Option<String>,
    /// How long it served well in the source, as far as it is asked for.
    pub soaked: Option<Duration>,
    /// How long it must.
    pub required: Option<Duration>,
    /// What part of the checks was good there.
    pub availability: Option<Percent>,
    /// When time alone opens the gate, if the source goes on serving it well.
    pub earliest: Option<Timestamp>,
    /// The release of the source that speaks for it.
    pub promoted_from: Option<PromotedFrom>,
    /// Why a person let it through, where that was needed.
    pub allowed: Option<String>,
}

impl Verdict {
    /// The answer where nothing is asked of an image.
    pub fn open() -> Self {
        Self::new(PromotionVerdict::Allowed, Reason::Succeeded, "")
    }

    /// Somebody must do something first.
    pub fn refused(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(PromotionVerdict::Refused, reason, message)
    }

    /// It ends by itself.
    pub fn waiting(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(PromotionVerdict::Waiting, reason, message)
    }

    fn allowed(message: impl Into<String>) -> Self {
        Self::new(PromotionVerdict::Allowed, Reason::Succeeded, message)
    }

    fn new(verdict: PromotionVerdict, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            verdict,
            reason,
            message: message.into(),
            digest: None,
            soaked: None,
            required: None,
            availability: None,
            earliest: None,
            promoted_from: None,
            allowed: None,
        }
    }

    /// The same for the release machine.
    pub fn for_machine(&self) -> Gate {
        if self.passes() {
            return Gate::Open {
                allowed: self.allowed.clone(),
            };
        }
        Gate::Closed {
            reason: self.reason,
            message: self.message.clone(),
            until: self.earliest,
        }
    }

    /// It does not pass, but will without anybody doing anything.
    pub fn ends_by_itself(&self) -> bool {
        let lasts = matches!(self.reason, Reason::AvailabilityTooLow | Reason::Pinned);
        self.verdict == PromotionVerdict::Waiting && !lasts
    }

    /// It may come.
    pub fn passes(&self) -> bool {
        self.verdict == PromotionVerdict::Allowed
    }
}

/// Whether what is asked for may come here, now.
pub fn judge(question: &Question<'_>) -> Verdict {
    let Question {
        rules,
        asked,
        source,
        ..
    } = *question;
    let from = source.record_of(asked);
    let mut verdict = kept(question)
        .or_else(|| known_here(question))
        .unwrap_or_else(|| {
            let verdict = proof::proven(question, from);
            match rules.allows(asked.digest) {
                Some(why) if !verdict.passes() => let_through(verdict, why),
                _ => verdict,
            }
        });
    verdict.digest = Some(asked.digest.to_owned());
    verdict.promoted_from = from.map(|release| PromotedFrom {
        environment: rules.source.name.clone(),
        namespace: rules.source.namespace.clone(),
        release: release.number,
    });
    verdict
}

/// A pin keeps everything away but what it keeps.
fn kept(question: &Question<'_>) -> Option<Verdict> {
    let pinned = question.pinned?;
    let same = question
        .records
        .iter()
        .any(|r| r.number() == pinned && r.spec.inputs == question.asked.inputs);
    let what = format!("release {pinned} is pinned here");
    (!same).then(|| Verdict::waiting(Reason::Pinned, what))
}

/// What runs here, has passed already, or was good here before: the gate has nothing to say about it.
fn known_here(question: &Question<'_>) -> Option<Verdict> {
    let same = || {
        question
            .records
            .iter()
            .filter(|r| r.spec.inputs == question.asked.inputs)
    };
    if let Some(good) = same().filter(|r| r.good()).map(Record::number).max() {
        let serving = last_good(question.records).map(Record::number) == Some(good);
        let what = if serving {
            format!("release {good} is good here")
        } else {
            format!("it returns to release {good}, which was good here")
        };
        return Some(Verdict::allowed(what));
    }
    let passed = same().find(|r| r.phase().is_some_and(under_way))?;
    let what = format!("release {} has passed", passed.number());
    Some(Verdict::allowed(what))
}

/// Past the gate, and not at its end.
fn under_way(phase: ReleasePhase) -> bool {
    match phase {
        ReleasePhase::Preflight
        | ReleasePhase::ReleasePhase
        | ReleasePhase::Candidate
        | ReleasePhase::Rolling
        | ReleasePhase::Baking => true,
        ReleasePhase::Pending
        | ReleasePhase::Gated
        | ReleasePhase::Good
        | ReleasePhase::Rejected
        | ReleasePhase::RolledBack
        | ReleasePhase::Superseded => false,
    }
}

fn let_through(verdict: Verdict, why: &str) -> Verdict {
    Verdict {
        verdict: PromotionVerdict::Allowed,
        reason: Reason::Allowed,
        message: format!(
            "promotion.allow lets it through ({why}); else: {}",
            verdict.message
        ),
        earliest: None,
        allowed: Some(why.to_owned()),
        ..verdict
    }
}

#[cfg(test)]
mod tests;
