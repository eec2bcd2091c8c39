//! Tests of the verdict about contents of the Secrets that pods read, of what is stored in `<env>-proven`, and of the
//! contents that pods get.

use crokodial_crds::ConditionType;

use super::super::super::credentials::Active;
use super::super::super::fixture::{self, Case, found, serving, table};
use super::super::super::pod_secret::Experience;
use super::seconds;

/// Change to an environment that serves: a roll-out to a new URI, of generation 2, stands still. One pod has it, and exited
/// five times. Two pods have the proven URI, of generation 1.
const STUCK: &str = "
spec: {runtime: {replicas: 2}, mongo: {preflight: {mode: 'Off'}}}
mongo: {generation: 2}
proven: {mongo: {password: old}, config: {}}
deployment: {release: 1, desired: 2, updated: 1, total: 3, available: 2, overdue: true, credentials: '2.1'}
pods: ['1 reads=1.1 since=-900', '1 reads=1.1 since=-900', '1 reads=2.1 since=-400 exits=5']
";

/// Builds a case from [`STUCK`], changed by these descriptions, which are separated by ` + `.
fn stuck(given: &str) -> Case {
    let mut all = vec![fixture::SERVING, STUCK];
    all.extend(given.split(" + "));
    fixture::layers(&all)
}

/// Formats what is stored in `<env>-proven`: the generation numbers of what is proven, then what failed.
fn stored(case: &Case) -> String {
    let step = &case.step.proven;
    let Some(state) = &step.state else {
        return "-".to_owned();
    };
    let number = |e: &Experience| e.proven.as_ref().map_or(0, |content| content.generation);
    let mut words = vec![format!(
        "{}.{}",
        number(&state.mongo),
        number(&state.config)
    )];
    for (name, known) in [("mongo", &state.mongo), ("config", &state.config)] {
        let failed = known.failed.as_ref();
        words.extend(failed.map(|failed| format!("{name} failed: {}", failed.cause)));
        words.extend((known.spent > 0).then(|| format!("{name} spent {}", known.spent)));
    }
    if let Some(suspicion) = state.suspicion {
        words.push(format!("suspected at {}", seconds(suspicion.since)));
        words.extend(suspicion.database_away.then(|| "away".to_owned()));
    }
    words.extend(step.next.map(|at| format!("next {}", seconds(at))));
    words.join(", ")
}

const CRASHED: &str =
    "1.1, mongo failed: pod shop-1 exited 5 times, last with exit code 1, mongo spent 2";
const LATE: &str = "1.1, mongo failed: pod shop-1 was not ready after 300 s, mongo spent 2";
const OPEN: &str = "1.1";

#[test]
fn only_a_lasting_fault_of_pods_with_the_newest_content_counts() {
    let pods = |words: &str| format!("pods: [{words}]");
    let new = |words: &str| {
        pods(&format!(
            "1 reads=1.1 since=-900, 1 reads=1.1 since=-900, 1 reads=2.1 {words}"
        ))
    };
    let old = |words: &str| pods(&format!("{words}, 1 reads=2.1 since=-400 exits=5"));
    let rows: &[(&str, &str)] = &[
        ("", CRASHED),
        (&new("since=-400 unready"), LATE),
        (&new("since=-200 unready"), "1.1, next 100"),
        (
            &new("since=-400 misconfigured"),
            "1.1, mongo failed: the kubelet cannot build the container of pod shop-1 (its image runs as root: write USER with a number above 0 in the Dockerfile), mongo spent 2",
        ),
        (&new("since=-200 misconfigured"), "1.1, next 100"),
        // What the cluster does.
        (&new("since=-400 unschedulable"), OPEN),
        (&new("since=-400 image"), OPEN),
        (&new("since=-400 lost"), OPEN),
        ("pods: [1 reads=1.1 since=-900]", OPEN),
        // It works in one pod.
        (
            &pods("1 reads=1.1, 1 reads=2.1 since=-400, 1 reads=2.1 since=-400 exits=5"),
            OPEN,
        ),
        (&old("1 reads=1.1 since=-900 restarted=-100"), OPEN),
        // Pods with the earlier content are not ready either.
        (&old("1 reads=1.1 since=-900 unready"), OPEN),
        (&old("1 reads=1.1 since=-900 lost"), CRASHED),
        // A pod that was replaced, or whose container restarted, has the newest content too.
        (
            &old("1 reads=1.1 since=-900, 1 reads=1.1 since=-100 exits=4"),
            CRASHED,
        ),
        (&old("1 reads=1.1 since=-100 exits=4"), CRASHED),
        (
            &old("1 reads=1.1 since=-900 restarted=-100 unready"),
            CRASHED,
        ),
        // The roll-out does not stand still, or it is another one.
        ("deployment: {overdue: false}", OPEN),
        ("deployment: {unsettled: true}", OPEN),
        ("deployment: {credentials: '1.1'}", OPEN),
        ("releases: {1: {returning: -900}}", OPEN),
        ("releases: {1: {phase: Baking}}", OPEN),
        ("foreign: [Service]", "-"),
        // A release that waits changes nothing, nor does a pin.
        (
            "spec: {image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: Rejected, finished: -5}}",
            CRASHED,
        ),
        ("releases: {1: {pin: true, pinned: -50}}", CRASHED),
        // Newer content is about to be given to pods.
        (
            "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:newer@db.test/shop'}}}",
            OPEN,
        ),
    ];
    table(rows, |given| stored(&stuck(given)));
}

