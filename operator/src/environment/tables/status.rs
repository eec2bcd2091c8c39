//! Tests of all fields of the status except the conditions.

use crokodial_crds::ReleaseStatus;
use serde_json::{Value, json};

use super::super::fixture::{Case, at, case, serving, table};

/// Returns the status without its conditions.
fn fields(case: &Case) -> Value {
    let mut status = serde_json::to_value(case.status()).unwrap();
    status.as_object_mut().unwrap().remove("conditions");
    status
}

#[test]
fn the_fields_of_a_site_that_serves() {
    let case = serving("mongo: {version: 7.0.5, generation: 3}");
    assert_eq!(
        fields(&case),
        json!({
            "observedGeneration": 5,
            "url": "http://shop.test",
            "replicas": 1,
            "selector": "app.kubernetes.io/component=web,crokodial.com/environment=shop",
            "effective": {"replicas": 1, "deletionPolicy": "Delete", "bake": "1m", "progressDeadline": "5m", "route": "Ingress", "tls": "None"},
            "release": {
                "desired": 1, "serving": 1, "lastGood": 1, "since": "2025-12-31T23:51:40Z",
                "image": "registry.test/app:1@sha256:0000000000000000000000000000000000000000000000000000000000000001",
            },
            "mongo": {"generation": 3, "verifiedAt": "2025-12-31T23:51:40Z", "serverVersion": "7.0.5", "database": "shop"},
        })
    );
}

#[test]
fn the_fields_of_a_site_that_never_was() {
    let case = case("image: Asked");
    assert_eq!(
        fields(&case),
        json!({
            "observedGeneration": 5,
            "url": "http://shop.test",
            "replicas": 0,
            "selector": "app.kubernetes.io/component=web,crokodial.com/environment=shop",
            "effective": {"replicas": 1, "deletionPolicy": "Delete", "bake": "1m", "progressDeadline": "5m", "route": "Ingress", "tls": "None"},
            "mongo": {"reason": "SecretNotFound"},
        })
    );
}

#[test]
fn the_url_is_that_of_the_route() {
    let url = |given: &str| {
        serving(given)
            .status()
            .url
            .unwrap_or_else(|| "-".to_owned())
    };
    table(
        &[
            ("", "http://shop.test"),
            (
                "spec: {tls: {mode: SelfSigned}, domain: a.test}",
                "https://a.test",
            ),
            ("spec: {route: {kind: None}}", "-"),
            ("spec: {route: {kind: None}, tls: {mode: SelfSigned}}", "-"),
        ],
        url,
    );
}

#[test]
fn a_release_serves_since_its_last_return_as_far_as_its_record_says() {
    let since = |given: &str| {
        let since = serving(given).status().release.since;
        since.map_or_else(|| "-".to_owned(), |t| t.0.to_string())
    };
    table(
        &[
            ("releases: {1: {serves: -30}}", "2025-12-31T23:59:30Z"),
            // The record of an earlier version has only its roll-out.
            ("", "2025-12-31T23:51:40Z"),
            // It has just come back, which its record does not say yet.
            ("releases: {1: {serving: false}}", "-"),
        ],
        since,
    );
}

#[test]
fn a_record_says_since_when_its_release_serves() {
    let two = "releases: {1: {serving: false}, 2: {v: '2', phase: Good, serving: true, serves: -60, rolledOut: -90, finished: -80, checked: -3}}";
    let noted = |given: &str| {
        let case = serving(given);
        let updates = case.step.decision.updates.iter();
        let since = |(n, s): &(i64, ReleaseStatus)| {
            let since = s.serving_since.as_ref().map(|t| t.0.to_string());
            format!("{n} {}", since.unwrap_or_else(|| "-".to_owned()))
        };
        updates.map(since).collect::<Vec<_>>().join(", ")
    };
    let spec = "spec: {image: 'registry.test/app:2'}";
    let serves = |release: i64| {
        format!("{spec}, {two}, deployment: {{release: {release}}}, pods: ['{release}']")
    };
    table(
        &[
            ("", ""),
            (&serves(2), ""),
            // While nothing serves, nothing begins anew.
            (
                "deployment: {release: 1, available: 0, updated: 0}, pods: []",
                "1 2025-12-31T23:51:40Z",
            ),
            (
                &serves(1).replace("1: {", "1: {pin: true, pinned: -1, "),
                "1 2026-01-01T00:00:00Z, 2 -",
            ),
        ],
        noted,
    );
}

#[test]
fn replicas_are_the_pods_there_are() {
    let case = serving(
        "spec: {runtime: {replicas: 4}}, deployment: {desired: 4, total: 3, updated: 2, available: 1}",
    );
    assert_eq!(case.status().replicas, Some(3));
}

