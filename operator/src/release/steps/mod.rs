//! Steps of the release in flight: gate → preflight → release phase → candidate → roll → bake → Good, or a verdict
//! against it. Pure.
//!
//! A step that has nothing to wait for is passed in the same call, so a phase is recorded only where it lasts.

mod bake;
mod before_traffic;
mod blame;
mod clock;
mod outcome;
mod roll;
mod verdict;

use crokodial_crds::{ReleasePhase, ReleaseStatus};

pub(super) use self::clock::later;
pub(super) use self::outcome::{InFlight, StepOutcome, finish};

/// One step of the release in flight, whose status is `status`.
pub(super) fn step(release: InFlight<'_>, status: ReleaseStatus) -> StepOutcome {
    match status.phase {
        ReleasePhase::Rolling => roll::step(release, status),
        ReleasePhase::Baking => bake::step(release, status),
        _ => before_traffic::step(release, status),
    }
}
