//! Tests of the spec with defaults applied.

use crokodial_crds::{
    DeletionPolicy, OnFailure, PreflightMode, PreflightRole, RouteKind, Suspend, TlsMode,
};
use serde_json::{Value, json};

use super::super::effective::Effective;
use super::super::fixture::{defaults, environment};
use crate::config::defaults::Defaults;
use crate::smoke::SmokePlan;

fn of(spec: &Value) -> Result<Effective, (&'static str, String)> {
    Effective::of(&environment(spec).spec, &defaults())
}

/// Formats all fields as lines of text, which the tests compare.
fn told(effective: &Effective) -> Vec<String> {
    let Effective {
        mongo_env_var,
        preflight,
        port,
        replicas,
        writable_paths,
        resources,
        drain,
        termination_grace,
        health_path,
        readiness_path,
        liveness_path,
        startup,
        smoke,
        release_phase,
        progress_deadline,
        bake,
        follow,
        on_failure,
        suspend,
        route,
        ingress_class,
        require_address,
        tls_mode,
        force_https,
        deletion_policy,
        history,
    } = effective;
    vec![
        format!("mongo: {mongo_env_var}"),
        format!(
            "preflight: {:?} {:?} {:?} {:?} {:?}",
            preflight.mode,
            preflight.timeout,
            preflight.role,
            preflight.image,
            preflight.pull_secret
        ),
        format!("port: {port}, replicas: {replicas}"),
        format!("writable: {writable_paths:?}"),
        format!("resources: {}", json!(resources)),
        format!("stop: {drain:?} of {termination_grace:?}"),
        format!("health: {health_path} {readiness_path} {liveness_path:?} in {startup:?}"),
        format!("smoke: {}", json!(smoke)),
        format!("release phase: {}", json!(release_phase)),
        format!(
            "roll-out: {progress_deadline:?}, bake {bake:?}, follow {follow:?}, then {on_failure:?}"
        ),
        format!("suspend: {suspend:?}"),
        format!("route: {route:?} {ingress_class:?} {require_address} {tls_mode:?} {force_https}"),
        format!(
            "deletion: {deletion_policy:?}, history: {} or {} d",
            history.releases, history.days
        ),
    ]
}

#[test]
fn every_default_of_staging_and_what_prod_has_otherwise() {
    let staging = told(&of(&json!({})).unwrap());
    assert_eq!(
        staging,
        [
            "mongo: MONGODB_URI",
            r#"preflight: Job 15s ReadWrite Some("registry.test/operator:1") None"#,
            "port: 3005, replicas: 1",
            r#"writable: ["/tmp"]"#,
            r#"resources: {"requests":{"cpu":"50m","memory":"64Mi"},"limits":{"memory":"256Mi"}}"#,
            "stop: 10s of 45s",
            "health: /api/health /readyz None in 120s",
            r#"smoke: {"assets":true,"checks":[{"path":"/","status":"200-299"}]}"#,
            "release phase: null",
            "roll-out: 300s, bake 60s, follow None, then Rollback",
            "suspend: None",
            "route: Ingress None true None false",
            "deletion: Delete, history: 50 or 90 d",
        ]
    );
    let prod = told(&of(&json!({"stage": "prod"})).unwrap());
    let other: Vec<_> = prod.iter().filter(|line| !staging.contains(line)).collect();
    assert_eq!(
        other,
        [
            "port: 3005, replicas: 2",
            "roll-out: 300s, bake 600s, follow None, then Rollback",
            "deletion: Retain, history: 50 or 90 d",
        ]
    );
}

#[test]
fn what_is_given_is_taken_at_both_stages() {
    let given = json!({
        "mongo": {"envVar": "DB", "preflight": {"mode": "Off", "timeout": "20s", "role": "read"}},
        "runtime": {
            "port": 8080, "replicas": 0, "writablePaths": ["/var/cache"], "drain": "0s", "terminationGrace": "1m",
            "resources": {"limits": {"cpu": "1"}},
        },
        "health": {"path": "/h", "readinessPath": "/r", "livenessPath": "/l", "startup": "30m"},
        "smoke": {"assets": false, "checks": [{"path": "/login", "status": "204", "contains": "x"}]},
        "releasePhase": {"command": ["/migrate", "up"], "timeout": "1h", "irreversible": true},
        "rollout": {"progressDeadline": "30s", "bake": "0s", "onFailure": "Pause"},
        "follow": {"interval": "90s"},
        "suspend": "Plan",
        "route": {"kind": "None", "ingressClassName": "traefik", "requireAddress": false},
        "tls": {"mode": "None", "forceHttps": true},
        "history": {"releases": 2, "days": 1},
    });
    for (stage, policy) in [("staging", "Retain"), ("prod", "Delete")] {
        let mut spec = given.clone();
        json_patch::merge(
            &mut spec,
            &json!({"stage": stage, "deletionPolicy": policy}),
        );
        let deletion = format!("deletion: {policy}, history: 2 or 1 d");
        assert_eq!(
            told(&of(&spec).unwrap()),
            [
                "mongo: DB",
                r#"preflight: Off 20s Read Some("registry.test/operator:1") None"#,
                "port: 8080, replicas: 0",
                r#"writable: ["/var/cache"]"#,
                r#"resources: {"limits":{"cpu":"1"}}"#,
                "stop: 0ns of 60s",
                "health: /h /r Some(\"/l\") in 1800s",
                r#"smoke: {"assets":false,"checks":[{"path":"/login","status":"204","contains":"x"}]}"#,
                r#"release phase: {"command":["/migrate","up"],"timeoutSeconds":3600,"irreversible":true}"#,
                "roll-out: 30s, bake 0ns, follow Some(90s), then Pause",
                "suspend: Plan",
                "route: None Some(\"traefik\") false None true",
                deletion.as_str(),
            ]
        );
    }
}

