//! Situation of a decision, computed once at its start: the newest release, the one in flight, the last good one, and
//! the hold, pause or pin in effect. Pure.

use crokodial_crds::ReleasePhase;

use super::decision::{Hold, Pin};
use super::record::{Record, last_good};
use super::view::View;
use super::{hold, pin};

/// Facts about all records of an environment that every part of a decision shares.
#[derive(Clone, Debug)]
pub(super) struct Situation<'a> {
    /// The release with the largest number.
    pub(super) newest: Option<&'a Record>,
    /// The newest Good release.
    pub(super) last_good: Option<&'a Record>,
    /// The release in flight that is still wanted.
    pub(super) in_flight: Option<&'a Record>,
    /// The hold on the wanted inputs.
    pub(super) hold: Option<Hold>,
    /// The failed release that was left in place.
    pub(super) paused: Option<&'a Record>,
    /// The pin in effect.
    pub(super) pin: Option<Pin>,
}

impl<'a> Situation<'a> {
    /// The situation of a view.
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

    /// Whether the release with these inputs is the last good one.
    pub(super) fn serves(&self, inputs: &str) -> bool {
        self.last_good.is_some_and(|r| r.spec.inputs == inputs)
    }
}

/// Whether the steps of the newest release go on: it is in flight and still asked for by the newest spec.
///
/// A record without a status is adopted only if its inputs are those wanted: the operator was interrupted before it
/// wrote the status. A pin ends a release that already has pods behind the Service.
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
