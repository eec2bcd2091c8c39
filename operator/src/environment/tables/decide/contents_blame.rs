//! Tests of the checks that a verdict about contents of the Secrets that pods read waits for.

use crokodial_crds::ConditionType;

use super::super::super::fixture::table;
use super::contents::{CRASHED, password, stored, stuck};

const JOB: &str = "spec: {mongo: {preflight: {mode: Job}}}, mongo: {verified: -500}";

/// Returns a change to a case in which content is suspected since `at`.
fn suspected(at: i64) -> String {
    format!("{JOB}, proven: {{suspected: {at}}}")
}

/// Like [`suspected`], and a check of the URI with this password ended at -5.
fn answered(at: i64, password: &str, state: &str) -> String {
    let attempt = format!("{{n: 1, password: {password}, state: {state}, at: -5}}");
    format!("{} + attempts: [{attempt}]", suspected(at))
}

#[test]
fn a_uri_is_condemned_once_the_proven_one_was_checked() {
    let of_old = |at: i64, state: &str| answered(at, "old", state);
    let rows: &[(&str, &str)] = &[
        (JOB, "1.1, suspected at 0, next 30"),
        (&suspected(-10), "1.1, suspected at -10"),
        (&of_old(-10, "Proven"), CRASHED),
        // A check of the newest URI says nothing about the proven one.
        (&answered(-10, "hunter2", "Proven"), "1.1, suspected at -10"),
        (
            &answered(-10, "hunter2", "AuthFailed"),
            "1.1, suspected at -10",
        ),
        // Nobody can be asked.
        (&suspected(-900), "1.1, suspected at -900"),
        (&of_old(-900, "lost"), "1.1, suspected at -900"),
        // A check from before says nothing.
        (&of_old(-4, "Proven"), "1.1, suspected at -4"),
        (&of_old(-4, "AuthFailed"), "1.1, suspected at -4"),
        (
            &format!(
                "{} + attempts: [{{n: 1, password: old, state: Proven, at: -331}}]",
                suspected(-900)
            ),
            "1.1, suspected at 0, next 30",
        ),
        // It must not come back.
        (&of_old(-10, "AuthFailed"), "1.1, suspected at -10"),
        (&of_old(-10, "NotAuthorized"), "1.1, suspected at -10"),
        (&of_old(-10, "BadUri"), "1.1, suspected at -10"),
        (&of_old(-10, "NotAnswering"), "1.1, suspected at -10, away"),
        (&of_old(-900, "DnsFailure"), "1.1, suspected at -900, away"),
        // The database was away: pods get time when it is back.
        (
            &format!("{} + proven: {{away: true}}", of_old(-10, "Proven")),
            "1.1, suspected at 300, next 300",
        ),
        (
            &format!("{} + proven: {{away: true}}", suspected(-400)),
            "1.1, suspected at -400, away",
        ),
        (&suspected(100), "1.1, suspected at 100, next 100"),
        // The suspicion ends with the stand-still.
        (
            &format!(
                "{}, deployment: {{overdue: false, updated: 2, total: 2}}",
                suspected(-10)
            ),
            "2.1",
        ),
    ];
    table(rows, |given| stored(&stuck(given)));
}

#[test]
fn the_proven_uri_is_checked_while_a_newer_one_is_suspected() {
    let asked = |given: &str| {
        let case = stuck(given);
        let start = case.valid.check.start.as_ref();
        let start = start.map_or_else(|| "-".to_owned(), |start| password(&start.content));
        let kept = if case.valid.check.remove.is_empty() {
            ""
        } else {
            ", removes"
        };
        format!("{start}{kept}")
    };
    let rows: &[(&str, &str)] = &[
        (JOB, "-"),
        (&suspected(-10), "old"),
        (&suspected(10), "-"),
        (&answered(-10, "old", "Proven"), "-"),
        (&answered(-10, "old", "NotAnswering"), "-"),
        (&answered(-30, "old", "running"), "-"),
        // Both answers are needed.
        (
            &format!(
                "{} + attempts: [{{n: 1, password: old, state: Proven, at: -5}}, {{n: 2, password: hunter2, state: Proven, at: -4}}]",
                suspected(-10)
            ),
            "-",
        ),
        (
            &format!(
                "{} + attempts: [{{n: 1, password: old, state: AuthFailed, at: -301}}]",
                suspected(-400)
            ),
            "old",
        ),
        ("proven: {suspected: -10}", "-"),
    ];
    table(rows, asked);
}

