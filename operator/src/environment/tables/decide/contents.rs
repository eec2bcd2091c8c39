//! Tests of the verdict about contents of the Secrets that pods read, and of what is stored in `<env>-proven`.

use super::super::super::credentials::Data;
use super::super::super::fixture::{self, Case, serving, table};
use super::super::super::pod_secret::Experience;
use super::seconds;

/// Change to an environment that serves: a roll-out to a new URI, of generation 2, stands still. One pod has it, and
/// exited five times. Two pods have the proven URI, of generation 1.
const STUCK: &str = "
spec: {runtime: {replicas: 2}, mongo: {preflight: {mode: 'Off'}}}
mongo: {generation: 2}
proven: {mongo: {password: old}, config: {}}
deployment: {release: 1, desired: 2, updated: 1, total: 3, available: 2, overdue: true, credentials: '2.1'}
pods: ['1 reads=1.1 since=-900', '1 reads=1.1 since=-900', '1 reads=2.1 since=-400 exits=5']
";

/// Builds a case from [`STUCK`], changed by these descriptions, which are separated by ` + `.
pub(super) fn stuck(given: &str) -> Case {
    let mut all = vec![fixture::SERVING, STUCK];
    all.extend(given.split(" + "));
    fixture::layers(&all)
}

/// Formats what is stored in `<env>-proven`: the generation numbers of what is proven, then what failed.
pub(super) fn stored(case: &Case) -> String {
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
        words.extend(failed.map(|failed| {
            let beside = if failed.beside_new {
                " beside new values"
            } else {
                ""
            };
            format!("{name} failed{beside}: {}", failed.cause)
        }));
        words.extend((known.spent > 0).then(|| format!("{name} spent {}", known.spent)));
    }
    if let Some(suspicion) = state.suspicion {
        words.push(format!("suspected at {}", seconds(suspicion.since)));
        words.extend(suspicion.database_away.then(|| "away".to_owned()));
    }
    words.extend(step.next.map(|at| format!("next {}", seconds(at))));
    words.join(", ")
}

pub(super) const CRASHED: &str =
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
        // What the cluster or the image does.
        (&new("since=-400 misconfigured"), OPEN),
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
        ("releases: {1: {phase: Baking}}", OPEN),
        ("foreign: [Service]", "-"),
        // A release that waits changes nothing, nor does a pin, nor a release that comes back.
        ("releases: {1: {returning: -900}}", CRASHED),
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
    let older = "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:older@db.test/shop'}}}";
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
            "1.1, mongo failed beside new values: pod shop-1 exited 5 times, last with exit code 1, mongo spent 2",
        ),
        (
            &format!("{config}, {proven}}}"),
            "2.1, config failed: pod shop-1 exited 5 times, last with exit code 1, config spent 2",
        ),
        // What failed beside these values may be good.
        (
            &format!("{config}, {proven}, failed: older, beside: true}} + {older}"),
            "2.1, config failed: pod shop-1 exited 5 times, last with exit code 1, config spent 2",
        ),
        (
            &format!("{config}, {proven}, failed: older}} + {older}"),
            "2.1, mongo failed: it crashed, config failed: pod shop-1 exited 5 times, last with exit code 1, config spent 2",
        ),
        (
            &format!("{config}, {proven}, failedConfig: {{A: new}}}}"),
            "2.1, config failed: it crashed",
        ),
    ];
    table(rows, |given| stored(&stuck(given)));
}

#[test]
fn contents_are_proven_once_all_pods_are_ready_with_them() {
    let done =
        "deployment: {overdue: false, updated: 2, total: 2}, pods: ['1 reads=2.1', '1 reads=2.1']";
    let but = |more: &str| format!("{done} + {more}");
    let older = "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:older@db.test/shop'}}}";
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
        (
            &but(&format!("{older}, proven: {{failed: older, beside: true}}")),
            "2.1, mongo failed: it crashed",
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
pub(super) const BACK: &str = "mongo: {password: old, generation: 1, verified: -800, nonce: ''}, proven: {failed: hunter2, spent: 2}, deployment: {overdue: false, updated: 2, total: 2, credentials: '1.1'}, pods: ['1 reads=1.1', '1 reads=1.1']";

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

/// Formats the password of a URI, or values of `config.secretRefs`.
pub(super) fn password(data: &Data) -> String {
    let values = data.iter().map(|(key, value)| {
        let text = String::from_utf8_lossy(&value.0).into_owned();
        let password = text
            .strip_prefix("mongodb://app:")
            .and_then(|t| t.split('@').next());
        password.map_or_else(|| format!("{key}={text}"), str::to_owned)
    });
    values.collect::<Vec<String>>().join(" ")
}
