use proptest::prelude::*;

use super::*;

const GOOD: ProbeOutcome = ProbeOutcome::Good { latency_ms: 10 };
const BAD: ProbeOutcome = ProbeOutcome::Bad(SiteFault::Refused);
const UNKNOWN: ProbeOutcome = ProbeOutcome::Unknown(UnknownCause::OwnNetwork);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Returns a window of release 7 with the given results, one every two seconds from second 0.
fn window(outcomes: &[ProbeOutcome]) -> Window {
    let mut window = Window::new(at(0));
    window.serve(Some(7), true);
    for (n, outcome) in (0_i64..).zip(outcomes) {
        window.record(at(2 * n), *outcome);
    }
    window
}

fn spans(window: &Window) -> Vec<(i64, i64, SpanKind)> {
    let second = |t: Timestamp| t.as_second() - 1_800_000_000;
    let spans = window.spans.iter();
    spans
        .map(|s| (second(s.from), second(s.to), s.kind))
        .collect()
}

fn failing(window: &Window, second: i64) -> bool {
    matches!(window.verdict(at(second)), ProbeVerdict::Failing(_))
}

#[test]
fn three_failed_probes_in_a_row_confirm_a_failure_and_two_good_ones_end_it() {
    assert!(!failing(&window(&[GOOD, BAD, BAD]), 4));
    assert!(!failing(&window(&[GOOD, BAD, BAD, GOOD, BAD, BAD]), 10));
    let mut down = window(&[GOOD, BAD, BAD, BAD]);
    assert_eq!(
        down.verdict(at(6)),
        ProbeVerdict::Failing(Failing {
            since: at(2),
            bad: SiteFault::Refused,
            release: Some(7)
        })
    );
    assert!(!down.record(at(8), GOOD), "one good answer is no recovery");
    assert!(failing(&down, 8));
    assert!(down.record(at(10), GOOD));
    assert_eq!(down.verdict(at(10)), ProbeVerdict::Answering);
}

#[test]
fn what_is_unknown_neither_confirms_nor_clears_a_failure() {
    assert!(!failing(&window(&[GOOD, BAD, UNKNOWN, UNKNOWN, BAD]), 8));
    assert!(failing(
        &window(&[GOOD, BAD, UNKNOWN, BAD, UNKNOWN, BAD]),
        10
    ));
    assert!(failing(&window(&[BAD, BAD, BAD, UNKNOWN]), 6));
}

#[test]
fn a_site_that_nothing_was_learnt_of_for_long_is_unmeasured_whatever_it_was() {
    for before in [GOOD, BAD] {
        let mut window = window(&[before, before, before]);
        assert!(!matches!(
            window.verdict(at(14)),
            ProbeVerdict::Unmeasured(_)
        ));
        assert_eq!(
            window.verdict(at(15)),
            ProbeVerdict::Unmeasured(UnknownCause::Starting)
        );
        window.record(at(13), UNKNOWN);
        assert_eq!(
            window.verdict(at(15)),
            ProbeVerdict::Unmeasured(UnknownCause::OwnNetwork)
        );
    }
}

#[test]
fn a_process_that_has_seen_two_failures_and_nothing_else_does_not_say_that_the_site_answers() {
    assert_eq!(
        window(&[BAD, BAD]).verdict(at(2)),
        ProbeVerdict::Unmeasured(UnknownCause::Starting)
    );
}

#[test]
fn a_change_of_verdict_is_told_once() {
    let mut window = Window::new(at(0));
    window.serve(Some(7), true);
    let outcomes = [GOOD, GOOD, BAD, BAD, BAD, BAD, GOOD, GOOD, GOOD];
    let told: Vec<bool> = (0_i64..)
        .zip(outcomes)
        .map(|(n, outcome)| window.record(at(2 * n), outcome))
        .collect();
    assert_eq!(
        told,
        [true, false, false, false, true, false, false, true, false]
    );
    for second in [18, 20, 22, 24, 26] {
        assert!(!window.record(at(second), UNKNOWN));
    }
    assert!(window.record(at(28), UNKNOWN), "nothing is known any more");
}

#[test]
fn a_failure_is_blamed_on_a_release_only_for_probes_that_all_fell_to_it() {
    let release = |window: &Window, second| match window.verdict(at(second)) {
        ProbeVerdict::Failing(failing) => failing.release,
        other => panic!("{other:?}"),
    };
    let mut window = window(&[GOOD, BAD, BAD]);
    window.serve(Some(8), true);
    window.record(at(6), BAD);
    assert_eq!(
        release(&window, 6),
        None,
        "two of the three fell to the old one"
    );
    window.record(at(8), BAD);
    window.record(at(10), BAD);
    assert_eq!(release(&window, 10), Some(8));
    window.serve(None, true);
    window.record(at(12), BAD);
    assert_eq!(release(&window, 12), None, "two releases are there");
}

#[test]
fn time_between_two_probes_takes_its_kind_from_both() {
    assert_eq!(
        spans(&window(&[GOOD, GOOD, GOOD, BAD, BAD, GOOD, GOOD])),
        [
            (0, 4, SpanKind::Good),
            (4, 8, SpanKind::Bad),
            (8, 10, SpanKind::Recovering),
            (10, 12, SpanKind::Good)
        ]
    );
    assert_eq!(
        spans(&window(&[GOOD, UNKNOWN, GOOD, GOOD])),
        [(4, 6, SpanKind::Good)]
    );
}

