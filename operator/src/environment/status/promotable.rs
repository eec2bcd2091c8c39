//! Verdict of the promotion gate as shown to users: condition `Promotable` and `status.promotion`. All functions are
//! pure.

use std::time::Duration;

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{PromotionStatus, duration};

use crate::environment::decide::Step;
use crate::environment::finding::Finding;
use crate::release::gate::GateVerdict;

/// Returns the verdict to report. It is the one on the wanted image. If that image passes and `promotion.auto` waits
/// for a newer one, it is the verdict on the newer image.
fn reported(step: &Step) -> &GateVerdict {
    match &step.waits {
        Some(waits) if step.gate.passes() => waits,
        _ => &step.gate,
    }
}

/// Returns the finding for condition `Promotable`.
pub fn finding(step: &Step) -> Finding {
    let verdict = reported(step);
    if verdict.passes() {
        Finding::yes(verdict.reason, verdict.message.clone())
    } else {
        Finding::no(verdict.reason, verdict.message.clone())
    }
}

/// Returns the value of `status.promotion`.
pub fn status(step: &Step) -> PromotionStatus {
    let verdict = reported(step);
    PromotionStatus {
        verdict: verdict.verdict,
        reason: verdict.reason.as_str().to_owned(),
        digest: verdict.digest.clone(),
        soaked: verdict
            .soaked
            .map(|done| duration::format(coarse(done, verdict.required.unwrap_or_default()))),
        required: verdict.required.map(duration::format),
        availability: verdict.availability.map(|a| a.to_string()),
        earliest: verdict.earliest.map(whole_seconds),
    }
}

/// Rounds the soaked time down to a multiple of a thirtieth of the required time, so that the status is not written
/// every second.
fn coarse(done: Duration, required: Duration) -> Duration {
    let step = (required.as_secs() / 30).max(1);
    Duration::from_secs(done.as_secs() / step * step)
}