#[test]
fn a_verdict_concerns_what_is_neither_proven_nor_judged() {
    let config = "spec: {config: {secretRefs: [{name: app}]}}, secrets: {app: {data: {A: new}}}, config: {data: {A: new}, generation: 2}, deployment: {credentials: '2.2'}, pods: ['1 reads=1.1 since=-900', '1 reads=2.2 since=-400 exits=5'], proven: {config: {data: {A: old}}";
    let proven = "mongo: {password: hunter2, generation: 2}";
    let rows: &[(&str, &str)] = &[
        ("proven: {mongo: {password: hunter2, generation: 2}}", "2.1"),
        ("proven: {mongo: null}", "0.1"),
        ("proven: null", "-"),
        (
            "proven: {failed: hunter2, spent: 2}",
            "1.1, mongo failed: it crashed, mongo spent 2",
        ),
        // Values were tried by a candidate pod, so the URI is judged first.
        (
            &format!("{config}}}"),
            "1.1, mongo failed: pod shop-1 exited 5 times, last with exit code 1, mongo spent 2",
        ),
        (
            &format!("{config}, {proven}}}"),
            "2.1, config failed: pod shop-1 exited 5 times, last with exit code 1, config spent 2",
        ),
        (
            &format!("{config}, {proven}, failedConfig: {{A: new}}}}"),
            "2.1, config failed: it crashed",
        ),
    ];
    table(rows, |given| stored(&stuck(given)));
}

#[test]
fn the_database_is_asked_before_the_verdict() {
    let job = |more: &str| {
        format!("spec: {{mongo: {{preflight: {{mode: Job}}}}}}, mongo: {{verified: -500}}{more}")
    };
    let since = |at: i64| job(&format!(", proven: {{suspected: {at}}}"));
    let answered = |at: i64, state: &str| {
        format!(
            "{} + attempts: [{{n: 1, password: hunter2, state: {state}, at: -5}}]",
            since(at)
        )
    };
    let rows: &[(&str, &str)] = &[
        (&job(""), "1.1, suspected at 0, next 30"),
        (&since(-10), "1.1, suspected at -10, next 20"),
        // Nobody can be asked.
        (&since(-30), CRASHED),
        (&answered(-10, "Proven"), CRASHED),
        // A check from before says nothing.
        (&answered(-4, "Proven"), "1.1, suspected at -4, next 26"),
        (
            &answered(-10, "NotAnswering"),
            "1.1, suspected at -10, away",
        ),
        (
            &answered(-900, "NotAnswering"),
            "1.1, suspected at -900, away",
        ),
        // The database was away: pods get time when it is back.
        (
            &format!("{} + proven: {{away: true}}", answered(-10, "Proven")),
            "1.1, suspected at 300, next 300",
        ),
        (
            &format!("{} + proven: {{away: true}}", since(-400)),
            "1.1, suspected at -400, away",
        ),
        (&since(100), "1.1, suspected at 100, next 100"),
        (&since(-331), "1.1, suspected at 0, next 30"),
        // The suspicion ends with the stand-still.
        (
            &format!(
                "{}, deployment: {{overdue: false, updated: 2, total: 2}}",
                since(-10)
            ),
            "2.1",
        ),
    ];
    table(rows, |given| stored(&stuck(given)));
}