#[test]
fn probes_more_than_two_intervals_apart_say_nothing_of_the_time_between() {
    let mut window = window(&[GOOD]);
    window.record(at(4), GOOD);
    assert_eq!(spans(&window), [(0, 4, SpanKind::Good)]);
    window.record(at(9), GOOD);
    assert_eq!(spans(&window), [(0, 4, SpanKind::Good)]);
}

#[test]
fn a_clock_that_is_set_back_measures_nothing() {
    let mut window = window(&[GOOD, GOOD]);
    window.record(at(-100), GOOD);
    window.record(at(-98), GOOD);
    assert_eq!(
        spans(&window),
        [(0, 2, SpanKind::Good), (-100, -98, SpanKind::Good)]
    );
}

#[test]
fn another_release_begins_a_span_of_its_own_and_latencies_of_its_own() {
    let mut window = window(&[GOOD, GOOD]);
    assert_eq!(window.p95(SignedDuration::MAX, at(2)).unwrap().samples, 2);
    window.serve(Some(8), true);
    window.record(at(4), GOOD);
    assert_eq!(window.p95(SignedDuration::MAX, at(4)).unwrap().samples, 1);
    window.record(at(6), GOOD);
    assert_eq!(
        spans(&window),
        [(0, 2, SpanKind::Good), (4, 6, SpanKind::Good)]
    );
    window.serve(Some(7), true);
    window.serve(Some(8), true);
    window.record(at(8), GOOD);
    assert_eq!(
        spans(&window).last(),
        Some(&(4, 6, SpanKind::Good)),
        "it was not alone all along"
    );
}

#[test]
fn the_percentile_is_that_of_nearest_rank_and_a_time_out_counts() {
    let latency = |latency_ms| ProbeOutcome::Good { latency_ms };
    let mut outcomes: Vec<ProbeOutcome> = (1..=20).map(latency).collect();
    let of = |outcomes: &[ProbeOutcome], over| {
        window(outcomes).p95(SignedDuration::from_secs(over), at(38))
    };
    assert_eq!(
        of(&outcomes, 100),
        Some(Latency {
            p95_ms: 19,
            answered_p95_ms: 19,
            samples: 20
        })
    );
    assert_eq!(
        of(&outcomes, 10),
        Some(Latency {
            p95_ms: 20,
            answered_p95_ms: 20,
            samples: 5
        })
    );
    assert_eq!(of(&[], 10), None);
    outcomes[3] = ProbeOutcome::Bad(SiteFault::Timeout);
    outcomes[4] = ProbeOutcome::Bad(SiteFault::Timeout);
    assert_eq!(of(&outcomes, 100).unwrap().p95_ms, 2_000);
}

#[test]
fn an_environment_takes_eight_kibibytes_at_most() {
    assert!(size_of::<Span>() <= 48, "{}", size_of::<Span>());
    assert!(size_of::<(i64, u32)>() == 16);
    let mut full = Window::new(at(0));
    full.serve(Some(7), true);
    for n in 0..100_000 {
        full.record(at(n), if n % 2 == 0 { GOOD } else { BAD });
    }
    let bytes = full.spans.capacity() * size_of::<Span>()
        + full.latencies.capacity() * size_of::<(i64, u32)>();
    assert!(bytes <= 8_192, "{bytes}");
    assert!(size_of::<Window>() <= 512, "{}", size_of::<Window>());
}

fn outcome() -> impl Strategy<Value = ProbeOutcome> {
    prop_oneof![4 => Just(GOOD), 2 => Just(BAD), 1 => Just(UNKNOWN)]
}

proptest! {
    #[test]
    fn spans_lie_in_order_never_overlap_and_end_at_known_results(
        results in prop::collection::vec((1_i64..6, outcome(), prop::option::of(7_i64..9)), 0..300),
    ) {
        let (mut window, mut now) = (Window::new(at(0)), 0);
        for (pause, outcome, release) in results {
            now += pause;
            window.serve(release, true);
            window.record(at(now), outcome);
        }
        let spans: Vec<Span> = window.spans.iter().copied().collect();
        for pair in spans.windows(2) {
            prop_assert!(pair[0].to <= pair[1].from);
        }
        for span in &spans {
            prop_assert!(span.from < span.to);
        }
        prop_assert!(spans.len() <= MAX_SPANS);
    }
}

#[test]
fn failures_while_pods_are_away_through_no_fault_of_the_release_are_nobodys_and_not_measured() {
    let mut window = window(&[GOOD, GOOD]);
    window.serve(Some(7), false);
    for second in [4, 6, 8, 10] {
        window.record(at(second), BAD);
    }
    let ProbeVerdict::Failing(failing) = window.verdict(at(10)) else {
        panic!("the site is down all the same");
    };
    assert_eq!(failing.release, None);
    assert_eq!(spans(&window), [(0, 2, SpanKind::Good)]);
    window.serve(Some(7), true);
    for second in [12, 14, 16] {
        window.record(at(second), BAD);
    }
    let ProbeVerdict::Failing(failing) = window.verdict(at(16)) else {
        panic!("it is down");
    };
    assert_eq!(
        failing.release,
        Some(7),
        "its pods are back, and it still fails"
    );
}
