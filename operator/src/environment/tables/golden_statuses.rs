//! Golden test: the status of an environment in typical situations, without its messages. `make lint` gives these statuses
//! to the libraries of Flux, Helm and Argo CD (tests/parts/gitops). `UPDATE_GOLDEN=1` rewrites the file.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::super::fixture::serving;

const NEW: &str = "spec: {image: 'registry.test/app:2'}";

/// Returns the situations by name, as changes to an environment that serves.
#[expect(clippy::too_many_lines, reason = "a row a situation")]
fn situations() -> Vec<(&'static str, String)> {
    let prod = |source: &str| {
        format!(
            "spec: {{stage: prod, runtime: {{replicas: 1}}, image: 'registry.test/app:2', promotion: {{from: {{name: staging}}}}}}, releases: {{2: {{v: '2', phase: Gated}}}}, source: {source}"
        )
    };
    let new = |rest: &str| format!("{NEW}, {rest}");
    let pin = "releases: {1: {pin: true, pinned: -50}}";
    vec![
        ("good", String::new()),
        ("rolling-out", NEW.to_owned()),
        (
            "baking",
            new(
                "releases: {2: {v: '2', phase: Baking, started: -10, rolledOut: -5}}, deployment: {release: 2}, pods: ['2']",
            ),
        ),
        (
            "blocked",
            new(
                "releases: {2: {v: '2', phase: Rolling, started: -10}}, deployment: {release: 2, updated: 0, total: 1}, pods: ['1', 2 unschedulable]",
            ),
        ),
        (
            "rejected",
            new("releases: {2: {v: '2', phase: Rejected, reason: CrashLoop, finished: -5}}"),
        ),
        (
            "rolled-back",
            new("releases: {2: {v: '2', phase: RolledBack, reason: ProbeFailed, finished: -5}}"),
        ),
        (
            "gate-waits",
            prod("{Found: {releases: {4: {v: '2', phase: Good, good: 60}}}}"),
        ),
        ("source-is-new", prod("{Found: {releases: {}}}")),
        ("gate-refuses", prod("NotFound")),
        (
            "auto-waits",
            "spec: {stage: prod, runtime: {replicas: 1}, image: null, promotion: {from: {name: staging}, auto: true}}, releases: {1: {promotedFrom: 3}}, source: {Found: {releases: {4: {v: '2', phase: Good, good: 60}}}}".to_owned(),
        ),
        ("suspended", "spec: {suspend: All}, ours: [Service]".to_owned()),
        ("planned", "spec: {suspend: Plan}, ours: [Service]".to_owned()),
        ("pinned", pin.to_owned()),
        (
            "pin-rolls",
            format!("{pin}, deployment: {{updated: 0}}"),
        ),
        (
            "pinned-and-down",
            format!("{pin}, pods: [1 unready], probes: {{verdict: failing}}"),
        ),
        (
            "scaled-to-zero",
            "spec: {runtime: {replicas: 0}}, deployment: {desired: 0}, pods: []".to_owned(),
        ),
        (
            "new-release-at-zero",
            "spec: {image: 'registry.test/app:2', runtime: {replicas: 0}}, releases: {2: {v: '2', phase: Rolling, started: -10}}, deployment: {release: 2, desired: 0}, pods: []".to_owned(),
        ),
        ("no-address", "ingress: {address: null}".to_owned()),
        (
            "no-address-wanted",
            "ingress: {address: null}, spec: {route: {requireAddress: false}}".to_owned(),
        ),
        ("no-secret", "secrets: null".to_owned()),
        ("no-image", "image: NotFound".to_owned()),
        ("no-registry", "image: {Unreachable: 503}".to_owned()),
        ("name-conflict", "foreign: [Service]".to_owned()),
        ("good-and-down", "probes: {verdict: failing}".to_owned()),
        (
            "first-release",
            "releases: null, deployment: null, pods: [], image: Asked, ingress: null".to_owned(),
        ),
    ]
}

#[test]
fn statuses_that_other_tools_judge() {
    let mut all = Map::new();
    for (name, given) in situations() {
        let status = serving(&given).status();
        let conditions: Vec<Value> = status
            .conditions
            .iter()
            .map(|c| json!({"type": c.type_, "status": c.status, "reason": c.reason}))
            .collect();
        let kept =
            json!({"observedGeneration": status.observed_generation, "conditions": conditions});
        all.insert(name.to_owned(), kept);
    }
    let built = Value::Object(all);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src/environment/tables/golden/statuses.yaml");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, serde_saphyr::to_string(&built).unwrap()).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let kept: Value = serde_saphyr::from_str(&kept).unwrap_or(Value::Null);
    for (name, status) in built.as_object().unwrap() {
        assert_eq!(
            kept[name], *status,
            "{name}: UPDATE_GOLDEN=1 writes it anew"
        );
    }
    assert_eq!(kept, built);
}
