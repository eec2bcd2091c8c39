use proptest::prelude::*;

use super::*;
use crate::uptime::summary::{ProbeOutcome, SiteFault};
use crate::uptime::window::Window;

const GOOD: ProbeOutcome = ProbeOutcome::Good { latency_ms: 10 };
const BAD: ProbeOutcome = ProbeOutcome::Bad(SiteFault::Refused);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Site that runs release 7 and is probed every two seconds. `outcome` returns the result of the probe in a given
/// second, or `None` if no probe is sent.
struct Site {
    window: Window,
    next: i64,
    outcome: fn(i64) -> Option<ProbeOutcome>,
}

impl Site {
    fn new(outcome: fn(i64) -> Option<ProbeOutcome>) -> Self {
        Self {
            window: fresh(),
            next: 0,
            outcome,
        }
    }

    fn summary(&mut self, second: i64) -> ProbeSummary {
        while self.next <= second {
            if let Some(outcome) = (self.outcome)(self.next) {
                self.window.record(at(self.next), outcome);
            }
            self.next += 2;
        }
        self.window.summary(SignedDuration::ZERO, at(second))
    }

    fn restart(&mut self) {
        self.window = fresh();
    }
}

fn fresh() -> Window {
    let mut window = Window::new(at(0));
    window.serve(Some(7), true);
    window
}

fn serving() -> ReleaseStatus {
    ReleaseStatus {
        serving: true,
        ..ReleaseStatus::default()
    }
}

/// Returns the number of good seconds so far, including those that are not stored yet.
fn soaked(status: &ReleaseStatus, summary: &ProbeSummary, second: i64) -> i64 {
    status.good_seconds + unpersisted(7, status, summary, at(second))
}

/// Returns the second at which the soak is complete. A reconcile runs every second, and counts are stored when they are
/// due.
fn soak_ends(outcome: fn(i64) -> Option<ProbeOutcome>, needed: i64) -> i64 {
    let (mut site, mut status) = (Site::new(outcome), serving());
    for second in 0.. {
        let summary = site.summary(second);
        if soaked(&status, &summary, second) >= needed {
            return second;
        }
        if let Some(counted) = counted(7, &status, &summary, at(second)) {
            status = counted;
        }
    }
    unreachable!()
}

#[test]
fn four_minutes_down_move_the_end_by_exactly_four_minutes() {
    // The last good probe is at second 600, the next one at 840.
    let down = |second| match second {
        601..=839 => Some(BAD),
        _ => Some(GOOD),
    };
    assert_eq!(soak_ends(|_| Some(GOOD), 1800), 1800);
    assert_eq!(soak_ends(down, 1800), 2040);
}

#[test]
fn four_minutes_in_which_nobody_measured_move_the_end_by_exactly_four_minutes() {
    let away = |second| (!(601..=839).contains(&second)).then_some(GOOD);
    assert_eq!(soak_ends(away, 1800), 2040);
}

#[test]
fn counts_are_written_once_a_minute_and_at_the_end_of_serving() {
    let (mut site, mut status) = (Site::new(|_| Some(GOOD)), serving());
    let mut written = Vec::new();
    for second in 0..=190 {
        let summary = site.summary(second);
        if let Some(counted) = counted(7, &status, &summary, at(second)) {
            written.push((second, counted.good_seconds));
            status = counted;
        }
    }
    assert_eq!(written, [(60, 60), (120, 120), (180, 180)]);
    status.serving = false;
    let summary = site.summary(191);
    status = counted(7, &status, &summary, at(191)).unwrap();
    assert_eq!(status.good_seconds, 190);
    assert_eq!(counted(7, &status, &summary, at(191)), None);
}

#[test]
fn a_write_that_was_lost_is_made_again_and_one_that_was_not_counts_once() {
    let mut site = Site::new(|_| Some(GOOD));
    let summary = site.summary(90);
    let once = counted(7, &serving(), &summary, at(90)).unwrap();
    assert_eq!(counted(7, &serving(), &summary, at(90)), Some(once.clone()));
    assert_eq!(counted(7, &once, &summary, at(90)), None);
    assert_eq!(soaked(&once, &summary, 90), 90);
}

