use super::*;
use crate::uptime::summary::{ProbeOutcome, SiteFault};
use crate::uptime::window::Window;
use crokodial_crds::condition::whole_seconds;

const MINUTE: Duration = Duration::from_secs(60);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn good(latency_ms: u32) -> ProbeOutcome {
    ProbeOutcome::Good { latency_ms }
}

/// Returns the summary of probes of release 7, one per second since its rollout. No probe is sent in a second for which
/// `outcome` returns `None`.
fn probes(
    seconds: i64,
    outcome: impl Fn(i64) -> Option<ProbeOutcome>,
    bake: Duration,
) -> ProbeSummary {
    let mut window = Window::new(at(0));
    window.serve(Some(7), true);
    for second in 1..=seconds {
        if let Some(outcome) = outcome(second) {
            window.record(at(second), outcome);
        }
    }
    window.summary(latency_span(bake), at(seconds))
}

fn bake<'a>(
    status: &'a ReleaseStatus,
    probes: Option<&'a ProbeSummary>,
    good_p95_ms: Option<i32>,
    bake: Duration,
    now: i64,
) -> Bake<'a> {
    Bake {
        number: 7,
        status,
        probes,
        good_p95_ms,
        rolled_out_at: at(0),
        bake,
        now: at(now),
    }
}

fn latency_verdict(ms: u32, good_p95_ms: Option<i32>, length: Duration, now: i64) -> BakeVerdict {
    let (status, probes) = (
        ReleaseStatus::default(),
        probes(now, |_| Some(good(ms)), length),
    );
    bake(&status, Some(&probes), good_p95_ms, length, now).judge()
}

fn is_slow(verdict: &BakeVerdict) -> bool {
    matches!(verdict, BakeVerdict::Fail(Reason::SlowResponses, _))
}

#[test]
fn slow_is_above_twice_and_above_by_a_tenth_of_a_second_both() {
    for (ms, before, slow) in [
        (141, 40, true),
        (140, 40, false),
        (139, 20, true),
        (120, 20, false),
        (601, 300, true),
        (600, 300, false),
        (100, 0, false),
        (101, 0, true),
    ] {
        let verdict = latency_verdict(ms, Some(before), MINUTE, 30);
        assert_eq!(is_slow(&verdict), slow, "{ms} ms after {before} ms");
    }
    let BakeVerdict::Fail(_, seen) = latency_verdict(900, Some(41), MINUTE, 30) else {
        panic!("not slow");
    };
    assert_eq!(
        seen,
        "95 % of answers took up to 900 ms in the last 30 s, and 41 ms with the last good release"
    );
}

#[test]
fn nothing_is_slow_without_a_last_good_release_or_before_the_span_is_full() {
    assert_eq!(latency_verdict(1900, None, MINUTE, 30), BakeVerdict::Fine);
    assert_eq!(
        latency_verdict(1900, Some(9), MINUTE, 29),
        BakeVerdict::Fine
    );
    let ten = MINUTE * 10;
    assert_eq!(latency_verdict(1900, Some(9), ten, 179), BakeVerdict::Fine);
    assert!(is_slow(&latency_verdict(1900, Some(9), ten, 180)));
}

#[test]
fn twenty_samples_are_needed() {
    for (missing, slow) in [(10, true), (11, false)] {
        let (status, probes) = (
            ReleaseStatus::default(),
            probes(30, |s| (s > missing).then_some(good(1500)), MINUTE),
        );
        let verdict = bake(&status, Some(&probes), Some(9), MINUTE, 30).judge();
        assert_eq!(is_slow(&verdict), slow, "{missing} missing");
    }
    assert_eq!(
        latency_verdict(1900, Some(9), Duration::from_secs(30), 30),
        BakeVerdict::Fine,
        "a bake of half a minute is too short to judge latencies"
    );
}

#[test]
fn a_slow_start_that_is_over_is_not_slow() {
    let (status, probes) = (
        ReleaseStatus::default(),
        probes(40, |s| Some(good(if s < 10 { 1500 } else { 20 })), MINUTE),
    );
    assert_eq!(
        bake(&status, Some(&probes), Some(20), MINUTE, 40).judge(),
        BakeVerdict::Fine
    );
}