#[test]
fn contents_are_proven_once_all_pods_are_ready_with_them() {
    let done =
        "deployment: {overdue: false, updated: 2, total: 2}, pods: ['1 reads=2.1', '1 reads=2.1']";
    let but = |more: &str| format!("{done} + {more}");
    let rows: &[(&str, &str)] = &[
        (done, "2.1"),
        (&but("proven: {mongo: null, config: null}"), "2.1"),
        (
            &but("proven: {failed: older, spent: 7}"),
            "2.1, mongo spent 7",
        ),
        (
            &but("proven: {failed: hunter2, spent: 2}"),
            "2.1, mongo spent 2",
        ),
        (&but("deployment: {updated: 1}"), OPEN),
        (&but("deployment: {unsettled: true}"), OPEN),
        (
            &but("deployment: {desired: 0, updated: 0, total: 0, available: 0}"),
            OPEN,
        ),
        (&but("deployment: {credentials: '1.1'}"), OPEN),
        (&but("releases: {1: {phase: Baking}}"), OPEN),
        (&but("releases: {1: {pin: true, pinned: -50}}"), "2.1"),
    ];
    table(rows, |given| stored(&stuck(given)));
    // An earlier version of the operator wrote no fingerprints.
    assert_eq!(stored(&serving("")), "-");
}

/// Change after which pods have the proven URI again, and the one in the user's Secret failed.
const BACK: &str = "mongo: {password: old, generation: 1, verified: -800, nonce: ''}, proven: {failed: hunter2, spent: 2}, deployment: {overdue: false, updated: 2, total: 2, credentials: '1.1'}, pods: ['1 reads=1.1', '1 reads=1.1']";

#[test]
fn what_failed_is_forgotten_with_other_content_or_another_nonce() {
    let secret = |password: &str| {
        format!(
            "secrets: {{mongo: {{data: {{MONGODB_URI: 'mongodb://app:{password}@db.test/shop'}}}}}}"
        )
    };
    let failed = "1.1, mongo failed: it crashed, mongo spent 2";
    let forgotten = "1.1, mongo spent 2";
    let rows: &[(&str, &str)] = &[
        (BACK, failed),
        (&format!("{BACK} + secrets: null"), failed),
        (&format!("{BACK} + {}", secret("third")), forgotten),
        (&format!("{BACK} + {}", secret("old")), forgotten),
        (
            &format!("{BACK} + spec: {{mongo: {{rotateNonce: again}}}}"),
            forgotten,
        ),
        // Pods may still have it.
        (
            &format!("proven: {{failed: hunter2, spent: 2}}, {}", secret("third")),
            failed,
        ),
    ];
    table(rows, |given| stored(&stuck(given)));
}

/// Formats the content that pods get: its password or values, its generation number and the finding.
fn given(active: &Active) -> String {
    let data = active.advance.clone().unwrap_or_default();
    let values = data.iter().map(|(key, value)| {
        let text = String::from_utf8_lossy(&value.0).into_owned();
        let password = text
            .strip_prefix("mongodb://app:")
            .and_then(|t| t.split('@').next());
        password.map_or_else(|| format!("{key}={text}"), str::to_owned)
    });
    let values: Vec<String> = values.collect();
    let what = if active.advance.is_some() {
        values.join(" ")
    } else {
        "as it is".to_owned()
    };
    format!("{what}, {}, {}", active.generation, found(&active.finding))
}

const FAILED: &str =
    "False ValuesNotReady: pods did not become ready with the URI in secret mongo: it crashed";