#[test]
fn what_the_chart_sets_holds_where_the_spec_says_nothing() {
    let chart = Defaults {
        ingress_class: Some("nginx".to_owned()),
        tls_mode: TlsMode::SelfSigned,
        preflight_image: None,
        preflight_pull_secret: Some("pull".to_owned()),
    };
    let of = |spec: Value| Effective::of(&environment(&spec).spec, &chart).unwrap();
    let bare = of(json!({}));
    assert_eq!(
        (bare.ingress_class.as_deref(), bare.tls_mode),
        (Some("nginx"), TlsMode::SelfSigned)
    );
    assert_eq!(
        (bare.preflight.image, bare.preflight.pull_secret.as_deref()),
        (None, Some("pull"))
    );
    let own = of(json!({"route": {"ingressClassName": "traefik"}, "tls": {"mode": "None"}}));
    assert_eq!(
        (own.ingress_class.as_deref(), own.tls_mode),
        (Some("traefik"), TlsMode::None)
    );
    // Without a certificate there is nothing to redirect to, unless the spec says so.
    let none = json!({"tls": {"mode": "None"}});
    assert_eq!((bare.force_https, of(none).force_https), (true, false));
    assert!(of(json!({"tls": {"mode": "None", "forceHttps": true}})).force_https);
}

#[test]
fn a_release_phase_may_run_for_ten_minutes_unless_it_says_otherwise() {
    let phase = of(&json!({"releasePhase": {"command": ["/migrate"]}}))
        .unwrap()
        .release_phase
        .unwrap();
    assert_eq!((phase.timeout_seconds, phase.irreversible), (600, false));
}

#[test]
fn a_field_that_got_past_the_schema_is_named() {
    let bad = |spec: Value| of(&spec).unwrap_err();
    let duration = crokodial_crds::duration::parse("soon")
        .unwrap_err()
        .to_string();
    for (spec, field) in [
        (
            json!({"mongo": {"preflight": {"timeout": "soon"}}}),
            "mongo.preflight.timeout",
        ),
        (json!({"runtime": {"drain": "soon"}}), "runtime.drain"),
        (
            json!({"runtime": {"terminationGrace": "soon"}}),
            "runtime.terminationGrace",
        ),
        (json!({"health": {"startup": "soon"}}), "health.startup"),
        (
            json!({"rollout": {"progressDeadline": "soon"}}),
            "rollout.progressDeadline",
        ),
        (json!({"rollout": {"bake": "soon"}}), "rollout.bake"),
        (json!({"follow": {"interval": "soon"}}), "follow.interval"),
        (
            json!({"releasePhase": {"command": ["/m"], "timeout": "soon"}}),
            "releasePhase.timeout",
        ),
    ] {
        assert_eq!(bad(spec), (field, duration.clone()));
    }
    let status = json!({"smoke": {"checks": [{"path": "/", "status": "ok"}]}});
    let (field, problem) = bad(status);
    assert_eq!(field, "smoke.checks.status");
    assert_eq!(
        problem,
        "not a status: write one such as 200, or a range such as 200-299, the lower end first"
    );
}

#[test]
fn history_that_is_no_count_keeps_none_beyond_what_must_stay() {
    let negative = of(&json!({"history": {"releases": -1}})).unwrap();
    assert_eq!(negative.history.releases, 0);
}

#[test]
fn only_the_word_none_lets_the_operator_go_on() {
    let suspended = |word: &str| of(&json!({"suspend": word})).unwrap().suspended();
    assert_eq!(["None", "Plan", "All"].map(suspended), [false, true, true]);
    assert!(!of(&json!({})).unwrap().suspended());
}

#[test]
fn the_status_echoes_what_depends_on_the_stage_or_the_chart() {
    let echo = |spec: Value| serde_json::to_value(of(&spec).unwrap().status()).unwrap();
    assert_eq!(
        echo(json!({"stage": "prod"})),
        json!({
            "replicas": 2, "deletionPolicy": "Retain", "bake": "10m", "progressDeadline": "5m", "route": "Ingress", "tls": "None",
        })
    );
    assert_eq!(
        echo(json!({
            "runtime": {"replicas": 3}, "rollout": {"bake": "90s", "progressDeadline": "1h"},
            "route": {"ingressClassName": "traefik"}, "tls": {"mode": "SelfSigned"},
        })),
        json!({
            "replicas": 3, "deletionPolicy": "Delete", "bake": "1m30s", "progressDeadline": "1h", "route": "Ingress",
            "ingressClassName": "traefik", "tls": "SelfSigned",
        })
    );
}

#[test]
fn the_words_of_a_spec_are_those_of_the_types() {
    let effective = of(&json!({})).unwrap();
    assert_eq!(effective.smoke, SmokePlan::default());
    assert_eq!(
        (effective.preflight.mode, effective.preflight.role),
        (PreflightMode::Job, PreflightRole::ReadWrite)
    );
    assert_eq!(
        (effective.on_failure, effective.suspend),
        (OnFailure::Rollback, Suspend::None)
    );
    assert_eq!(
        (effective.route, effective.deletion_policy),
        (RouteKind::Ingress, DeletionPolicy::Delete)
    );
}
