//! Tests of the validation results that are not conditions, including the wanted release, the generation numbers of the
//! credentials, and what may be written.

use super::super::credential_check::CredentialState;
use super::super::decide::view;
use super::super::fixture::{case, digest, found, serving, table};
use crate::release::inputs;

#[test]
fn what_is_wanted_is_the_image_by_digest_with_all_that_makes_a_release() {
    let case = serving(
        "spec: {rollout: {retry: a}, config: {configMapRefs: [{name: one}, {name: two}]}}, configMaps: {one: {A: '1', B: '1'}, two: {B: '2'}}",
    );
    let values = &case.valid.config_values;
    assert_eq!(format!("{values:?}"), r#"{"A": "1", "B": "2"}"#);
    let wanted = case.valid.wanted.as_ref().unwrap();
    assert_eq!(
        wanted.inputs,
        inputs::hash(&digest("1"), &case.environment.spec, values)
    );
    assert_eq!(
        (wanted.digest.as_str(), wanted.image.as_str()),
        (digest("1").to_string().as_str(), "registry.test/app:1")
    );
    assert_eq!((wanted.retry.as_str(), wanted.automatic), ("a", false));
    let stale = serving("image: {Stale: ['3', 503]}").valid.wanted.unwrap();
    assert_eq!(stale.digest, digest("3").to_string());
}

#[test]
fn what_is_not_known_is_not_wanted_and_says_why() {
    let of = |given: &str| {
        serving(given)
            .valid
            .wanted
            .map_or_else(|finding| found(&finding), |_| "-".to_owned())
    };
    table(
        &[
            ("", "-"),
            (
                "image: Asked",
                "Unknown Progressing: the registry of registry.test/app:1 was asked",
            ),
            (
                "image: NotFound",
                "False ImageNotFound: the registry has no registry.test/app:1; it is asked again within about 5m, and at once after a new rollout.retry",
            ),
            (
                "spec: {config: {configMapRefs: [{name: app}]}}",
                "False ConfigMapNotFound: there is no ConfigMap app in this namespace",
            ),
            (
                "spec: {config: {configMapRefs: [{name: app}]}}, image: NotFound",
                "False ImageNotFound: the registry has no registry.test/app:1; it is asked again within about 5m, and at once after a new rollout.retry",
            ),
        ],
        of,
    );
    assert!(
        serving(
            "spec: {config: {configMapRefs: [{name: app}, {name: b}]}}, configMaps: {app: {A: b}}"
        )
        .valid
        .config_values
        .is_empty()
    );
}

#[test]
fn only_what_nobody_typed_waits_for_the_release_under_way() {
    let of = |given: &str| serving(given).valid.wanted.unwrap().automatic.to_string();
    let moved = |release: &str, spec: &str| {
        format!(
            "spec: {{follow: {{interval: 1m}}{spec}}}, image: {{Is: '9'}}, releases: {{2: {{phase: {release}}}}}"
        )
    };
    let auto = "spec: {stage: prod, image: null, promotion: {from: {name: staging}, auto: true}}, source: {Found: {releases: {4: {v: '9', phase: Good, good: 1800}}}}";
    table(
        &[
            (&moved("Rolling", ""), "true"),
            (&moved("Preflight", ""), "true"),
            (&moved("Good", ""), "true"),
            (&moved("Pending", ""), "false"),
            (&moved("Gated", ""), "false"),
            (&moved("null", ""), "false"),
            // A person changed the configuration, the image or `retry`.
            (&moved("Rolling, inputs: abc", ""), "false"),
            (&moved("Rolling, v: '3'", ""), "false"),
            (&moved("Rolling", ", rollout: {retry: a}"), "false"),
            (&moved("Rolling, retry: a", ", rollout: {retry: a}"), "true"),
            (
                &moved("Rolling", "").replace("follow: {interval: 1m}", "suspend: All"),
                "false",
            ),
            (
                &format!("{auto}, releases: {{2: {{v: '3', phase: Rolling}}}}"),
                "true",
            ),
            (
                &format!("{auto}, releases: {{2: {{v: '3', phase: Gated}}}}"),
                "false",
            ),
            (
                &auto
                    .replace("auto: true", "auto: false")
                    .replace("image: null", "image: 'registry.test/app:9'"),
                "false",
            ),
        ],
        of,
    );
    assert!(
        !case("spec: {follow: {interval: 1m}}")
            .valid
            .wanted
            .unwrap()
            .automatic,
        "there is no release yet"
    );
}

#[test]
fn a_copy_that_is_gone_is_counted_on_from_what_pods_carry() {
    let of = |given: &str| {
        let valid = serving(given).valid;
        format!(
            "{} {}",
            valid.mongo.generation, valid.config.active.generation
        )
    };
    let proven = "attempts: [{n: 1, password: hunter2, state: Proven}]";
    let gone = |credentials: &str| {
        format!("mongo: null, config: null, {proven}, deployment: {{credentials: '{credentials}'}}")
    };
    table(
        &[
            ("", "1 1"),
            (
                "mongo: {generation: 4}, config: {generation: 6}, deployment: {credentials: '9.9'}",
                "4 6",
            ),
            (&gone("7.3"), "8 4"),
            (&gone("7"), "1 1"),
            (&gone("x.3"), "1 4"),
            (&format!("mongo: null, {proven}, deployment: null"), "1 1"),
            ("mongo: null, deployment: {credentials: '7.3'}", "7 1"),
        ],
        of,
    );
}

#[test]
fn what_is_known_of_the_credential_that_pods_read() {
    let of = |given: &str| match serving(given).valid.credentials {
        CredentialState::Bad(reason, seen) => format!("Bad {reason}: {seen}"),
        other => format!("{other:?}"),
    };
    let suspected = |verified: i64| {
        format!(
            "mongo: {{verified: {verified}}}, releases: {{2: {{v: '2', phase: Rolling, suspected: -5}}}}, spec: {{image: 'registry.test/app:2'}}"
        )
    };
    table(
        &[
            ("", "Proven"),
            ("spec: {mongo: {preflight: {mode: 'Off'}}}", "Off"),
            (
                "mongo: null, secrets: null",
                "Bad SecretNotFound: there is no secret mongo in this namespace",
            ),
            ("mongo: {verified: null}", "Checking"),
            // If a release has `suspectedAt`, only a check made since then counts.
            (&suspected(-5), "Proven"),
            (&suspected(-6), "Checking"),
        ],
        of,
    );
}

#[test]
fn a_route_is_written_only_where_it_may_be() {
    let of = |given: &str| serving(given).valid.route.write.to_string();
    table(
        &[
            ("", "true"),
            ("ingress: null", "true"),
            ("spec: {route: {kind: None}}", "false"),
            ("class: missing", "false"),
            (
                "claims: [{namespace: b, name: other, routed: true}]",
                "false",
            ),
            ("claims: [{namespace: apps, name: shop}]", "true"),
        ],
        of,
    );
}

#[test]
fn a_route_is_withdrawn_only_if_its_host_is_not_the_environments() {
    let of = |given: &str| serving(given).valid.withdraw_route.to_string();
    let acme = |domains: &str| {
        format!("tenants: [{{name: acme, namespaces: [apps], domains: [{domains}]}}]")
    };
    let reserved = "tenants: [{name: other, namespaces: [b], domains: ['*.test']}]";
    let old = "ingress: {host: old.example}";
    let taken = "claims: [{namespace: b, name: other, routed: true, confirmed: true}, {namespace: apps, name: shop, routed: true}]";
    table(
        &[
            ("", "false"),
            (&acme("shop.test"), "false"),
            (&acme("'*.test'"), "false"),
            (&acme("'*.shop.test'"), "true"),
            (reserved, "true"),
            (&format!("{}, ingress: null", acme("other.test")), "false"),
            // The domain of the spec changed, and the route keeps its old host if the tenant may use that.
            (&format!("{}, {old}", acme("old.example")), "false"),
            (&format!("{}, {old}", acme("other.test")), "true"),
            (&format!("{}, {old}", acme("shop.test")), "false"),
            (taken, "true"),
            (&format!("{taken}, {old}"), "false"),
            (
                &format!("{taken}, spec: {{route: {{kind: None}}}}"),
                "false",
            ),
        ],
        of,
    );
}

#[test]
fn each_child_of_somebody_elses_is_named() {
    let of = |given: &str| {
        serving(given)
            .valid
            .conflict
            .map_or_else(|| "-".to_owned(), |finding| found(&finding))
    };
    let one = |object: &str| {
        format!(
            "False NameConflict: {object} exists and was not made by this operator; nothing was changed"
        )
    };
    for (child, object) in [
        ("ServiceAccount", "ServiceAccount shop"),
        ("NetworkPolicy", "NetworkPolicy shop"),
        ("Proven", "Secret shop-proven"),
        ("MongoActive", "Secret shop-mongo-active"),
        ("ConfigActive", "Secret shop-config-active"),
        ("ConfigCandidate", "Secret shop-config-candidate"),
        ("CandidatePolicy", "NetworkPolicy shop-candidate"),
        ("Candidate", "Deployment shop-candidate"),
        ("Service", "Service shop"),
        ("DisruptionBudget", "PodDisruptionBudget shop"),
        ("Certificate", "Secret shop-tls"),
        ("Ingress", "Ingress shop"),
    ] {
        let all = "spec: {runtime: {replicas: 2}, tls: {mode: SelfSigned}}";
        assert_eq!(of(&format!("{all}, foreign: [{child}]")), one(object));
        assert_eq!(of(&format!("{all}, ours: [{child}]")), "-");
    }
    assert_eq!(
        of("deployment: null, foreign: [Deployment, Service]"),
        one("Service shop, Deployment shop")
    );
    // What the spec does without may be somebody else's.
    for (spec, child) in [
        ("route: {kind: None}", "Ingress"),
        (
            "route: {kind: None}, tls: {mode: SelfSigned}",
            "Certificate",
        ),
        ("tls: {mode: None}", "Certificate"),
        ("runtime: {replicas: 1}", "DisruptionBudget"),
    ] {
        assert_eq!(of(&format!("spec: {{{spec}}}, foreign: [{child}]")), "-");
    }
}

#[test]
fn the_copies_say_of_which_stage_they_are() {
    let valid = serving("spec: {stage: prod}").valid;
    let stage = |annotations: &std::collections::BTreeMap<String, String>| {
        annotations.get("crokodial.com/stage").cloned()
    };
    assert_eq!(stage(&valid.mongo.annotations).as_deref(), Some("prod"));
    assert_eq!(
        stage(&valid.config.active.annotations).as_deref(),
        Some("prod")
    );
}

#[test]
fn a_check_that_cannot_be_run_is_told_and_one_that_is_not_wanted_is_not() {
    let of = |given: &str| found(&serving(given).valid.check.active.finding);
    table(
        &[
            (
                "mongo: null, chart: {preflightImage: none}",
                "Unknown PreflightBlocked: the operator knows no image for the check: it was started without --preflight-image",
            ),
            (
                "mongo: null",
                "Unknown PreflightRunning: the URI in secret mongo is being proven for database shop",
            ),
            (
                "spec: {mongo: {preflight: {mode: Job}}}, mongo: null",
                "Unknown PreflightRunning: the URI in secret mongo is being proven for database shop",
            ),
            (
                "spec: {mongo: {preflight: {mode: 'Off'}}}, mongo: null",
                "Unknown NotVerified: the URI in secret mongo is in use for database shop, unproven",
            ),
        ],
        of,
    );
}

#[test]
fn an_absurd_release_number_is_ignored() {
    let of = |given: &str| {
        let case = serving(given);
        let ignored = view::ignored_number(&case.seen);
        format!("{} {ignored:?}", case.step.spent)
    };
    table(
        &[
            ("", "1 None"),
            ("deployment: {release: 1, largest: 7}", "7 None"),
            (
                "deployment: {release: 1, largest: 999999999}",
                "1 Some(999999999)",
            ),
            (
                "deployment: {release: 1, largest: 7}, unclaimed: {999999999: '2'}",
                "7 Some(999999999)",
            ),
        ],
        of,
    );
}
