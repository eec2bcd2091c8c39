//! Verdict of the promotion gate. Plain data.

use std::time::Duration;

use crokodial_crds::{Percent, PromotedFrom, PromotionVerdict, Reason};
use jiff::Timestamp;

use crate::release::view::Gate;

/// The gate's verdict: whether an image may be released here, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct GateVerdict {
    /// Whether the image is allowed, must wait, or is refused.
    pub verdict: PromotionVerdict,
    /// Why the image is allowed, must wait, or is refused.
    pub reason: Reason,
    /// The reason as a sentence, without its full stop.
    pub message: String,
    /// Digest of the requested image.
    pub digest: Option<String>,
    /// How long the image served well in the source; at most `required`.
    pub soaked: Option<Duration>,
    /// How long the image must serve well in the source.
    pub required: Option<Duration>,
    /// Share of good checks of the image in the source; `None` if nothing was measured.
    pub availability: Option<Percent>,
    /// When the gate opens, provided that the source continues to serve the image well; `None` if time alone does not
    /// open it.
    pub earliest: Option<Timestamp>,
    /// The release of the source that decided, if any.
    pub promoted_from: Option<PromotedFrom>,
    /// The reason given in `promotion.allow`, if it overrode a rule.
    pub allowed: Option<String>,
}

impl GateVerdict {
    /// The verdict for an environment without `promotion`: everything may be released.
    pub fn open() -> Self {
        Self::new(PromotionVerdict::Allowed, Reason::Succeeded, "")
    }

    /// Refuses the image until a user changes something.
    pub fn refused(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(PromotionVerdict::Refused, reason, message)
    }

    /// Lets the image wait until an obstacle is gone.
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

    /// True if the verdict will become Allowed as time passes, without any change by a user.
    pub fn ends_by_itself(&self) -> bool {
        let lasts = matches!(self.reason, Reason::AvailabilityTooLow | Reason::Pinned);
        self.verdict == PromotionVerdict::Waiting && !lasts
    }

    /// True if the image is allowed.
    pub fn passes(&self) -> bool {
        self.verdict == PromotionVerdict::Allowed
    }

    /// The verdict after `promotion.allow` overrode it; `why` is the reason given there.
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
