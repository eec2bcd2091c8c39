//! Pins: a user keeps one release running until the pin is removed. Pure functions without I/O.

use crokodial_crds::condition::{self, ConditionStatus, ConditionType, whole_seconds};
use crokodial_crds::{Reason, ReleaseStatus};
use jiff::Timestamp;

use super::decision::Pin;
use super::record::Record;
use super::status_updates::StatusUpdates;
use super::view::View;

/// Returns the release whose pin is in effect, if any. Among valid pins, the one that was observed last is in effect;
/// on a tie, the one of the newest release.
fn active<'a>(view: &View<'a>) -> Option<&'a Record> {
    view.records
        .iter()
        .filter(|r| r.spec.pin && refusal(view, r).is_none())
        .max_by_key(|r| (since(view, r), r.number()))
}

/// Returns the pin in effect, if any.
pub fn pin(view: &View<'_>) -> Option<Pin> {
    active(view).map(|record| Pin {
        release: record.number(),
        inputs: record.spec.inputs.clone(),
        since: since(view, record),
        why: record.spec.pin_reason.clone(),
    })
}

/// Returns the reason why a pinned release cannot run; `None` if it can. A release that is already in the Deployment
/// needs neither its snapshot nor the registry, so an incident there does not end its pin.
fn refusal(view: &View<'_>, record: &Record) -> Option<&'static str> {
    if !record.good() {
        return Some("it was never good");
    }
    if view.workload.release == Some(record.number()) {
        return None;
    }
    if !view.snapshots.contains(&record.number()) {
        return Some("what it froze is gone");
    }
    let gone = record
        .status
        .as_ref()
        .is_some_and(|s| s.rollbackable == Some(false));
    gone.then_some("its image is gone from the registry")
}

/// Adds the time at which the pin was observed and the condition Pinned to the status of each pinned release. Removes
/// both from other releases. Releases without a status are left out. `active` is the pin in effect.
pub(super) fn note(view: &View<'_>, active: Option<&Pin>, updates: &mut StatusUpdates<'_>) {
    let active = active.map(|pin| pin.release);
    for record in view.records.iter().filter(|r| r.status.is_some()) {
        let number = record.number();
        if !record.spec.pin {
            updates.edit(number, forget);
            continue;
        }
        let (status, reason, message) = match (refusal(view, record), active) {
            (Some(why), _) => (
                ConditionStatus::False,
                Reason::PinRefused,
                format!("release {number} cannot be pinned: {why}"),
            ),
            (None, Some(other)) if other != number => (
                ConditionStatus::False,
                Reason::PinShadowed,
                format!("release {other} was pinned later"),
            ),
            _ => {
                let lost = if view.snapshots.contains(&number) {
                    ""
                } else {
                    "; its snapshot is lost, so replicas and credentials stay as they are"
                };
                (
                    ConditionStatus::True,
                    Reason::Pinned,
                    format!("release {number} runs until its pin is taken away{lost}"),
                )
            }
        };
        let now = view.now;
        updates.edit(number, |s| {
            s.pinned_at.get_or_insert_with(|| whole_seconds(now));
            let set = condition::set(
                &s.conditions,
                ConditionType::Pinned,
                status,
                reason,
                &reason.sentence(&message),
                None,
                now,
            );
            forget_condition(s);
            s.conditions.push(set);
        });
    }
}

fn forget(status: &mut ReleaseStatus) {
    status.pinned_at = None;
    forget_condition(status);
}

fn forget_condition(status: &mut ReleaseStatus) {
    status
        .conditions
        .retain(|c| c.type_ != ConditionType::Pinned.as_str());
}

fn since(view: &View<'_>, record: &Record) -> Timestamp {
    let noticed = record.status.as_ref().and_then(|s| s.pinned_at.as_ref());
    noticed.map_or(view.now, |t| t.0)
}
