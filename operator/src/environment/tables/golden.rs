//! Golden tests: all child objects of an environment as YAML, for each combination of stage, TLS mode and kind of
//! route, and for some other situations. `UPDATE_GOLDEN=1` rewrites the files; review the differences afterwards.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::apply::drift::hash;
use super::super::fixture::serving;
use super::super::model::children::{Child, ChildKind, Desired, JobChange};

/// Returns the wanted state of every child object by kind, in the order in which they are applied, then the changes to
/// release phase Jobs.
fn children(desired: &Desired) -> Value {
    let of = |kind: ChildKind| match desired.get(kind) {
        // The certificate's content is replaced, because each new certificate has a new key.
        Child::Apply(object) if kind == ChildKind::Certificate => {
            let mut object = object.clone();
            let data = object["data"].as_object_mut().unwrap();
            data.values_mut().for_each(|pem| *pem = json!("PEM"));
            object
        }
        Child::Apply(object) => object.clone(),
        other => json!(format!("{other:?}")),
    };
    let job = |change: &JobChange| match change {
        JobChange::Create(job) => json!({"create": job}),
        JobChange::Delete(metadata) => json!({"delete": metadata.name}),
    };
    let mut all = serde_json::Map::new();
    for kind in ChildKind::all() {
        all.insert(format!("{kind:?}"), of(kind));
    }
    let jobs = desired.release_jobs.iter().map(job).collect();
    all.insert("ReleaseJobs".to_owned(), Value::Array(jobs));
    Value::Object(all)
}

/// Compares the child objects of this case with `golden/<name>.yaml`.
fn golden(name: &str, given: &str) {
    let built = children(serving(given).desired());
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src/environment/tables/golden")
        .join(format!("{name}.yaml"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, serde_saphyr::to_string(&built).unwrap()).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let kept: Value = serde_saphyr::from_str(&kept).unwrap_or(Value::Null);
    // Compared one child at a time, so that a difference is easier to read.
    for (child, object) in built.as_object().unwrap() {
        assert_eq!(
            kept[child], *object,
            "{child} of {name}: UPDATE_GOLDEN=1 writes it anew"
        );
    }
    assert_eq!(hash(&kept), hash(&built), "{name}");
}

/// Part of a spec: pull Secrets, config, and the fields about pods, health checks and the roll-out that affect child
/// objects.
const WHOLE: &str = "
  imagePullSecrets: [{name: pull}]
  config: {env: [{name: LEVEL, value: 'info $(PATH)'}], configMapRefs: [{name: settings}], secretRefs: [{name: app}]}
  runtime: {port: 8080, replicas: 3, command: [/app], args: [serve], writablePaths: [/tmp, /var/cache], drain: 5s, terminationGrace: 30s}
  health: {path: /h, readinessPath: /r, livenessPath: /l, startup: 30s}
  rollout: {progressDeadline: 2m}
";

#[test]
fn children_of_every_stage_tls_mode_and_route() {
    for stage in ["staging", "prod"] {
        for tls in ["None", "SelfSigned"] {
            for route in ["Ingress", "None"] {
                let name = format!("{stage}-tls-{tls}-route-{route}").to_lowercase();
                let given = format!(
                    "
spec:
  stage: {stage}
  tls: {{mode: {tls}}}
  route: {{kind: {route}}}
"
                );
                golden(&name, &given);
            }
        }
    }
}

#[test]
fn children_of_a_spec_that_says_everything() {
    let given = format!(
        "
spec:{WHOLE}  deletionPolicy: Retain
  route: {{ingressClassName: traefik}}
secrets: {{app: {{data: {{JWT: a-secret-of-some-length}}}}}}
configMaps: {{settings: {{A: b}}}}
config: {{data: {{JWT: a-secret-of-some-length}}, generation: 4}}
deployment: {{largest: 6}}
"
    );
    golden("everything", &given);
}

#[test]
fn children_while_a_release_and_its_release_phase_are_tried() {
    golden(
        "candidate",
        "
spec: {image: 'registry.test/app:2', runtime: {args: [serve]}, health: {livenessPath: /l}}
releases: {2: {v: '2', phase: Candidate, started: -5}}
candidates: ['2 unready']
",
    );
    golden(
        "release-phase",
        "
spec: {image: 'registry.test/app:2', runtime: {args: [serve]}, health: {livenessPath: /l}}
releases: {2: {v: '2', phase: ReleasePhase, command: true}}
",
    );
}

#[test]
fn children_while_a_proven_uri_comes_back() {
    golden(
        "proven",
        "
mongo: {generation: 2}
proven: {mongo: {password: old, verified: -900, version: 7.0.5}, config: {}, failed: hunter2, spent: 2}
deployment: {credentials: '2.1', updated: 0}
",
    );
}

#[test]
fn children_while_values_are_tried() {
    golden(
        "values",
        "
spec: {config: {secretRefs: [{name: app}]}}
secrets: {app: {data: {JWT: new}}}
config: {data: {JWT: old}}
",
    );
}
