//! Finding about one concern, and the condition made of it.

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
    /// What was seen, a sentence without its full stop.
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

    /// Message of the condition: what was seen, then the next step and who takes it.
    pub fn message(&self) -> String {
        self.reason.sentence(&self.seen)
    }

    /// Condition to write; `old` keeps its transition time where the status is the same.
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
