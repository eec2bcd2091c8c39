//! What keeps failed inputs from being tried again.

use crokodial_crds::{HoldKind, Reason, ReleasePhase};

use super::decision::Hold;
use super::record::{Record, last_good};
use super::view::View;

/// The hold on the wanted inputs: the newest verdict on them was against them, and `retry` asks for no attempt
/// that was not made already.
pub fn hold(view: &View<'_>) -> Option<Hold> {
    let wanted = view.wanted?;
    let serving = last_good(view.records);
    if serving.is_some_and(|r| r.spec.inputs == wanted.inputs) {
        return None;
    }
    let same = || {
        view.records
            .iter()
            .filter(|r| r.spec.inputs == wanted.inputs)
    };
    let judged = same()
        .filter(|r| r.good() || r.failed())
        .max_by_key(|r| r.number())?;
    let asked_again = !wanted.retry.is_empty() && same().all(|r| r.spec.retry != wanted.retry);
    if judged.good() || asked_again {
        return None;
    }
    Some(of(judged))
}

/// The release that failed and was left where it is, for as long as nothing else was decided: no newer release,
/// and no spec that asks for what was good before.
pub fn paused<'a>(view: &View<'a>) -> Option<&'a Record> {
    let newest = view.records.iter().max_by_key(|r| r.number())?;
    let left = newest.failed() && newest.status.as_ref().is_some_and(|s| s.paused);
    let undecided = view
        .wanted
        .is_none_or(|_| hold(view).is_some_and(|h| h.release == newest.number()));
    (left && undecided && view.snapshots.contains(&newest.number())).then_some(newest)
}

/// The hold that a failed record stands for.
pub(super) fn of(judged: &Record) -> Hold {
    let status = judged.status.clone().unwrap_or_default();
    let rolled_back = judged.phase() == Some(ReleasePhase::RolledBack);
    Hold {
        kind: if rolled_back {
            HoldKind::RolledBack
        } else {
            HoldKind::Rejected
        },
        release: judged.number(),
        inputs: judged.spec.inputs.clone(),
        since: status.finished_at.map(|t| t.0),
        reason: status
            .reason
            .unwrap_or_else(|| Reason::Held.as_str().to_owned()),
        message: status.message.unwrap_or_default(),
        paused: status.paused,
    }
}
