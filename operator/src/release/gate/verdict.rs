//! The verdict of the gate. Plain data.

use std::time::Duration;

use crokodial_crds::{Percent, PromotedFrom, PromotionVerdict, Reason};
use jiff::Timestamp;

use crate::release::view::Gate;

/// Whether an image may be released here.
#[derive(Clone, Debug, PartialEq)]
pub struct GateVerdict {
    /// Allowed, waiting or refused.
    pub verdict: PromotionVerdict,
    /// Why.
    pub reason: Reason,
    /// The reason in a sentence, without its full stop.
    pub message: String,
    /// Digest of the image in question.
    pub digest: Option<String>,
    /// How long it served well in the source, up to `required`.
    pub soaked: Option<Duration>,
    /// How long it must serve well there.
    pub required: Option<Duration>,
    /// Share of good checks in the source.
    pub availability: Option<Percent>,
    /// When time alone opens the gate, provided that the source goes on serving the image well.
    pub earliest: Option<Timestamp>,
    /// The release of the source that decided.
    pub promoted_from: Option<PromotedFrom>,
    /// The reason given in `promotion.allow`, where that overrode a rule.
    pub allowed: Option<String>,
}

impl GateVerdict {
    /// The verdict without a promotion: anything may be released.
    pub fn open() -> Self {
        Self::new(PromotionVerdict::Allowed, Reason::Succeeded, "")
    }

    /// Refused: somebody must do something first.
    pub fn refused(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(PromotionVerdict::Refused, reason, message)
    }

    /// Waiting: the obstacle ends by itself.
    pub fn waiting(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(PromotionVerdict::Waiting, reason, message)
    }

    pub(super) fn allowed(message: impl Into<String>) -> Self {
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

    /// The verdict in the form that the release machine takes as input.
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

    /// True for a verdict that becomes Allowed without anybody doing anything.
    pub fn ends_by_itself(&self) -> bool {
        let lasts = matches!(self.reason, Reason::AvailabilityTooLow | Reason::Pinned);
        self.verdict == PromotionVerdict::Waiting && !lasts
    }

    /// True for Allowed.
    pub fn passes(&self) -> bool {
        self.verdict == PromotionVerdict::Allowed
    }

    /// The verdict after a person allowed the image in `promotion.allow`.
    pub(super) fn overridden(self, why: &str) -> Self {
        Self {
            verdict: PromotionVerdict::Allowed,
            reason: Reason::Allowed,
            message: format!(
                "promotion.allow lets it through ({why}); else: {}",
                self.message
            ),
            earliest: None,
            allowed: Some(why.to_owned()),
            ..self
        }
    }
}