#[test]
fn the_moment_of_the_next_write_is_known_and_is_none_while_nothing_is_measured() {
    let mut site = Site::new(|second| (second <= 100).then_some(GOOD));
    assert_eq!(
        next_count(7, &serving(), &site.summary(1), at(1)),
        None,
        "one probe measures nothing"
    );
    let status = serving();
    let next = next_count(7, &status, &site.summary(10), at(10)).unwrap();
    assert_eq!(next, at(62));
    let status = counted(7, &status, &site.summary(62), at(62)).unwrap();
    assert_eq!(
        next_count(7, &status, &site.summary(62), at(62)),
        Some(at(124))
    );
    assert_eq!(counted(7, &status, &site.summary(124), at(124)), None);
    assert_eq!(next_count(7, &status, &site.summary(124), at(124)), None);
}

#[test]
fn another_release_is_not_counted() {
    let mut site = Site::new(|_| Some(GOOD));
    let summary = site.summary(90);
    assert_eq!(counted(8, &serving(), &summary, at(90)), None);
    assert_eq!(count(&summary.spans, None, at(90), 8), 0);
    assert_eq!(count(&summary.spans, Some(at(11)), at(20), 7), 9);
}

fn status_after(
    outcome: fn(i64) -> Option<ProbeOutcome>,
    seconds: i64,
) -> (ReleaseStatus, ProbeSummary) {
    let (mut site, mut status) = (Site::new(outcome), serving());
    for second in 0..=seconds {
        let summary = site.summary(second);
        status = counted(7, &status, &summary, at(second)).unwrap_or(status);
    }
    let summary = site.summary(seconds);
    (status, summary)
}

fn hundredths(
    status: &ReleaseStatus,
    summary: &ProbeSummary,
    over: i64,
    second: i64,
) -> Option<i64> {
    let over = SignedDuration::from_secs(over);
    availability([(7, status)], Some(summary), over, at(second)).map(|a| a.hundredths())
}

#[test]
fn availability_looks_back_over_measured_time_only() {
    // There are 36 s of failures after half an hour. From second 5,400 to 9,000 nothing is measured.
    let outcome = |second| match second {
        1801..=1836 => Some(BAD),
        5401..=8999 => None,
        _ => Some(GOOD),
    };
    let (status, summary) = status_after(outcome, 3600);
    assert_eq!(hundredths(&status, &summary, 3600, 3600), Some(9900));
    let (status, summary) = status_after(outcome, 9600);
    assert_eq!(status.failures.len(), 1);
    assert_eq!(
        hundredths(&status, &summary, 3600, 9600),
        Some(10_000),
        "the last hour of measuring began at 2,400"
    );
    assert_eq!(
        hundredths(&status, &summary, 5400, 9600),
        Some(9933),
        "time without probes is reached past"
    );
    assert_eq!(
        hundredths(
            &serving(),
            &fresh().summary(SignedDuration::ZERO, at(0)),
            3600,
            0
        ),
        None
    );
}

#[test]
fn a_failure_counts_before_it_is_written() {
    let (status, summary) = status_after(|s| Some(if s > 610 { BAD } else { GOOD }), 620);
    assert!(status.failures.is_empty());
    assert_eq!(hundredths(&status, &summary, 3600, 620), Some(9838));
}

#[test]
fn availability_goes_on_in_the_records_before_of_the_same_digest() {
    let record = |measured_seconds, failures: Vec<ProbeFailure>| ReleaseStatus {
        measured_seconds,
        failures,
        ..ReleaseStatus::default()
    };
    let failure = |measured, seconds| ProbeFailure {
        at: whole_seconds(at(0)),
        measured,
        seconds,
    };
    let newest = record(1000, vec![]);
    let older = record(9000, vec![failure(100, 50), failure(8000, 26)]);
    let over = SignedDuration::from_secs(3600);
    let found = availability([(9, &newest), (7, &older)], None, over, at(0));
    assert_eq!(
        found,
        Some(Availability {
            measured: 3600,
            bad: 26
        })
    );
}

