//! What was found about one concern, and how it becomes a condition.

use crokodial_crds::Reason;
use crokodial_crds::condition::{self, ConditionStatus, ConditionType};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// A status with its reason and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// True, False or Unknown.
    pub status: ConditionStatus,
    /// Why.
    pub reason: Reason,
    /// What was seen, a sentence without its full stop.
    pub seen: String,
}

impl Finding {
    /// It holds.
    pub fn yes(reason: Reason, seen: impl Into<String>) -> Self {
        Self {
            status: ConditionStatus::True,
            reason,
            seen: seen.into(),
        }
    }

    /// It does not hold.
    pub fn no(reason: Reason, seen: impl Into<String>) -> Self {
        Self {
            status: ConditionStatus::False,
            reason,
            seen: seen.into(),
        }
    }

    /// It cannot be said.
    pub fn unknown(reason: Reason, seen: impl Into<String>) -> Self {
        Self {
            status: ConditionStatus::Unknown,
            reason,
            seen: seen.into(),
        }
    }

    /// True for a finding that does not hold.
    pub fn is_false(&self) -> bool {
        self.status == ConditionStatus::False
    }

    /// True for a finding that holds.
    pub fn is_true(&self) -> bool {
        self.status == ConditionStatus::True
    }

    /// What was seen, then the one next step and who takes it.
    pub fn message(&self) -> String {
        self.reason.sentence(&self.seen)
    }

    /// The condition to write; `old` keeps its transition time where the status is the same.
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
