//! Verdict of the promotion gate.

use std::time::Duration;

use crokodial_crds::{Percent, PromotedFrom, PromotionVerdict, Reason};
use jiff::Timestamp;

use crate::release::view::Gate;

/// Verdict of the gate on releasing an image, with the reason and the measurements on which it is based.
#[derive(Clone, Debug, PartialEq)]
pub struct GateVerdict {
    /// Decision: the image is allowed, must wait, or is refused.
    pub verdict: PromotionVerdict,
    /// Reason for the decision in `verdict`.
    pub reason: Reason,
    /// Explanation of the reason for users, as a sentence without a trailing period.
    pub message: String,
    /// Digest of the requested image; `None` if the environment has no `promotion` or the image is not known.
    pub digest: Option<String>,
    /// Time for which the image served well in the source environment, at most `required`; `None` if the soak was not
    /// evaluated.
    pub soaked: Option<Duration>,
    /// Time for which the image must serve well in the source environment; `None` if the soak was not evaluated.
    pub required: Option<Duration>,
    /// Availability of the image in the source environment, as a share of measured time; `None` if it was not evaluated
    /// or nothing was measured.
    pub availability: Option<Percent>,
    /// Expected time at which the gate opens, provided that the image continues to serve well in the source
    /// environment. `None` if the gate is open or the time is not known.
    pub earliest: Option<Timestamp>,
    /// Release of the source environment by which the image was judged, if any.
    pub promoted_from: Option<PromotedFrom>,
    /// Reason given in `promotion.allow`; `None` unless that field overrode a rule.
    pub allowed: Option<String>,
}

impl GateVerdict {
    /// Returns the verdict for an environment without `promotion`: every image may be released.
    pub fn open() -> Self {
        Self::new(PromotionVerdict::Allowed, Reason::Succeeded, "")
    }

    /// Returns a verdict that refuses the image until a user changes something.
    pub fn refused(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(PromotionVerdict::Refused, reason, message)
    }

    /// Returns a verdict by which the image must wait until an obstacle is gone.
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

    /// Converts the verdict to the input of the release state machine.
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

    /// Returns true if the image waits for something that ends as time passes, such as a soak or a freeze.
    pub fn ends_by_itself(&self) -> bool {
        let lasts = matches!(self.reason, Reason::AvailabilityTooLow | Reason::Pinned);
        self.verdict == PromotionVerdict::Waiting && !lasts
    }

    /// Returns true if the image is allowed.
    pub fn passes(&self) -> bool {
        self.verdict == PromotionVerdict::Allowed
    }

    /// Returns the verdict changed to Allowed by `promotion.allow`. `why` is the reason given in that field.
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
