//! Steps of the release in flight: gate → preflight → release phase → candidate → roll → bake → Good. Each step may end
//! the release with a failure. Pure.
//!
//! One call runs all steps up to the first one that must wait, so only phases in which a release waits are stored.

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

/// Takes the next step of the release in flight; `status` is its current status.
pub(super) fn step(release: InFlight<'_>, status: ReleaseStatus) -> StepOutcome {
    match status.phase {
        ReleasePhase::Rolling => roll::step(release, status),
        ReleasePhase::Baking => bake::step(release, status),
        _ => before_traffic::step(release, status),
    }
}
