//! Steps of the release in flight: gate → preflight → release phase → candidate → roll → bake → Good. From the release
//! phase on, each step may end the release with a failure. Pure functions without I/O.
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

pub use self::clock::later;
pub(super) use self::outcome::{InFlight, StepOutcome, finish};

/// Continues the release in flight from its current phase. `status` is the current status of the release.
pub(super) fn step(release: InFlight<'_>, status: ReleaseStatus) -> StepOutcome {
    match status.phase {
        ReleasePhase::Rolling => roll::step(release, status),
        ReleasePhase::Baking => bake::step(release, status),
        _ => before_traffic::step(release, status),
    }
}
