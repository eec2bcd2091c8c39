//! Tests of the wanted state of child objects and release phase Jobs. The complete objects are in `golden/`.

use serde_json::{Value, json};

use super::super::fixture::{Case, case, serving, table};
use super::super::model::children::{Child, ChildKind, JobChange};

/// Formats the action for each child object on one line (`+` apply, `=` keep, `-` remove), followed by the changes to
/// Jobs.
fn done(case: &Case) -> String {
    let desired = case.desired();
    let word = |child: &Child| match child {
        Child::Apply(_) => '+',
        Child::Keep => '=',
        Child::Remove => '-',
    };
    let jobs: Vec<String> = desired
        .release_jobs
        .iter()
        .map(|change| match change {
            JobChange::Create(job) => format!("+{}", job.metadata.name.clone().unwrap()),
            JobChange::Delete(metadata) => format!("-{}", metadata.name.clone().unwrap()),
        })
        .collect();
    let children = [
        ("account", ChildKind::ServiceAccount),
        ("policy", ChildKind::NetworkPolicy),
        ("proven", ChildKind::Proven),
        ("mongo", ChildKind::MongoActive),
        ("config", ChildKind::ConfigActive),
        ("staged", ChildKind::ConfigCandidate),
        ("trial-policy", ChildKind::CandidatePolicy),
        ("candidate", ChildKind::Candidate),
        ("deployment", ChildKind::Deployment),
        ("service", ChildKind::Service),
        ("budget", ChildKind::DisruptionBudget),
        ("certificate", ChildKind::Certificate),
        ("ingress", ChildKind::Ingress),
    ];
    let words = children.map(|(name, kind)| format!("{}{name}", word(desired.get(kind))));
    let words = words.join(" ");
    format!("{words} {}", jobs.join(" ")).trim_end().to_owned()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row a situation")]
fn what_is_done_about_each_child() {
    let kept = "=account =policy =proven =mongo =config =staged =trial-policy =candidate =deployment =service =budget =certificate =ingress";
    let whole = "+account +policy =proven +mongo +config -staged +trial-policy -candidate +deployment +service -budget -certificate +ingress";
    let but = |from: &str, to: &str| {
        assert!(whole.contains(from));
        whole.replace(from, to)
    };
    let second = |release: &str, more: &str| {
        format!(
            "spec: {{image: 'registry.test/app:2'}}, releases: {{2: {{v: '2', {release}}}}}{more}"
        )
    };
    table(
        &[
            ("", whole),
            ("foreign: [Service]", kept),
            ("spec: {runtime: {replicas: 2}}", &but("-budget", "+budget")),
            ("spec: {runtime: {replicas: 1}}", whole),
            ("spec: {route: {kind: None}}", &but("+ingress", "-ingress")),
            ("class: missing", &but("+ingress", "=ingress")),
            (
                "spec: {tls: {mode: SelfSigned}}",
                &but("-certificate", "+certificate"),
            ),
            (
                "spec: {tls: {mode: SelfSigned}}, class: missing",
                &but("-certificate +ingress", "=certificate =ingress"),
            ),
            (
                "spec: {tls: {mode: SelfSigned}}, certificate: {tls.crt: a}",
                &but("-certificate", "+certificate"),
            ),
            ("certificate: {tls.crt: a}", whole),
            ("secrets: null", whole),
            ("secrets: null, mongo: null", &but("+mongo", "=mongo")),
            (
                "spec: {config: {secretRefs: [{name: app}]}}",
                &but("+config", "=config"),
            ),
            (
                "spec: {config: {secretRefs: [{name: app}]}}, secrets: {app: {data: {A: new}}}",
                &but("+config -staged", "=config +staged").replace("-candidate", "+candidate"),
            ),
            ("lost: [1]", whole),
            (
                "lost: [1], deployment: null",
                &but("+deployment", "=deployment"),
            ),
            (
                "releases: null, deployment: null, pods: []",
                &but("+deployment", "=deployment"),
            ),
            (
                &second(
                    "phase: Candidate, started: -5",
                    ", candidates: ['2 unready']",
                ),
                &but("-candidate", "+candidate"),
            ),
            (
                &second(
                    "phase: Candidate, started: -5",
                    ", candidates: ['2 unready'], lost: [2]",
                ),
                whole,
            ),
            (
                &second("phase: ReleasePhase, command: false", ""),
                &format!("{whole} +shop-release-2"),
            ),
            (
                &second(
                    "phase: ReleasePhase, command: false",
                    ", jobs: {2: running}",
                ),
                whole,
            ),
            // A Job that ended without a verdict is deleted and created again.
            (
                &second(
                    "phase: ReleasePhase, command: false",
                    ", jobs: {2: 'over: its pod is gone'}",
                ),
                &format!("{whole} -shop-release-2"),
            ),
            (
                &second(
                    "phase: ReleasePhase, command: false",
                    ", jobs: {2: 'blocked: no node'}",
                ),
                whole,
            ),
            (
                &second(
                    "phase: ReleasePhase, command: false",
                    ", jobs: {1: succeeded}",
                ),
                &format!("{whole} -shop-release-1 +shop-release-2"),
            ),
            // While no release phase is wanted, the newest Job stays if it has ended.
            ("jobs: {1: succeeded}", whole),
            ("jobs: {1: 'failed: exit 1'}", whole),
            ("jobs: {1: 'over: its pod is gone'}", whole),
            ("jobs: {1: running}", &format!("{whole} -shop-release-1")),
            (
                "jobs: {1: 'blocked: no node'}",
                &format!("{whole} -shop-release-1"),
            ),
            (
                "jobs: {1: succeeded, 2: succeeded}",
                &format!("{whole} -shop-release-1"),
            ),
        ],
        |given| done(&serving(given)),
    );
}

#[test]
fn nothing_is_made_before_there_is_something_to_run() {
    let made = done(&case("image: Asked"));
    assert_eq!(
        made,
        "+account +policy =proven =mongo +config -staged +trial-policy -candidate =deployment +service -budget -certificate +ingress"
    );
}

/// Returns the object to apply. Panics for any other action.
pub(super) fn applied(child: &Child) -> &Value {
    match child {
        Child::Apply(object) => object,
        other => panic!("{other:?}"),
    }
}

#[test]
fn pods_carry_the_counters_of_what_they_read_and_the_deployment_the_largest_number() {
    let case = serving("mongo: {generation: 3}, config: {generation: 5}, deployment: {largest: 8}");
    let desired = case.desired();
    let deployment = applied(desired.get(ChildKind::Deployment));
    assert_eq!(
        deployment["spec"]["template"]["metadata"]["annotations"]["crokodial.com/credentials"],
        "3.5"
    );
    assert_eq!(
        deployment["metadata"]["annotations"]["crokodial.com/largest-release"],
        "8"
    );
    assert_eq!(deployment["spec"]["replicas"], 1);
    assert_eq!(
        applied(desired.get(ChildKind::MongoActive))["metadata"]["annotations"]["crokodial.com/generation"],
        "3"
    );
}

#[test]
fn a_first_release_that_failed_runs_no_pod() {
    let case =
        serving("releases: {1: {phase: Rejected, inputs: null}}, deployment: {available: 0}");
    assert_eq!(
        applied(case.desired().get(ChildKind::Deployment))["spec"]["replicas"],
        0
    );
}

#[test]
fn a_candidate_reads_what_it_tries() {
    let release = serving(
        "spec: {image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: Candidate, started: -5}}, mongo: {generation: 3}, config: {generation: 5}",
    );
    let notes = |case: &Case| {
        applied(case.desired().get(ChildKind::Candidate))["spec"]["template"]["metadata"]["annotations"]
            .to_string()
    };
    assert_eq!(notes(&release), r#"{"crokodial.com/credentials":"3.5"}"#);
    let values = serving(
        "spec: {config: {secretRefs: [{name: app}]}}, secrets: {app: {data: {A: new}}}, mongo: {generation: 3}, config: {generation: 5}",
    );
    assert_eq!(
        notes(&values),
        r#"{"crokodial.com/credentials":"3.6","crokodial.com/tries-config":"6"}"#
    );
}

#[test]
fn a_job_reads_what_serving_pods_read() {
    let case = serving(
        "spec: {image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: ReleasePhase, command: true}}, mongo: {generation: 3}, config: {generation: 5}",
    );
    let [JobChange::Create(job)] = &case.desired().release_jobs[..] else {
        panic!()
    };
    let pod = job
        .spec
        .as_ref()
        .unwrap()
        .template
        .metadata
        .as_ref()
        .unwrap();
    assert_eq!(
        pod.annotations.as_ref().unwrap()["crokodial.com/credentials"],
        "3.5"
    );
    assert_eq!(
        job.spec
            .as_ref()
            .unwrap()
            .template
            .spec
            .as_ref()
            .unwrap()
            .active_deadline_seconds,
        Some(600)
    );
}

#[test]
fn values_on_trial_keep_their_verdict() {
    let case = serving(
        "spec: {config: {secretRefs: [{name: app}]}}, secrets: {app: {data: {A: new}}}, staged: {data: {A: new}, generation: 2, release: 1, since: -7, verdict: it crashed}",
    );
    let desired = case.desired();
    let staged = applied(desired.get(ChildKind::ConfigCandidate));
    assert_eq!(
        staged["metadata"]["annotations"],
        json!({
            "crokodial.com/generation": "2", "crokodial.com/content-mark": "711a4bb1bc3ee62ce3c0d74b62452c83", "crokodial.com/tried-with": "1", "crokodial.com/since": "2025-12-31T23:59:53Z", "crokodial.com/verdict": "it crashed",
        })
    );
    assert_eq!(staged["data"], json!({"A": "bmV3"}));
    assert_eq!(desired.get(ChildKind::Candidate), &Child::Remove);
}
