//! Tests of which release serves, what is recorded about it, and when the next reconcile is due.

use std::time::Duration;

use super::super::super::decide::requeue_after;
use super::super::super::fixture::{Case, at, serving, table};
use super::{SECOND, phase, second, seconds};

#[test]
fn the_release_that_answers_is_the_one_everywhere_or_the_newest_that_is_ready_and_not_under_way() {
    let of = |given: &str| {
        serving(given)
            .step
            .serving
            .map_or_else(|| "-".to_owned(), |n| n.to_string())
    };
    let rolling = |pods: &str| {
        format!(
            "{SECOND}, releases: {{2: {{v: '2', phase: Rolling, started: -10}}}}, deployment: {{release: 2, updated: 1, total: 2}}, pods: [{pods}]"
        )
    };
    table(
        &[
            ("", "1"),
            ("pods: []", "1"),
            ("deployment: {available: 0}", "1"),
            ("deployment: {available: 0}, pods: []", "-"),
            ("deployment: {available: 0}, pods: [1 terminating]", "-"),
            ("deployment: {available: 0}, pods: [1 unready]", "-"),
            ("deployment: {desired: 0}, pods: []", "-"),
            ("deployment: {desired: 0}", "1"),
            (&rolling("'1', '2'"), "1"),
            (&rolling("'2'"), "2"),
            (&rolling("'1 terminating', '2'"), "2"),
            (
                &rolling("'1', '2'").replace("updated: 1, total: 2", "updated: 1, total: 1"),
                "2",
            ),
            (
                "releases: {2: {v: '2', phase: Good, finished: -9}}, deployment: {release: 2, updated: 1, total: 2}, pods: ['1', '2']",
                "2",
            ),
        ],
        of,
    );
}

#[test]
fn restarts_of_a_good_release_are_recorded() {
    let case = serving("deployment: {available: 0}, pods: [1 unready exits=4]");
    let updates = &case.step.decision.updates;
    let (_, status) = updates.iter().find(|(n, _)| *n == 1).unwrap();
    assert_eq!(status.restarts, 3);
}

#[test]
fn readiness_for_a_return_is_looked_at_once_a_day() {
    let of = |given: &str| {
        let case = serving(given);
        let found = case.step.decision.updates.iter().find(|(n, _)| *n == 1);
        found.map_or_else(
            || "-".to_owned(),
            |(_, s)| {
                format!(
                    "{:?} {:?}",
                    s.rollbackable,
                    s.rollback_checked_at.as_ref().map(|t| seconds(t.0))
                )
            },
        )
    };
    let due = "releases: {1: {checked: -86400}}";
    table(
        &[
            (due, "-"),
            (
                &format!("{due}, keptImage: [1, exists]"),
                "Some(true) Some(0)",
            ),
            (
                &format!("{due}, keptImage: [1, gone]"),
                "Some(false) Some(0)",
            ),
            (&format!("{due}, keptImage: [1, unknown]"), "-"),
            (&format!("{due}, keptImage: [2, exists]"), "-"),
            (&format!("{due}, lost: [1]"), "Some(false) Some(0)"),
            (
                "releases: {1: {checked: -86399}}, keptImage: [1, gone]",
                "-",
            ),
            (
                "releases: {1: {checked: null}}, keptImage: [1, exists]",
                "Some(true) Some(0)",
            ),
            (
                "releases: {1: {checked: null, phase: Superseded}}, keptImage: [1, exists]",
                "-",
            ),
        ],
        of,
    );
    // Only one release per reconcile is checked: the one that was checked least recently.
    let several = serving(
        "releases: {1: {checked: -90000}, 2: {v: '2', phase: Good, finished: -5, checked: -95000}}, keptImage: [2, gone]",
    );
    let checked: Vec<_> = several
        .step
        .decision
        .updates
        .iter()
        .map(|(n, s)| (*n, s.rollbackable))
        .collect();
    assert_eq!(checked, [(2, Some(false))]);
}