#[test]
fn failures_stay_few_and_what_is_joined_is_not_lost() {
    let (status, _) = status_after(|s| Some(if s % 900 < 20 { BAD } else { GOOD }), 20_000);
    assert_eq!(status.failures.len(), MAX_FAILURES);
    let all: i64 = status.failures.iter().map(|f| f.seconds).sum();
    assert_eq!(
        all,
        18 + 22 * 20,
        "the first twenty seconds have no probe before them"
    );
    let places: Vec<i64> = status.failures.iter().map(|f| f.measured).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn an_old_outage_leaves_the_window_while_small_failures_go_on() {
    // Ten minutes of failures in the first hour, and then one failed probe every ten minutes for a week.
    let mut failures = Vec::new();
    let failure = |measured, seconds| ProbeFailure {
        at: whole_seconds(at(measured)),
        measured,
        seconds,
    };
    note(&mut failures, failure(3_600, 600));
    for measured in (4_200..=604_800).step_by(600) {
        note(&mut failures, failure(measured, 2));
        assert!(failures.len() <= MAX_FAILURES);
    }
    let status = ReleaseStatus {
        measured_seconds: 604_800,
        failures,
        ..ReleaseStatus::default()
    };
    for (hours, exact) in [(1, 12), (6, 72), (24, 288), (72, 864)] {
        let over = SignedDuration::from_hours(hours);
        let found = availability([(7, &status)], None, over, at(0)).unwrap();
        assert!(
            (exact..=exact * 8 / 5).contains(&found.bad),
            "{hours} h: {} s, exactly {exact} s",
            found.bad
        );
    }
}

#[test]
fn seconds_go_on_being_counted_only_while_probes_are_good_and_fresh() {
    let mut site = Site::new(|s| Some(if s > 100 { BAD } else { GOOD }));
    let summary = site.summary(60);
    assert_eq!(counting_until(7, &summary, at(61)), Some(at(60)));
    assert_eq!(counting_until(8, &summary, at(61)), None);
    assert_eq!(counting_until(7, &summary, at(65)), None);
    assert_eq!(counting_until(7, &site.summary(102), at(102)), None);
}

fn any_outcome() -> impl Strategy<Value = Option<ProbeOutcome>> {
    prop_oneof![6 => Just(Some(GOOD)), 1 => Just(Some(BAD)), 1 => Just(None)]
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Persist,
    LoseWrite,
    Restart,
    Nothing,
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Persist),
        1 => Just(Act::LoseWrite),
        1 => Just(Act::Restart),
        4 => Just(Act::Nothing)
    ]
}

proptest! {
    /// The time steps are irregular and shorter than 3.9 s, which is less than the maximum gap of 4 s. In some steps,
    /// no probe is sent.
    #[test]
    fn counting_in_pieces_never_exceeds_counting_at_once(
        steps in prop::collection::vec((1_i64..3_900, any_outcome(), any_act()), 1..400),
    ) {
        let (mut window, mut whole) = (fresh(), fresh());
        let (mut status, mut millis) = (serving(), 0_i64);
        let (mut all, mut from) = (SignedDuration::ZERO, None);
        for (step, outcome, act) in steps {
            millis += step;
            let now = Timestamp::from_millisecond(1_800_000_000_000 + millis).unwrap();
            if let Some(outcome) = outcome {
                window.record(now, outcome);
                whole.record(now, outcome);
            }
            let summary = window.summary(SignedDuration::ZERO, now);
            // The reference count: not rounded, and taken before the ring buffer drops old spans.
            let spans = whole.summary(SignedDuration::ZERO, now).spans;
            let new = tally(&spans, 7, from, now);
            all += new.good;
            from = new.until.or(from);
            match act {
                Act::Persist => status = counted(7, &status, &summary, now).unwrap_or(status),
                Act::LoseWrite => drop(counted(7, &status, &summary, now)),
                Act::Restart => window = fresh(),
                Act::Nothing => {}
            }
            let summary = window.summary(SignedDuration::ZERO, now);
            prop_assert!(soaked_at(&status, &summary, now) <= all.as_secs());
            prop_assert!(status.good_seconds <= status.measured_seconds);
            let bad: i64 = status.failures.iter().map(|f| f.seconds).sum();
            prop_assert!(bad <= status.measured_seconds + 60);
        }
    }

    #[test]
    fn a_restart_loses_what_was_not_written_and_no_more(at_second in 61_i64..600) {
        let (mut site, mut status) = (Site::new(|_| Some(GOOD)), serving());
        for second in 0..=900 {
            if second == at_second {
                site.restart();
            }
            let summary = site.summary(second);
            status = counted(7, &status, &summary, at(second)).unwrap_or(status);
        }
        let summary = site.summary(900);
        let lost = 900 - soaked(&status, &summary, 900);
        prop_assert!((0..=64).contains(&lost), "{lost} s");
    }
}

fn soaked_at(status: &ReleaseStatus, summary: &ProbeSummary, now: Timestamp) -> i64 {
    status.good_seconds + unpersisted(7, status, summary, now)
}