#[test]
fn pods_get_the_proven_uri_back_and_the_failed_one_no_more() {
    let failed = "proven: {failed: hunter2, spent: 2}";
    let newer = "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:newer@db.test/shop'}}}";
    let job = "spec: {mongo: {preflight: {mode: Job}}}";
    let mark = "0123456789abcdef0123456789abcdef";
    let elsewhere = format!(
        "spec: {{mongo: {{preflight: {{mode: Job}}}}}}, proven: {{failed: hunter2, mongo: {{password: old, verified: -900, marks: [{mark}]}}}}"
    );
    let other = format!(
        "others: [{{environment: apps/other, stage: prod, since: -5, database: [{mark}]}}]"
    );
    let old = format!("old, 1, {FAILED}");
    let rows: &[(&str, &str)] = &[
        (failed, &old),
        (BACK, &old),
        // It need not be checked, nor may it be kept for a newer one that is not proven yet.
        (&format!("{failed} + {job}"), &old),
        (
            &format!("{failed} + {newer} + {job}"),
            "old, 1, Unknown PreflightRunning: the URI in secret mongo is being proven for database shop",
        ),
        (
            &format!("{failed}, secrets: null"),
            "old, 1, False SecretNotFound: there is no secret mongo in this namespace",
        ),
        // No number is used twice.
        (
            &format!("{BACK} + {newer}"),
            "newer, 3, Unknown NotVerified: the URI in secret mongo is in use for database shop, unproven",
        ),
        (
            &format!("{BACK} + spec: {{mongo: {{rotateNonce: again}}}}"),
            "hunter2, 3, Unknown NotVerified: the URI in secret mongo is in use for database shop, unproven",
        ),
        // Nothing to return to.
        (
            "proven: {failed: hunter2, mongo: null}",
            &format!("hunter2, 2, {FAILED}"),
        ),
        (
            &format!("{elsewhere} + {other}"),
            &format!(
                "hunter2, 2, {FAILED}; the earlier URI is not used: the URI leads to the database of environment apps/other, which is of stage prod"
            ),
        ),
        (&elsewhere, &old),
    ];
    table(rows, |text| given(&stuck(text).valid.mongo));
    let case = stuck(&format!("{BACK} + {job}"));
    assert_eq!(
        case.valid.check.start, None,
        "what failed is not checked again"
    );
    assert_eq!(case.valid.check.candidate, Some("Refused"));
}

#[test]
fn pods_get_proven_values_back_and_failed_ones_no_more() {
    let live = |value: &str, generation: i64, more: &str| {
        format!(
            "spec: {{config: {{secretRefs: [{{name: app}}]}}}}, secrets: {{app: {{data: {{A: new}}}}}}, config: {{data: {{A: {value}}}, generation: {generation}}}, proven: {{mongo: {{password: hunter2, generation: 2}}, config: {{data: {{A: old}}}}, failedConfig: {{A: new}}}}, deployment: {{credentials: '2.{generation}'}}{more}"
        )
    };
    let seen = "False ValuesNotReady: pods did not become ready with the newest values of the referenced secrets: it crashed";
    let rows: &[(&str, &str)] = &[
        (&live("new", 2, ""), &format!("A=old, 1, {seen}")),
        (&live("old", 1, ""), &format!("as it is, 1, {seen}")),
        (
            &live("new", 2, " + secrets: {app: null}"),
            "A=old, 1, False SecretNotFound: there is no secret app in this namespace",
        ),
        // Other values are tried, and those that failed do not stay meanwhile.
        (
            &live("new", 2, " + secrets: {app: {data: {A: newer}}}"),
            "A=old, 1, Unknown CandidateRunning: the newest values are tried with release 1: a pod without traffic is being started",
        ),
        // Proven values need no trial.
        (
            &live("new", 2, " + secrets: {app: {data: {A: old}}}"),
            "A=old, 3, True Succeeded: the newest values of the referenced secrets are in use",
        ),
    ];
    table(rows, |text| given(&stuck(text).valid.config.active));
    let trial = stuck(&live("old", 1, "")).valid.config;
    assert!(trial.staged.is_none(), "what failed is not tried again");
}

#[test]
fn conditions_name_what_failed() {
    let config = "spec: {config: {secretRefs: [{name: app}]}}, secrets: {app: {data: {A: new}}}, config: {data: {A: new}, generation: 2}, proven: {mongo: {password: hunter2, generation: 2}, config: {data: {A: old}}, failedConfig: {A: new}}";
    let of = |given: &str, type_: ConditionType| stuck(given).condition(type_);
    let failed = "proven: {failed: hunter2, spent: 2}";
    assert_eq!(of(failed, ConditionType::CredentialsValid), FAILED);
    assert_eq!(
        of(config, ConditionType::ConfigSecretsValid),
        "False ValuesNotReady: pods did not become ready with the newest values of the referenced secrets: it crashed"
    );
    let status = stuck(&format!(
        "{BACK} + spec: {{mongo: {{preflight: {{mode: Job}}}}}}"
    ))
    .status();
    let mongo = status.mongo;
    assert_eq!(mongo.generation, Some(1));
    assert_eq!(mongo.candidate.as_deref(), Some("Refused"));
    assert_eq!(mongo.reason.as_deref(), Some("ValuesNotReady"));
}
