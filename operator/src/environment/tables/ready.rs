//! Tests of the condition `Ready`, and of `Reconciling` and `Stalled`, which are derived from it.

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{ConditionType as T, PromotionVerdict};

use super::super::fixture::{Case, at, serving, table};
use super::super::model::children::ChildKind;
use super::super::model::refused::WriteStep;
use crate::kube_io::refusal::WriteRefusal;

/// Formats the conditions `Ready`, `Reconciling` and `Stalled`.
fn kstatus(case: &Case) -> String {
    [T::Ready, T::Reconciling, T::Stalled]
        .map(|t| case.condition(t))
        .join(" | ")
}

const CALM: &str = "False Succeeded: nothing is under way";
const UNSTUCK: &str = "False Succeeded: nothing waits for a person";

/// Returns the expected conditions for a state that resolves without intervention.
fn waits(seen: &str) -> String {
    format!("False {seen} | True {seen} | {UNSTUCK}")
}

/// Returns the expected conditions for a state that a person asked for.
fn intended(seen: &str) -> String {
    format!("False {seen} | {CALM} | {UNSTUCK}")
}

/// Returns the expected conditions for a state that needs human intervention.
fn needs(seen: &str) -> String {
    format!("False {seen} | {CALM} | True {seen}")
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row a situation")]
fn ready_is_about_what_the_spec_asks_for() {
    let ready = format!("True Ready: release 1 is good and serving | {CALM} | {UNSTUCK}");
    let new = "spec: {image: 'registry.test/app:2'}";
    let baking = format!(
        "{new}, releases: {{2: {{v: '2', phase: Baking, started: -10, rolledOut: -5}}}}, deployment: {{release: 2}}, pods: ['2']"
    );
    let held = format!(
        "{new}, releases: {{2: {{v: '2', phase: Rejected, reason: CrashLoop, message: it crashed, finished: -5}}}}"
    );
    let blocked = format!(
        "{new}, releases: {{2: {{v: '2', phase: Rolling, started: -10}}}}, deployment: {{release: 2, updated: 0, total: 1}}, pods: ['1', 2 unschedulable]"
    );
    let stuck = "spec: {image: 'registry.test/app:2'}, releases: {1: {returning: -300}, 2: {v: '2', phase: Rejected, finished: -300}}, deployment: {available: 0}, pods: [1 unready]";
    table(
        &[
            ("", ready.as_str()),
            // An unknown result of a check does not make `Ready` False.
            ("mongo: {verified: null}", &ready),
            ("spec: {mongo: {preflight: {mode: 'Off'}}}", &ready),
            // A pod that is replaced or added does not change `Ready`, but a site without an available pod does.
            (
                "spec: {runtime: {replicas: 2}}, deployment: {desired: 2, available: 1, total: 2, updated: 2}",
                &ready,
            ),
            (
                "deployment: {available: 0, total: 1}, pods: ['1']",
                &waits("Progressing: release 1 is good; available pods: 0 of 1"),
            ),
            (
                "secrets: null",
                &needs("SecretNotFound: there is no secret mongo in this namespace"),
            ),
            (
                "spec: {config: {secretRefs: [{name: app}]}}",
                &needs("SecretNotFound: there is no secret app in this namespace"),
            ),
            (
                "spec: {config: {configMapRefs: [{name: app}]}}",
                &needs("ConfigMapNotFound: there is no ConfigMap app in this namespace"),
            ),
            (
                "mongo: {marks: [m]}, others: [{environment: apps/prod, stage: prod, since: -5, database: [m]}]",
                &needs(
                    "WrongDatabase: the URI leads to the database of environment apps/prod, which is of stage prod",
                ),
            ),
            (
                "image: Asked",
                &waits("Progressing: the registry of registry.test/app:1 was asked"),
            ),
            (
                "image: NotFound",
                &needs(
                    "ImageNotFound: the registry has no registry.test/app:1; it is asked again within about 5m, and at once after a new rollout.retry",
                ),
            ),
            (
                "image: {Unreachable: 503}",
                &waits(
                    "RegistryUnreachable: registry.test gave no usable answer: status 503; it is asked again within about 15s",
                ),
            ),
            (
                "ingress: {address: null}",
                &waits(
                    "NotAccepted: the Ingress controller has published no address for the Ingress yet",
                ),
            ),
            (
                "class: missing",
                &needs(
                    "ControllerMissing: the cluster has no default IngressClass, and none is named",
                ),
            ),
            (
                "foreign: [Service]",
                &needs(
                    "NameConflict: Service shop exists and was not made by this operator; nothing was changed",
                ),
            ),
            (
                "spec: {suspend: All}, foreign: [Service]",
                &needs(
                    "NameConflict: Service shop exists and was not made by this operator; nothing was changed",
                ),
            ),
            // A missing redirect to HTTPS is reported, but does not make `Ready` False.
            ("https: 200", &ready),
            ("probes: {verdict: failing}", &ready),
            (
                new,
                &waits("Progressing: release 2 is being recorded; no pod of it exists yet"),
            ),
            (
                &baking,
                &waits(
                    "Baking: release 2 runs everywhere and is watched until 2026-01-01T00:00:56Z",
                ),
            ),
            (
                &held,
                &needs("CrashLoop: release 2 failed and is held: it crashed"),
            ),
            (
                &blocked,
                &waits("Blocked: release 2 waits: no node for pod shop-2"),
            ),
            // Some pods of the last Good release serve, but the rollback is not complete.
            (
                "spec: {runtime: {replicas: 2}}, releases: {1: {returning: -300}, 2: {v: '2', phase: Rejected, finished: -300}}, deployment: {desired: 2, available: 1}, pods: ['1', 1 unready]",
                &needs(
                    "RollbackStuck: release 1 does not become ready again: pod shop-1 is not ready",
                ),
            ),
            // A pod that is away later, long after the failure, is no return.
            (
                "spec: {runtime: {replicas: 2}}, releases: {2: {v: '2', phase: Rejected, finished: -300}}, deployment: {desired: 2, available: 1}, pods: ['1', 1 unready]",
                &ready,
            ),
            (
                stuck,
                &needs(
                    "RollbackStuck: release 1 does not become ready again: pod shop-1 is not ready",
                ),
            ),
            (
                "releases: null, deployment: null, pods: [], image: Asked, ingress: null",
                &waits("Progressing: the registry of registry.test/app:1 was asked"),
            ),
            // Of several unmet concerns, the one that needs a person is reported, else the first.
            (
                "ingress: {address: null}, secrets: null",
                &needs("SecretNotFound: there is no secret mongo in this namespace"),
            ),
            (
                "image: Asked, class: missing",
                &needs(
                    "ControllerMissing: the cluster has no default IngressClass, and none is named",
                ),
            ),
            (
                "image: Asked, ingress: null",
                &waits("Progressing: the registry of registry.test/app:1 was asked"),
            ),
        ],
        |given| kstatus(&serving(given)),
    );
}

#[test]
fn what_a_person_asked_for_is_no_failure() {
    let suspended = intended("Suspended: spec.suspend tells the operator to change nothing");
    let zero = intended("ScaledToZero: runtime.replicas is 0");
    let pin = "releases: {1: {pin: true, pinned: -50}}";
    let pinned =
        intended("Pinned: release 1 is pinned since 2025-12-31T23:59:10Z and runs everywhere");
    let rolls = "Pinned: release 1 is pinned since 2025-12-31T23:59:10Z and is on its way";
    let stuck = "releases: {2: {v: '2', phase: Rejected, finished: -300}}, deployment: {available: 0}, pods: [1 unready]";
    let missing = needs("SecretNotFound: there is no secret mongo in this namespace");
    table(
        &[
            ("spec: {suspend: All}", suspended.as_str()),
            ("spec: {suspend: Plan}, image: NotFound", &suspended),
            (
                &format!("spec: {{suspend: All, image: 'registry.test/app:2'}}, {stuck}"),
                &suspended,
            ),
            (
                "spec: {runtime: {replicas: 0}}, deployment: {desired: 0}, pods: []",
                &zero,
            ),
            (
                "spec: {runtime: {replicas: 0}}, deployment: {desired: 0}, pods: [], ingress: {address: null}",
                &zero,
            ),
            (
                "spec: {image: 'registry.test/app:2', runtime: {replicas: 0}}, releases: {2: {v: '2', phase: Rolling, started: -10}}, deployment: {release: 2, desired: 0}, pods: []",
                &intended("ScaledToZero: runtime.replicas is 0, so no pod can prove release 2"),
            ),
            (pin, &pinned),
            // Nothing is released while a release is pinned, so neither image nor gate matters.
            (&format!("{pin}, image: NotFound"), &pinned),
            (&format!("{pin}, ingress: {{address: null}}"), &pinned),
            (
                &format!("{pin}, deployment: {{available: 0}}"),
                &format!("False {rolls} | True {rolls} | {UNSTUCK}"),
            ),
            (
                "spec: {stage: prod, runtime: {replicas: 1}, image: 'registry.test/app:2', promotion: {from: {name: staging}}}, releases: {1: {pin: true, pinned: -50}, 2: {v: '2', phase: Gated}}, source: NotFound",
                &pinned,
            ),
            // A problem is reported all the same.
            (&format!("{pin}, secrets: null"), &missing),
            (
                "spec: {runtime: {replicas: 0}}, deployment: {desired: 0}, pods: [], secrets: null",
                &missing,
            ),
            (
                "spec: {runtime: {replicas: 0}}, deployment: {desired: 0}, pods: [], class: missing",
                &needs(
                    "ControllerMissing: the cluster has no default IngressClass, and none is named",
                ),
            ),
        ],
        |given| kstatus(&serving(given)),
    );
}

#[test]
fn a_wait_of_the_gate_ends_by_itself_and_a_refusal_does_not() {
    let prod = |source: &str| {
        serving(&format!(
        "spec: {{stage: prod, runtime: {{replicas: 1}}, image: 'registry.test/app:2', promotion: {{from: {{name: staging}}}}}},
         releases: {{2: {{v: '2', phase: Gated}}}}, source: {source}"
    ).replace('\n', " "))
    };
    let soaking = prod("{Found: {releases: {4: {v: '2', phase: Good, good: 60}}}}");
    assert_eq!(
        kstatus(&soaking),
        waits(
            "SoakNotMet: sha256:000000000000 (release 4) must serve well in apps/staging for 30m; it is not measured to serve well there now, so the time stands still"
        )
    );
    let both = prod("{Found: {releases: {4: {v: '2', phase: Good, good: 60}}}}, secrets: null");
    assert_eq!(
        kstatus(&both),
        needs("SecretNotFound: there is no secret mongo in this namespace")
    );
    let refused = prod("NotFound");
    assert_eq!(
        kstatus(&refused),
        needs("SourceNotFound: there is no environment apps/staging")
    );
    let low = prod(
        "{Found: {releases: {4: {v: '2', phase: Good, good: 1800}}, measured: {'2': [1000, 10]}}}",
    );
    assert_eq!(
        kstatus(&low),
        needs(
            "AvailabilityTooLow: 99 % of the time measured in apps/staging was good, 99.5 % must be"
        )
    );
}

#[test]
fn what_auto_waits_for_is_not_wanted_yet() {
    let auto = "spec: {stage: prod, runtime: {replicas: 1}, image: null, promotion: {from: {name: staging}, auto: true}}, releases: {1: {promotedFrom: 3}}, source: {Found: {releases: {4: {v: '2', phase: Good, good: 60}}}}";
    let case = serving(auto);
    assert_eq!(
        case.condition(T::Ready),
        "True Ready: release 1 is good and serving"
    );
    let status = case.status();
    let promotion = status.promotion.unwrap();
    assert_eq!(
        (promotion.verdict, promotion.reason.as_str()),
        (PromotionVerdict::Waiting, "SoakNotMet")
    );
}

#[test]
fn conditions_stand_in_the_order_of_their_causes() {
    let types = |case: &Case| {
        let conditions = case.status().conditions;
        conditions
            .iter()
            .map(|c| c.type_.clone())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let all = "Ready Reconciling Stalled ImageResolved CredentialsValid DatabaseIsolated ConfigSecretsValid RolledOut RouteAccepted CertificateReady HttpsForced Available GitDiverged";
    assert_eq!(types(&serving("")), all);
    let prod = serving(
        "spec: {stage: prod, promotion: {from: {name: staging}}, tls: {forceHttps: false}}",
    );
    let of_prod = "Ready Reconciling Stalled ImageResolved CredentialsValid DatabaseIsolated Promotable ConfigSecretsValid RolledOut RouteAccepted CertificateReady Available GitDiverged";
    assert_eq!(types(&prod), of_prod);
}

#[test]
fn a_condition_keeps_its_time_while_its_status_is_the_same() {
    let old = |status: &str| {
        serving(&format!(
            "now: 70, status: {{conditions: [{{type: Available, status: '{status}', reason: Down, message: '', lastTransitionTime: '2026-01-01T00:00:09Z', observedGeneration: 4}}]}}"
        ))
    };
    let available = |case: &Case| {
        let found = case
            .status()
            .conditions
            .into_iter()
            .find(|c| c.type_ == "Available")
            .unwrap();
        (found.last_transition_time, found.observed_generation)
    };
    assert_eq!(available(&old("True")), (whole_seconds(at(9)), Some(5)));
    assert_eq!(available(&old("False")), (whole_seconds(at(70)), Some(5)));
}

#[test]
fn a_refused_write_is_the_first_thing_to_say() {
    let refusal = |lasting: bool| WriteRefusal {
        cause: "exceeded quota: stop".to_owned(),
        lasting,
        immutable: false,
        hung: false,
    };
    let after = |given: &str, lasting: bool| {
        let mut case = serving(given);
        let step = WriteStep::Child(ChildKind::Ingress);
        case.refused.refused(step, "Ingress shop", refusal(lasting));
        case
    };
    let seen = "Ingress shop could not be written: exceeded quota: stop";
    let refused = after("", true);
    assert_eq!(kstatus(&refused), needs(&format!("ApplyFailed: {seen}")));
    assert_eq!(
        refused.condition(T::RouteAccepted),
        format!("False ApplyFailed: {seen}")
    );
    assert!(
        refused
            .condition(T::RolledOut)
            .starts_with("True Succeeded")
    );
    let passing = after("", false);
    assert_eq!(kstatus(&passing), waits(&format!("Blocked: {seen}")));
    assert!(
        passing
            .condition(T::RouteAccepted)
            .starts_with("True Succeeded")
    );
    // What the operator was told not to do, and the older cause of a condition, are said instead.
    let suspended = kstatus(&after("spec: {suspend: All}", true));
    assert!(suspended.starts_with("False Suspended"), "{suspended}");
    let missing = after("class: missing", true);
    assert!(
        missing
            .condition(T::RouteAccepted)
            .starts_with("False ControllerMissing")
    );
}
