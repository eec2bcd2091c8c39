//! Unit tests of individual rules of the election. `simulation_tests` checks all rules together.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::state::{Candidate, LeaseAction, LeaseRecord, ObservedLease, Timing, WriteOutcome};

const TIMING: Timing = Timing { seconds: 5 };
const WALL: Timestamp = Timestamp::UNIX_EPOCH;

fn after(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms)
}

fn held_by(holder: &str, version: &str) -> ObservedLease {
    let record = LeaseRecord {
        holder: holder.to_owned(),
        seconds: 5,
        acquired: WALL,
        renewed: WALL,
        transitions: 3,
    };
    ObservedLease {
        record,
        version: version.to_owned(),
        uid: "first".to_owned(),
    }
}

fn candidate() -> Candidate {
    Candidate::new("me".to_owned(), TIMING)
}

/// Returns a candidate that took the Lease at `start` by an update.
fn leader(start: Instant) -> Candidate {
    let mut me = candidate();
    me.read(Some(held_by("", "7")), start);
    assert!(matches!(me.next(start, WALL), LeaseAction::Update(_)));
    me.wrote(
        start,
        WriteOutcome::Done(held_by("me", "8")),
        after(start, 20),
        0.0,
    );
    me
}

#[test]
fn the_lease_of_somebody_else_is_waited_out_on_our_clock_and_read_once_more() {
    let start = Instant::now();
    let mut me = candidate();
    assert_eq!(me.next(start, WALL), LeaseAction::Read);
    // The times in the record are far in the past or future. They must not matter.
    me.read(Some(held_by("other", "7")), start);
    assert_eq!(
        me.next(after(start, 4_999), WALL),
        LeaseAction::Wait(after(start, 5_000))
    );
    assert_eq!(me.next(after(start, 5_000), WALL), LeaseAction::Read);
    me.read(Some(held_by("other", "7")), after(start, 5_010));
    let LeaseAction::Update(taken) = me.next(after(start, 5_010), WALL) else {
        panic!("the lease is over");
    };
    assert_eq!((taken.version.as_str(), taken.record.transitions), ("7", 4));
}

#[test]
fn a_renewal_restarts_the_wait_also_when_only_the_last_read_showed_it() {
    let start = Instant::now();
    let mut me = candidate();
    me.read(Some(held_by("other", "7")), start);
    me.watched(Some(held_by("other", "8")), after(start, 1_600));
    assert_eq!(
        me.next(after(start, 5_000), WALL),
        LeaseAction::Wait(after(start, 6_600))
    );
    me.read(Some(held_by("other", "9")), after(start, 6_600));
    assert_eq!(
        me.next(after(start, 6_600), WALL),
        LeaseAction::Wait(after(start, 11_600))
    );
}

#[test]
fn a_released_lease_is_taken_at_once() {
    let start = Instant::now();
    let mut me = candidate();
    me.read(Some(held_by("other", "7")), start);
    me.watched(Some(held_by("", "8")), after(start, 100));
    assert!(
        matches!(me.next(after(start, 100), WALL), LeaseAction::Update(found) if found.version == "8")
    );
}

#[test]
fn writes_may_go_until_a_margin_before_the_end_counted_from_when_the_renewal_was_sent() {
    let start = Instant::now();
    let me = leader(start);
    let grant = me.grant().unwrap();
    assert_eq!(
        (grant.from, grant.until),
        (after(start, 20), after(start, 4_000))
    );
}

#[test]
fn the_margin_and_the_times_between_renewals_fit_into_the_lease() {
    for seconds in 2..=60 {
        let timing = Timing { seconds };
        // After a renewal without a response, there is time for one more.
        let second = timing.renew_every() + timing.attempt() + timing.retry(1.0);
        assert!(second < timing.lease() - timing.margin(), "{seconds}");
    }
}

#[test]
fn a_renewal_keeps_the_beginning_and_moves_the_time_whatever_the_wall_clock_does() {
    let start = Instant::now();
    let me = leader(start);
    let due = after(start, 1_667);
    assert!(matches!(
        me.next(after(start, 1_000), WALL),
        LeaseAction::Wait(_)
    ));
    let back = WALL - SignedDuration::from_secs(1000);
    let LeaseAction::Update(found) = me.next(due, back) else {
        panic!("a renewal is due");
    };
    assert_eq!(found.version, "8");
    assert_eq!((found.record.acquired, found.record.transitions), (WALL, 3));
    assert!(found.record.renewed > WALL);
}

