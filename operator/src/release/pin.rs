//! Pins: a person keeps one release until a person says otherwise. Nothing else undoes it.

use crokodial_crds::condition::{self, ConditionStatus, ConditionType, whole_seconds};
use crokodial_crds::{Reason, ReleaseStatus};
use jiff::Timestamp;

use super::book::Book;
use super::decision::Pin;
use super::record::Record;
use super::view::View;

/// The pin in force: of those that can be followed the one that was seen last, and of several seen at once the
/// newest release.
pub fn active<'a>(view: &View<'a>) -> Option<&'a Record> {
    view.records
        .iter()
        .filter(|r| r.spec.pin && refusal(view, r).is_none())
        .max_by_key(|r| (since(view, r), r.number()))
}

/// The same as the decision tells it.
pub fn pin(view: &View<'_>) -> Option<Pin> {
    active(view).map(|record| Pin {
        release: record.number(),
        inputs: record.spec.inputs.clone(),
        since: since(view, record),
        why: record.spec.pin_reason.clone(),
    })
}

/// Why a pin is not followed; `None` where it can be.
pub fn refusal(view: &View<'_>, record: &Record) -> Option<&'static str> {
    if !record.good() {
        return Some("it was never good");
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

/// Writes down since when each pin is seen, and whether it is followed.
pub(super) fn note(view: &View<'_>, book: &mut Book<'_>) {
    let active = active(view).map(Record::number);
    for record in view.records.iter().filter(|r| r.status.is_some()) {
        let number = record.number();
        if !record.spec.pin {
            book.edit(number, forget);
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
            _ => (
                ConditionStatus::True,
                Reason::Pinned,
                format!("release {number} runs until its pin is taken away"),
            ),
        };
        let now = view.now;
        book.edit(number, |s| {
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
    let seen = record.status.as_ref().and_then(|s| s.pinned_at.as_ref());
    seen.map_or(view.now, |t| t.0)
}
