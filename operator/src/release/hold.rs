//! Holds: inputs that failed are not released again unless `rollout.retry` gets a new value. Pure functions without
//! I/O.

use crokodial_crds::{HoldKind, Reason, ReleasePhase};

use super::decision::Hold;
use super::record::Record;
use super::view::View;

/// Returns the hold on the inputs in the spec, if any. Of the releases with these inputs that became Good or failed,
/// the newest counts: the inputs are on hold if it failed, and `rollout.retry` is empty or was already used for them.
/// The inputs of the last good release are never on hold.
pub(super) fn on_wanted(view: &View<'_>, last_good: Option<&Record>) -> Option<Hold> {
    let wanted = view.wanted?;
    if last_good.is_some_and(|r| r.spec.inputs == wanted.inputs) {
        return None;
    }
    let same_inputs = || {
        view.records
            .iter()
            .filter(|r| r.spec.inputs == wanted.inputs)
    };
    let judged = same_inputs()
        .filter(|r| r.good() || r.failed())
        .max_by_key(|r| r.number())?;
    let retry = !wanted.retry.is_empty() && same_inputs().all(|r| r.spec.retry != wanted.retry);
    if judged.good() || retry {
        return None;
    }
    Some(of(judged))
}

/// Returns true if the newest release failed, was left running and has a snapshot, and no user has decided otherwise:
/// its inputs are still on hold, or the spec cannot be resolved.
pub(super) fn is_paused(view: &View<'_>, newest: &Record, hold: Option<&Hold>) -> bool {
    let left_in_place = newest.failed() && newest.status.as_ref().is_some_and(|s| s.paused);
    let undecided = view
        .wanted
        .is_none_or(|_| hold.is_some_and(|h| h.release == newest.number()));
    left_in_place && undecided && view.snapshots.contains(&newest.number())
}

/// Returns the hold that results from a failed release.
pub(super) fn of(failed: &Record) -> Hold {
    let status = failed.status.clone().unwrap_or_default();
    let rolled_back = failed.phase() == Some(ReleasePhase::RolledBack);
    Hold {
        kind: if rolled_back {
            HoldKind::RolledBack
        } else {
            HoldKind::Rejected
        },
        release: failed.number(),
        inputs: failed.spec.inputs.clone(),
        since: status.finished_at.map(|t| t.0),
        reason: status
            .reason
            .unwrap_or_else(|| Reason::Held.as_str().to_owned()),
        message: status.message.unwrap_or_default(),
        paused: status.paused,
    }
}