#[test]
fn an_image_that_was_given_by_digest_has_it_once() {
    let mut case = serving("");
    case.seen.records[0].spec.image =
        format!("registry.test/app@{}", case.seen.records[0].spec.digest);
    let image = case.status().release.image.unwrap();
    assert_eq!(image, case.seen.records[0].spec.image);
}

#[test]
fn what_is_known_of_the_database() {
    let mongo = |given: &str| {
        serde_json::to_value(serving(given).status().mongo)
            .unwrap()
            .to_string()
    };
    let new = "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:new@db.test/shop'}}}";
    let tried =
        |state: &str| format!("{new}, attempts: [{{n: 1, password: new, state: {state}, at: -7}}]");
    table(
        &[
            (
                "",
                r#"{"generation":1,"verifiedAt":"2025-12-31T23:51:40Z","database":"shop"}"#,
            ),
            (
                "mongo: {verified: null}, attempts: [{n: 1, password: hunter2, state: AuthFailed}]",
                r#"{"generation":1,"reason":"AuthFailed","database":"shop"}"#,
            ),
            (
                new,
                r#"{"generation":1,"verifiedAt":"2025-12-31T23:51:40Z","candidate":"Checking","database":"shop"}"#,
            ),
            (
                &tried("AuthFailed"),
                r#"{"generation":1,"verifiedAt":"2025-12-31T23:51:40Z","reason":"AuthFailed","candidate":"Refused","database":"shop"}"#,
            ),
            (
                &tried("Proven"),
                r#"{"generation":2,"verifiedAt":"2025-12-31T23:59:53Z","database":"shop"}"#,
            ),
            (
                "mongo: null, deployment: null",
                r#"{"candidate":"Checking"}"#,
            ),
            ("mongo: null", r#"{"generation":1,"candidate":"Checking"}"#),
            (
                "mongo: null, secrets: null, deployment: null",
                r#"{"reason":"SecretNotFound"}"#,
            ),
            (
                "spec: {mongo: {preflight: {mode: 'Off'}}}",
                r#"{"generation":1,"database":"shop"}"#,
            ),
        ],
        mongo,
    );
}

#[test]
fn a_hold_says_how_it_is_lifted_and_a_pin_comes_first() {
    let hold = |given: &str| serde_json::to_value(serving(given).status().hold).unwrap();
    assert_eq!(hold(""), Value::Null);
    let second = "spec: {image: 'registry.test/app:2'}";
    let failed = |phase: &str, more: &str| {
        let mut hold = hold(&format!(
            "{second}, releases: {{2: {{v: '2', phase: {phase}, inputs: null {more}}}}}"
        ));
        hold.as_object_mut().unwrap().remove("inputs").unwrap();
        hold
    };
    let lift = "set a new image or configuration, or a new rollout.retry";
    assert_eq!(
        failed("Rejected", ", finished: -5"),
        json!({"kind": "Rejected", "release": 2, "since": "2025-12-31T23:59:55Z", "lift": lift})
    );
    assert_eq!(
        failed("RolledBack", ""),
        json!({"kind": "RolledBack", "release": 2, "since": "1970-01-01T00:00:00Z", "lift": lift})
    );
    let pinned = hold(&format!(
        "{second}, releases: {{1: {{pin: true, pinned: -50, inputs: abc}}, 2: {{v: '2', phase: Rejected}}}}"
    ));
    assert_eq!(
        pinned,
        json!({
            "kind": "Pin", "release": 1, "inputs": "abc", "since": "2025-12-31T23:59:10Z",
            "lift": "set spec.pin of that CrokodialRelease to false",
        })
    );
}

#[test]
fn the_inputs_of_a_hold_are_those_that_failed() {
    let case =
        serving("spec: {image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: Rejected}}");
    let wanted = case.valid.wanted.as_ref().unwrap().inputs.clone();
    assert_eq!(case.status().hold.unwrap().inputs, wanted);
}

#[test]
fn what_the_gate_says_is_told_in_numbers() {
    let of = |source: &str| {
        let given = format!(
            "spec: {{stage: prod, image: 'registry.test/app:2', promotion: {{from: {{name: staging}}}}}}, source: {source}"
        );
        let mut told = serde_json::to_value(serving(&given).status().promotion).unwrap();
        let digest = told.as_object_mut().unwrap().remove("digest").unwrap();
        assert_eq!(
            digest,
            "sha256:0000000000000000000000000000000000000000000000000000000000000002"
        );
        told.to_string()
    };
    table(
        &[
            (
                "NotFound",
                r#"{"verdict":"Refused","reason":"SourceNotFound"}"#,
            ),
            (
                "{Found: {releases: {4: {v: '2', phase: Good, good: 125, until: -1}}}}",
                r#"{"verdict":"Waiting","reason":"SoakNotMet","earliest":"2026-01-01T00:27:54Z","soaked":"2m","required":"30m"}"#,
            ),
            (
                "{Found: {releases: {4: {v: '2', phase: Good, good: 180, until: -1}}}}",
                r#"{"verdict":"Waiting","reason":"SoakNotMet","earliest":"2026-01-01T00:26:59Z","soaked":"3m","required":"30m"}"#,
            ),
            (
                "{Found: {releases: {4: {v: '2', phase: Good, good: 9000}}, measured: {'2': [1000, 5]}}}",
                r#"{"verdict":"Allowed","reason":"Succeeded","availability":"99.5","soaked":"30m","required":"30m"}"#,
            ),
        ],
        of,
    );
    let short = serving(
        "spec: {stage: prod, image: 'registry.test/app:2', promotion: {from: {name: staging}, soak: 10s}}, source: {Found: {releases: {4: {v: '2', phase: Good, good: 7}}}}",
    );
    assert_eq!(
        short.status().promotion.unwrap().soaked.as_deref(),
        Some("7s")
    );
    assert_eq!(serving("").status().promotion, None);
}

#[test]
fn the_next_check_is_the_first_known_time_and_nothing_that_recurs() {
    let next = |given: &str| {
        serving(given)
            .status()
            .next_check
            .map_or_else(|| "-".to_owned(), |t| t.0.to_string())
    };
    let baking = "spec: {image: 'registry.test/app:2'}, releases: {2: {v: '2', phase: Baking, started: -10, rolledOut: -5}}, deployment: {release: 2}, pods: ['2']";
    let refused = "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:new@db.test/shop'}}}, attempts: [{n: 1, password: new, state: AuthFailed, at: -280}]";
    let soaking = "spec: {stage: prod, runtime: {replicas: 1}, image: 'registry.test/app:2', promotion: {from: {name: staging}}}, releases: {2: {v: '2', phase: Gated}}, source: {Found: {releases: {4: {v: '2', phase: Good, good: 1770, until: -10}}}}";
    let auto = "spec: {stage: prod, runtime: {replicas: 1}, image: null, promotion: {from: {name: staging}, auto: true}}, releases: {1: {promotedFrom: 3}}, source: {Found: {releases: {4: {v: '2', phase: Good, good: 1765, until: -10}}}}";
    let values = "spec: {config: {secretRefs: [{name: app}]}}, secrets: {app: {data: {A: new}}}, staged: {data: {A: new}, generation: 2, release: 1, since: -290}";
    table(
        &[
            ("", "-"),
            (baking, "2026-01-01T00:00:56Z"),
            (refused, "2026-01-01T00:00:20Z"),
            (&format!("{baking}, {refused}"), "2026-01-01T00:00:20Z"),
            (
                &format!("{baking}, {}", refused.replace("-280", "-200")),
                "2026-01-01T00:00:56Z",
            ),
            (soaking, "2026-01-01T00:00:20Z"),
            (auto, "2026-01-01T00:00:25Z"),
            (values, "2026-01-01T00:00:10Z"),
            ("image: {Unreachable: 503}", "2026-01-01T00:00:15Z"),
            ("image: {Stale: ['1', 503]}", "2026-01-01T00:00:15Z"),
            ("image: NotFound", "2026-01-01T00:05:00Z"),
            // What recurs: the storing of a soak, checks of a candidate.
            (
                "probes: {last: 0, good: [[-30, 0, 1]]}, releases: {1: {counted: -30}}",
                "-",
            ),
            ("candidates: ['1']", "-"),
        ],
        next,
    );
}

#[test]
fn a_plan_is_told_while_the_spec_asks_for_one() {
    assert_eq!(serving("").status().plan, None);
    let plan = serving("spec: {suspend: Plan}").status().plan;
    assert_eq!(plan, Some(serving("spec: {suspend: Plan}").plan()));
}

#[test]
fn the_next_lookup_of_a_followed_tag_is_no_check_but_that_after_a_failure_is() {
    let next = |given: &str| {
        let mut case = serving(given);
        case.seen.next_lookup = Some(at(20));
        case.status().next_check.map(|t| t.0)
    };
    assert_eq!(next("spec: {follow: {interval: 20s}}"), None);
    assert_eq!(next("image: {Stale: ['1', 503]}"), Some(at(20)));
}