#[test]
fn a_condition_names_what_keeps_the_proven_uri_away() {
    let told = |given: &str| {
        let text = stuck(given).condition(ConditionType::RolledOut);
        text.split_once("earlier ones")
            .map_or(text.clone(), |(_, rest)| rest.to_owned())
    };
    let refused = answered(-10, "old", "AuthFailed");
    let rows: &[(&str, &str)] = &[
        (JOB, ""),
        (
            &suspected(-10),
            "; the earlier connection string is being checked",
        ),
        (
            &answered(-10, "old", "'running: no node for its pod'"),
            "; the earlier connection string was not checked yet: no node for its pod",
        ),
        (
            &answered(-10, "old", "lost"),
            "; the earlier connection string was not checked yet: the check was lost",
        ),
        ("proven: {suspected: -10}", ""),
        (
            &refused,
            "; the earlier connection string is refused too: the server refused the user name or password",
        ),
        (
            &answered(-10, "old", "DnsFailure"),
            "; the earlier connection string cannot be checked: no address was found for the server",
        ),
        (&answered(-10, "old", "Proven"), ""),
    ];
    table(rows, told);
    let pinned = format!("{refused} + releases: {{1: {{pin: true, pinned: -50}}}}");
    let pinned = stuck(&pinned).condition(ConditionType::RolledOut);
    assert!(pinned.contains("is refused too"), "{pinned}");
}

/// Change after which values of `config.secretRefs` are suspected instead of the URI, which is proven.
const VALUES: &str = "spec: {config: {secretRefs: [{name: app}]}}, secrets: {app: {data: {A: new}}}, config: {data: {A: new}, generation: 2}, deployment: {credentials: '2.2'}, pods: ['1 reads=2.1 since=-900', '1 reads=2.2 since=-400 exits=5'], proven: {mongo: {password: hunter2, generation: 2}, config: {data: {A: old}}}";

#[test]
fn values_are_condemned_once_the_database_was_asked() {
    let values = |given: &str| format!("{VALUES} + {given}");
    let of_uri = |at: i64, state: &str| values(&answered(at, "hunter2", state));
    let suspected = |at: i64| values(&self::suspected(at));
    let crashed =
        "2.1, config failed: pod shop-1 exited 5 times, last with exit code 1, config spent 2";
    let rows: &[(&str, &str)] = &[
        (&values(JOB), "2.1, suspected at 0, next 30"),
        (&suspected(-10), "2.1, suspected at -10, next 20"),
        // Nobody can be asked.
        (&suspected(-30), crashed),
        (&of_uri(-10, "Proven"), crashed),
        // A check from before says nothing.
        (&of_uri(-4, "Proven"), "2.1, suspected at -4, next 26"),
        (&of_uri(-10, "NotAnswering"), "2.1, suspected at -10, away"),
        (&of_uri(-900, "AuthFailed"), "2.1, suspected at -900, away"),
        // The database was away: pods get time when it is back.
        (
            &format!("{} + proven: {{away: true}}", of_uri(-10, "Proven")),
            "2.1, suspected at 300, next 300",
        ),
        (
            &format!("{} + proven: {{away: true}}", suspected(-400)),
            "2.1, suspected at -400, away",
        ),
        (&suspected(100), "2.1, suspected at 100, next 100"),
        (&suspected(-331), "2.1, suspected at 0, next 30"),
    ];
    table(rows, |given| stored(&stuck(given)));
}
