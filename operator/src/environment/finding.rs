//! Findings and the status conditions made from them. Each finding is about one concern, such as the image or the
//! route.

use crokodial_crds::Reason;
use crokodial_crds::condition::{self, ConditionStatus, ConditionType};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// Finding about one concern: a status, its reason, and a description of what was observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Status of the concern: True, False or Unknown.
    pub status: ConditionStatus,
    /// Reason of the status.
    pub reason: Reason,
    /// Description of what was observed, as a sentence without its full stop.
    pub seen: String,
}

impl Finding {
    /// Creates a finding with status True.
    pub fn yes(reason: Reason, seen: impl Into<String>) -> Self {
        Self {
            status: ConditionStatus::True,
            reason,
            seen: seen.into(),
        }
    }

    /// Creates a finding with status False.
    pub fn no(reason: Reason, seen: impl Into<String>) -> Self {
        Self {
            status: ConditionStatus::False,
            reason,
            seen: seen.into(),
        }
    }

    /// Creates a finding with status Unknown.
    pub fn unknown(reason: Reason, seen: impl Into<String>) -> Self {
        Self {
            status: ConditionStatus::Unknown,
            reason,
            seen: seen.into(),
        }
    }

    /// Returns whether the status is False.
    pub fn is_false(&self) -> bool {
        self.status == ConditionStatus::False
    }

    /// Returns whether the status is True.
    pub fn is_true(&self) -> bool {
        self.status == ConditionStatus::True
    }

    /// Returns the message of the condition: what was observed and, if somebody must act, the next step and who must
    /// take it.
    pub fn message(&self) -> String {
        self.reason.sentence(&self.seen)
    }

    /// Creates the condition. If `old` contains this condition with the same status, its transition time is kept.
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