#[test]
fn what_was_measured_is_written_once_a_minute_and_latency_when_it_is_good() {
    let of = |given: &str| {
        let case = serving(given);
        case.step
            .decision
            .updates
            .iter()
            .map(|(n, s)| format!("{n} is {}", phase(s)))
            .collect::<Vec<_>>()
            .join("; ")
    };
    table(
        &[
            (
                "probes: {last: 0, good: [[-59, 0, 1]]}, releases: {1: {counted: -59, p95: 20}}",
                "",
            ),
            (
                "probes: {last: 0, good: [[-60, 0, 1]]}, releases: {1: {counted: -60, p95: 20}}",
                "1 is Good Succeeded serving rollbackable good 60 s p95 20",
            ),
            (
                "probes: {last: 0, good: [[-60, 0, 1]], latency: [35, 20]}, releases: {1: {counted: -59}}",
                "1 is Good Succeeded serving rollbackable p95 35",
            ),
            (
                "probes: {last: 0, latency: [35, 19]}, releases: {1: {counted: 0}}",
                "",
            ),
            (
                "probes: {last: 0, latency: [35, 20]}, releases: {1: {counted: 0, p95: 20}}",
                "",
            ),
            (
                "probes: {last: 0, latency: [35, 20]}, releases: {1: {counted: 0, phase: Baking}}",
                "1 is Baking Baking serving rollbackable",
            ),
        ],
        of,
    );
}

fn wait(case: &Case) -> u64 {
    case.requeue_after().as_secs()
}

#[test]
fn the_next_look_is_the_earliest_moment_that_changes_something() {
    let of = |given: &str| wait(&serving(given)).to_string();
    let baking = second(
        "phase: Baking, started: -10, rolledOut: -5",
        ", deployment: {release: 2}, pods: ['2']",
    );
    let late = baking.replace("app:2'", "app:2', rollout: {bake: 10m}");
    let soaking = "spec: {stage: prod, runtime: {replicas: 1}, image: 'registry.test/app:2', promotion: {from: {name: staging}}}, releases: {2: {v: '2', phase: Gated}}, source: {Found: {releases: {4: {v: '2', phase: Good, good: 1770, until: -10}}}}";
    let auto = "spec: {stage: prod, runtime: {replicas: 1}, image: null, promotion: {from: {name: staging}, auto: true}}, releases: {1: {promotedFrom: 3}}, source: {Found: {releases: {4: {v: '2', phase: Good, good: 1765, until: -10}}}}";
    let (before, _) = auto.split_once("source:").unwrap();
    let unreadable = format!("{before}source: {{Unreadable: '403'}}");
    let refused = "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:new@db.test/shop'}}}, attempts: [{n: 1, password: new, state: AuthFailed, at: -285}]";
    let values = "spec: {config: {secretRefs: [{name: app}]}}, secrets: {app: {data: {A: new}}}, staged: {data: {A: new}, generation: 2, release: 1, since: -290}";
    table(
        &[
            ("", "60"),
            (&baking, "56"),
            (&late, "60"),
            (soaking, "20"),
            (auto, "25"),
            (&unreadable, "15"),
            (refused, "15"),
            (values, "10"),
            ("image: {Unreachable: 503}", "15"),
            ("image: {Stale: ['1', 503]}", "15"),
            ("image: NotFound", "60"),
            ("candidates: ['1']", "1"),
            (
                "probes: {last: 0, good: [[-30, 0, 1]]}, releases: {1: {counted: -30}}",
                "32",
            ),
        ],
        of,
    );
}

#[test]
fn only_a_resync_is_spread_and_a_lookup_under_way_is_looked_at_soon() {
    let after = |given: &str, lookup: Option<i64>, jitter: u64| {
        let mut case = serving(given);
        case.seen.next_lookup = lookup.map(at);
        requeue_after(
            &case.step,
            &case.valid,
            &case.seen,
            case.clock.now,
            Duration::from_secs(jitter),
        )
        .as_secs()
    };
    assert_eq!(after("", None, 7), 67);
    assert_eq!(after("", Some(66), 7), 66);
    assert_eq!(after("", Some(68), 7), 67);
    assert_eq!(after("", Some(30), 7), 30);
    assert_eq!(after("now: 9", Some(10), 7), 1);
    assert_eq!(after("now: 9", Some(9), 7), 5);
    assert_eq!(after("now: 9", Some(3), 7), 5);
}
