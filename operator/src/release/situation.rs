//! Facts that are computed from all release records at the start of a decision: the newest and the last good release,
//! the release in flight, and the hold, pause or pin in effect. Pure functions without I/O.

use crokodial_crds::ReleasePhase;

use super::decision::{Hold, Pin};
use super::record::{Record, last_good};
use super::view::View;
use super::{hold, pin};

/// Facts computed from all release records of an environment, shared by all parts of a decision.
#[derive(Clone, Debug)]
pub(super) struct Situation<'a> {
    /// Release with the largest number; `None` if there is no release.
    pub(super) newest: Option<&'a Record>,
    /// Newest Good release; `None` if no release is Good.
    pub(super) last_good: Option<&'a Record>,
    /// Release in flight that is to be continued; `None` if there is none.
    pub(super) in_flight: Option<&'a Record>,
    /// Hold on the inputs in the spec, if any.
    pub(super) hold: Option<Hold>,
    /// Newest release if it failed, was left running (`status.paused`) and has a snapshot, and no user has decided
    /// about it yet; `None` otherwise.
    pub(super) paused: Option<&'a Record>,
    /// Pin in effect, if any.
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

    /// Returns true if the last good release has these inputs.
    pub(super) fn serves(&self, inputs: &str) -> bool {
        self.last_good.is_some_and(|r| r.spec.inputs == inputs)
    }
}

/// Returns true if the newest release is to be continued: it is in flight, it has a snapshot, and the spec still asks
/// for its inputs or cannot be resolved. An image that the operator chose itself does not end a release in flight.
///
/// A record without a status was left by an operator that was interrupted before it wrote one. Its release is continued
/// only if the spec asks for its inputs. A pin ends a release that already has pods behind the Service.
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
