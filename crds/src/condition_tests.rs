//! Tests of conditions: transition times, messages and reasons.

use super::*;
use proptest::prelude::*;
use strum::IntoEnumIterator;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn write(old: &[Condition], status: ConditionStatus, message: &str, second: i64) -> Condition {
    set(
        old,
        ConditionType::Ready,
        status,
        Reason::Ready,
        message,
        Some(3),
        at(second),
    )
}

#[test]
fn an_unchanged_status_keeps_its_time_and_a_changed_one_does_not() {
    let first = write(&[], ConditionStatus::False, "a", 100);
    let again = write(
        std::slice::from_ref(&first),
        ConditionStatus::False,
        "b",
        200,
    );
    assert_eq!(again.last_transition_time, Time(at(100)));
    assert_eq!(again.message, "b");
    let turned = write(&[again], ConditionStatus::True, "b", 300);
    assert_eq!(turned.last_transition_time, Time(at(300)));
}

#[test]
fn another_type_does_not_lend_its_time() {
    let other = set(
        &[],
        ConditionType::Stalled,
        ConditionStatus::True,
        Reason::Held,
        "",
        None,
        at(1),
    );
    assert_eq!(
        write(&[other], ConditionStatus::True, "", 9).last_transition_time,
        Time(at(9))
    );
}

#[test]
fn a_long_message_is_cut_at_a_character() {
    let message = write(&[], ConditionStatus::True, &"ü".repeat(5000), 1).message;
    assert_eq!(message.chars().count(), MAX_MESSAGE);
    assert!(message.ends_with('…'));
}

#[test]
fn an_absent_condition_is_unknown() {
    assert_eq!(
        status_of(&[], ConditionType::Ready),
        ConditionStatus::Unknown
    );
}

#[test]
fn every_reason_is_written_somewhere() {
    for reason in Reason::iter() {
        let of_a_condition = ConditionType::iter().any(|t| t.reasons().contains(&reason));
        assert!(
            of_a_condition || Reason::OF_RELEASES.contains(&reason),
            "{reason}"
        );
    }
}

#[test]
fn every_type_is_described() {
    assert!(ConditionType::iter().all(|t| t.meaning().ends_with('.')));
}

proptest! {
    #[test]
    fn writing_twice_is_writing_once(
        status in prop_oneof![Just(ConditionStatus::True), Just(ConditionStatus::False), Just(ConditionStatus::Unknown)],
        message in "\\PC{0,40}", first in 0_i64..4_000_000_000, later in 0_i64..4_000_000_000, nanos in 0_i32..1_000_000_000,
    ) {
        let now = Timestamp::new(first, nanos).unwrap();
        let once = set(&[], ConditionType::Available, status, Reason::Unknown, &message, Some(1), now);
        let stored: Condition = serde_json::from_value(serde_json::to_value(&once).unwrap()).unwrap();
        prop_assert_eq!(&stored, &once);
        let twice = set(&[stored], ConditionType::Available, status, Reason::Unknown, &message, Some(1), at(later));
        prop_assert_eq!(twice, once);
    }
}
