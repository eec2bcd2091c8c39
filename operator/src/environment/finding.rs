//! Findings, each about one concern such as the image or the route, and the conditions made from them.

use crokodial_crds::Reason;
use crokodial_crds::condition::{self, ConditionStatus, ConditionType};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// Finding about one concern: a status, its reason and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// True, False or Unknown.
    pub status: ConditionStatus,
    /// Reason of the status.
    pub reason: Reason,
    /// What was observed, as a sentence without its full stop.
    pub seen: String,
}

impl Finding {
    /// Finding of status True.
    pub fn yes(reason: Reason, seen: impl Into<String>) -> Self {
        Self {
            status: ConditionStatus::True,
            reason,
            seen: seen.into(),
        }
    }

    /// Finding of status False.
    pub fn no(reason: Reason, seen: impl Into<String>) -> Self {
        Self {
            status: ConditionStatus::False,
            reason,
            seen: seen.into(),
        }
    }

    /// Finding of status Unknown.
    pub fn unknown(reason: Reason, seen: impl Into<String>) -> Self {
        Self {
            status: ConditionStatus::Unknown,
            reason,
            seen: seen.into(),
        }
    }

    /// True for a finding of status False.
    pub fn is_false(&self) -> bool {
        self.status == ConditionStatus::False
    }

    /// True for a finding of status True.
    pub fn is_true(&self) -> bool {
        self.status == ConditionStatus::True
    }

    /// Message of the condition: what was observed, then the next step and who must take it.
    pub fn message(&self) -> String {
        self.reason.sentence(&self.seen)
    }

    /// Makes the condition. If its status is the same as in `old`, it keeps the transition time of the old condition.
    pub fn condition(
        &self,
        type_: ConditionType,
        old: &[Condition],
        generation: Option<i64>,
        now: Timestamp,
    ) -> Condition {
        condition::set(
            old,
            type_,
            self.status,
            self.reason,
            &self.message(),
            generation,
            now,
        )
    }
}