#[test]
fn a_confirmed_failure_of_this_release_fails_it_and_one_of_another_does_not() {
    let refused = |s| {
        Some(if s > 10 {
            ProbeOutcome::Bad(SiteFault::Refused)
        } else {
            good(9)
        })
    };
    let status = ReleaseStatus::default();
    let two = probes(12, refused, MINUTE);
    assert_eq!(
        bake(&status, Some(&two), None, MINUTE, 12).judge(),
        BakeVerdict::Fine
    );
    let three = probes(13, refused, MINUTE);
    let judged = bake(&status, Some(&three), None, MINUTE, 13).judge();
    let expected = format!(
        "the site refuses connections since {} through its Service",
        at(11)
    );
    assert_eq!(judged, BakeVerdict::Fail(Reason::ProbeFailed, expected));
    let other = Bake {
        number: 8,
        ..bake(&status, Some(&three), None, MINUTE, 13)
    };
    assert_eq!(other.judge(), BakeVerdict::Fine);
}

#[test]
fn a_measured_bake_ends_on_time() {
    let status = ReleaseStatus::default();
    for now in [10, 59, 60, 61] {
        let probes = probes(now, |_| Some(good(9)), MINUTE);
        let bake = bake(&status, Some(&probes), None, MINUTE, now);
        assert_eq!(bake.ends_at(), at(60), "at {now}");
    }
}

#[test]
fn failed_probes_are_measured_too() {
    let status = ReleaseStatus::default();
    let now_and_then = |s| {
        Some(if s % 2 == 0 {
            good(9)
        } else {
            ProbeOutcome::Bad(SiteFault::Refused)
        })
    };
    let probes = probes(60, now_and_then, MINUTE);
    assert_eq!(
        bake(&status, Some(&probes), None, MINUTE, 60).ends_at(),
        at(60)
    );
}

#[test]
fn unmeasured_time_comes_on_top() {
    let status = ReleaseStatus::default();
    let away = |s| (!(21..=49).contains(&s)).then_some(good(9));
    let probes = probes(60, away, MINUTE);
    let bake = bake(&status, Some(&probes), None, MINUTE, 60);
    // 30 s and the first second are not measured. The first four seconds without a measurement do not extend the bake:
    // 31 - 4 = 27.
    assert_eq!(bake.extended_by(), SignedDuration::from_secs(27));
    assert_eq!(bake.ends_at(), at(87));
}

#[test]
fn while_nothing_is_measured_the_end_moves_with_the_clock() {
    let status = ReleaseStatus::default();
    for now in [10, 100, 1000] {
        let unprobed = bake(&status, None, None, MINUTE, now);
        assert_eq!(unprobed.ends_at(), at(now + 56));
        assert!(matches!(unprobed.judge(), BakeVerdict::Unmeasured(_)));
    }
    let unknown = probes(
        30,
        |_| Some(ProbeOutcome::Unknown(UnknownCause::OwnNetwork)),
        MINUTE,
    );
    assert_eq!(
        bake(&status, Some(&unknown), None, MINUTE, 30).judge(),
        BakeVerdict::Unmeasured("the operator does not reach the API server either".to_owned())
    );
}

#[test]
fn what_was_measured_before_a_restart_counts() {
    let status = ReleaseStatus {
        measured_seconds: 40,
        last_counted_at: Some(whole_seconds(at(41))),
        ..ReleaseStatus::default()
    };
    // The process restarts at second 50, and probes begin again at second 52.
    let probes = probes(70, |s| (s >= 52).then_some(good(9)), MINUTE);
    let bake = bake(&status, Some(&probes), None, MINUTE, 70);
    assert_eq!(
        bake.ends_at(),
        at(68),
        "of 12 s without probes four are forgiven"
    );
}

#[test]
fn the_latency_is_recorded_only_if_there_is_enough_of_it() {
    let enough = probes(60, |_| Some(good(33)), MINUTE);
    assert_eq!(latency_to_record(7, &enough), Some(33));
    assert_eq!(latency_to_record(8, &enough), None);
    let few = probes(19, |_| Some(good(33)), MINUTE);
    assert_eq!(latency_to_record(7, &few), None);
}

#[test]
fn latencies_are_looked_at_from_when_their_span_is_full() {
    let status = ReleaseStatus::default();
    let looks = |good_p95_ms, now| {
        let answering = probes(now, |_| Some(good(9)), MINUTE);
        bake(&status, Some(&answering), good_p95_ms, MINUTE, now).next_look()
    };
    assert_eq!(looks(Some(9), 10), Some(at(30)));
    assert_eq!(looks(Some(9), 40), Some(at(45)));
    assert_eq!(looks(None, 40), None);
    assert_eq!(bake(&status, None, Some(9), MINUTE, 40).next_look(), None);
}
