//! What is computed from all records at the start of a decision: the newest, the last good and the wanted release in
//! flight, and the hold, pause or pin in effect. Pure.

use crokodial_crds::ReleasePhase;

use super::decision::{Hold, Pin};
use super::record::{Record, last_good};
use super::view::View;
use super::{hold, pin};

/// Facts about all records of an environment, shared by all parts of a decision.
#[derive(Clone, Debug)]
pub(super) struct Situation<'a> {
    /// The release with the largest number.
    pub(super) newest: Option<&'a Record>,
    /// The newest Good release.
    pub(super) last_good: Option<&'a Record>,
    /// The release in flight that is still wanted.
    pub(super) in_flight: Option<&'a Record>,
    /// The hold on the wanted inputs, if any.
    pub(super) hold: Option<Hold>,
    /// The newest release, if it failed and was left in place (`onFailure: Pause`).
    pub(super) paused: Option<&'a Record>,
    /// The pin in effect, if any.
    pub(super) pin: Option<Pin>,
}

impl<'a> Situation<'a> {
    /// Computes the situation from a view.
    pub(super) fn of(view: &View<'a>) -> Self {
        let newest = view.records.iter().max_by_key(|r| r.number());
        let last_good = last_good(view.records);
        let pin = pin::pin(view);
        let hold = hold::on_wanted(view, last_good);
        Self {
            in_flight: newest.filter(|r| goes_on(view, r, pin.as_ref())),
            paused: newest.filter(|r| hold::is_paused(view, r, hold.as_ref())),
            newest,
            last_good,
            hold,
            pin,
        }
    }

    /// Whether these inputs are those of the last good release.
    pub(super) fn serves(&self, inputs: &str) -> bool {
        self.last_good.is_some_and(|r| r.spec.inputs == inputs)
    }
}

/// Whether the newest release is continued: it is in flight, and the newest spec still asks for its inputs.
///
/// A record without a status was left by an operator that was interrupted before it wrote one; it is continued only if
/// its inputs are wanted. A pin ends a release that already has pods behind the Service.
fn goes_on(view: &View<'_>, newest: &Record, pin: Option<&Pin>) -> bool {
    let open = newest.in_flight() || (newest.status.is_none() && view.wanted.is_some());
    let wanted = view
        .wanted
        .is_none_or(|w| w.inputs == newest.spec.inputs || (w.automatic && newest.in_flight()));
    let rolling = matches!(
        newest.phase(),
        Some(ReleasePhase::Rolling | ReleasePhase::Baking)
    );
    let ended = pin.is_some() && rolling;
    open && wanted && !ended && view.snapshots.contains(&newest.number())
}