#[test]
fn a_lost_answer_moves_nothing_and_is_looked_up() {
    let start = Instant::now();
    let mut me = leader(start);
    let (sent, late) = (after(start, 1_667), after(start, 2_917));
    assert!(matches!(me.next(sent, WALL), LeaseAction::Update(_)));
    me.sending();
    me.wrote(sent, WriteOutcome::Unknown, late, 1.0);
    assert_eq!(me.grant().unwrap().until, after(start, 4_000));
    let LeaseAction::Wait(again) = me.next(late, WALL) else {
        panic!("not at once");
    };
    assert_eq!(me.next(again, WALL), LeaseAction::Read);
    me.read(Some(held_by("me", "9")), again);
    assert!(matches!(me.next(again, WALL), LeaseAction::Update(found) if found.version == "9"));
}

#[test]
fn a_grant_that_ran_out_is_over_even_if_nobody_took_the_lease() {
    let start = Instant::now();
    let mut me = leader(start);
    assert!(!me.expire(after(start, 3_999)));
    assert!(me.expire(after(start, 4_000)));
    assert_eq!(me.grant(), None);
    // The candidate may still renew the Lease, which begins a new term.
    assert!(matches!(
        me.next(after(start, 4_000), WALL),
        LeaseAction::Update(_)
    ));
}

#[test]
fn whoever_finds_somebody_elses_name_stops_at_once() {
    let start = Instant::now();
    let mut me = leader(start);
    me.read(Some(held_by("other", "9")), after(start, 500));
    assert_eq!(me.grant(), None);
    assert_eq!(me.release(after(start, 500), WALL), None);
}

#[test]
fn a_lease_that_was_made_anew_is_not_used_for_one_length() {
    let start = Instant::now();
    let mut me = candidate();
    me.read(None, start);
    let step = me.next(start, WALL);
    assert!(matches!(step, LeaseAction::Create(_)));
    me.sending();
    me.wrote(
        start,
        WriteOutcome::Done(held_by("me", "1")),
        after(start, 10),
        0.0,
    );
    assert_eq!(me.grant().unwrap().from, after(start, 5_010));
    assert_eq!(
        me.release(after(start, 5_000), WALL),
        None,
        "nobody else may begin earlier either"
    );
    // A renewal moves the end of the grant, but not its start.
    assert!(matches!(
        me.next(after(start, 1_700), WALL),
        LeaseAction::Update(_)
    ));
    me.wrote(
        after(start, 1_700),
        WriteOutcome::Done(held_by("me", "2")),
        after(start, 1_710),
        0.0,
    );
    assert_eq!(me.grant().unwrap().from, after(start, 5_010));
}

#[test]
fn a_create_that_was_given_up_and_arrives_late_makes_a_lease_anew() {
    let start = Instant::now();
    let mut me = candidate();
    me.read(None, start);
    me.sending();
    me.wrote(start, WriteOutcome::Unknown, after(start, 1_250), 0.0);
    // Meanwhile another replica created the Lease and led. Then the Lease was deleted, and the late create request
    // arrived.
    let mut made = held_by("other", "5");
    made.uid = "of another".to_owned();
    me.read(Some(made), after(start, 1_400));
    let late = after(start, 8_000);
    me.read(Some(held_by("me", "9")), late);
    me.sending();
    me.wrote(
        late,
        WriteOutcome::Done(held_by("me", "10")),
        after(late, 10),
        0.0,
    );
    assert_eq!(me.grant().unwrap().from, after(late, 5_000));
    assert_eq!(me.release(after(late, 4_990), WALL), None);
}

#[test]
fn what_is_released_is_nobodys_and_over_in_a_second() {
    let start = Instant::now();
    let me = leader(start);
    let free = me.release(start, WALL).unwrap();
    assert_eq!((free.record.holder.as_str(), free.record.seconds), ("", 1));
    assert_eq!(free.version, "8");
}

#[test]
fn an_absurd_length_in_the_record_stops_no_takeover() {
    let start = Instant::now();
    for seconds in [-1, 0, 61, i32::MAX] {
        let mut me = candidate();
        let mut found = held_by("other", "7");
        found.record.seconds = seconds;
        me.read(Some(found), start);
        assert_eq!(
            me.next(start, WALL),
            LeaseAction::Wait(after(start, 60_000))
        );
    }
}
