//! Tests of the builders of objects that are not child objects, including release records, checks of a Mongo URI, and
//! the operator's own Secrets.

use std::collections::BTreeMap;

use crokodial_crds::ReleaseSpec;
use kube::ResourceExt;
use serde_json::json;

use super::super::build::{authority, preflight, release};
use super::super::effective::Effective;
use super::super::fixture::{OPERATOR_NAMESPACE, at, defaults, digest, environment, serving};
use super::super::model::annotations::SEAL;
use super::builders::owner;
use crate::fingerprint::NewKey;
use crate::release::snapshot::Snapshot;
use crate::tls::Ca;

#[test]
fn the_operators_own_secrets() {
    let ca = Ca::generate(at(0)).unwrap();
    let secret = authority::ca_secret("crokodial-ca", &ca, OPERATOR_NAMESPACE);
    let text = |key: &str| secret.data.as_ref().unwrap()[key].0.clone();
    assert_eq!(text("tls.crt"), ca.cert_pem().as_bytes());
    assert_eq!(text("tls.key"), ca.key_pem().as_bytes());
    assert_eq!(text("ca.crt"), ca.cert_pem().as_bytes());
    assert_eq!(secret.type_.as_deref(), Some("kubernetes.io/tls"));
    let labelled = json!({"name": "crokodial-ca", "namespace": OPERATOR_NAMESPACE, "labels": {"app.kubernetes.io/managed-by": "crokodial-operator"}});
    assert_eq!(json!(secret.metadata), labelled);
    let key = NewKey::generate();
    let secret = authority::key_secret(&key, OPERATOR_NAMESPACE);
    assert_eq!(secret.data.unwrap()["key"].0, key.bytes());
    assert_eq!(
        (secret.type_.as_deref(), secret.immutable),
        (Some("Opaque"), Some(true))
    );
    assert_eq!(secret.metadata.name.as_deref(), Some("crokodial-hmac"));
    assert_eq!(
        secret.metadata.labels.unwrap()["app.kubernetes.io/managed-by"],
        "crokodial-operator"
    );
}

#[test]
fn a_record_and_its_snapshot_carry_their_number() {
    let environment = environment(&json!({"releasePhase": {"command": ["/migrate"]}}));
    let effective = Effective::of(&environment.spec, &defaults()).unwrap();
    let case = serving("spec: {config: {configMapRefs: [{name: app}]}}, configMaps: {app: {A: b}}");
    let wanted = ReleaseSpec {
        environment: "shop".to_owned(),
        number: 7,
        image: "registry.test/app:2".to_owned(),
        digest: digest("2").to_string(),
        inputs: "9f3c".to_owned(),
        ..ReleaseSpec::default()
    };
    let config = &case.valid.config_values;
    let content = release::content(&owner(), &environment.spec, &effective, &wanted, config);
    let content = content.unwrap();
    let isolation = &case.seen.isolation;
    let object = release::snapshot(&owner(), &effective, &content, isolation).unwrap();
    let seal = isolation.seal(7, &content.digest());
    assert_eq!(object.annotations().get(SEAL), seal.as_ref());
    assert_eq!(object.metadata.name.as_deref(), Some("shop-r7"));
    assert_eq!(
        object.metadata.labels.as_ref().unwrap()["crokodial.com/release"],
        "7"
    );
    assert_eq!(
        object.data,
        Some(BTreeMap::from([("A".to_owned(), "b".to_owned())]))
    );
    let frozen = Snapshot::of(&object).unwrap().frozen;
    assert_eq!((frozen.number, frozen.inputs.as_str()), (7, "9f3c"));
    assert_eq!(frozen.smoke, Some(effective.smoke.clone()));
    assert_eq!(frozen.release_phase, effective.release_phase);
    assert_eq!(
        frozen.template["metadata"]["labels"]["crokodial.com/release"],
        "7"
    );
    let image = format!("registry.test/app@{}", digest("2"));
    assert_eq!(
        frozen.template["spec"]["containers"][0]["image"],
        json!(image)
    );
    let record = release::record(&owner(), &effective, &wanted);
    assert_eq!(record.metadata.name.as_deref(), Some("shop-7"));
    assert_eq!(
        record.metadata.labels.as_ref().unwrap()["crokodial.com/release"],
        "7"
    );
    assert_eq!(
        record.metadata.owner_references.as_ref().map(Vec::len),
        Some(1)
    );
    assert_eq!(record.spec, wanted);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one field after the other")]
fn a_check_of_a_connection_string_is_a_secret_and_a_job() {
    let case = serving(
        "mongo: null, chart: {pullSecret: pull}, spec: {mongo: {preflight: {timeout: 20s, role: read}}}",
    );
    let start = case.valid.check.start.as_ref().unwrap();
    let secret = preflight::secret(&owner(), start);
    assert_eq!(secret["metadata"]["name"], "shop-preflight-1");
    assert_eq!(
        secret["metadata"]["labels"]["app.kubernetes.io/component"],
        "preflight"
    );
    assert_eq!(
        (&secret["type"], &secret["immutable"]),
        (&json!("Opaque"), &json!(true))
    );
    assert_eq!(
        secret["data"],
        json!({"uri": "bW9uZ29kYjovL2FwcDpodW50ZXIyQGRiLnRlc3Qvc2hvcA=="})
    );
    let job = preflight::job(
        &owner(),
        &case.effective.preflight,
        "registry.test/operator:1",
        start,
        "s1",
    );
    assert_eq!(
        job["metadata"]["annotations"],
        json!({"crokodial.com/candidate-uid": "s1", "crokodial.com/try": "1"})
    );
    let spec = &job["spec"];
    assert_eq!(
        (
            &spec["backoffLimit"],
            &spec["activeDeadlineSeconds"],
            &spec["ttlSecondsAfterFinished"]
        ),
        (&json!(0), &json!(80), &json!(86400))
    );
    assert_eq!(
        spec["template"]["metadata"]["labels"]["app.kubernetes.io/component"],
        "preflight"
    );
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["imagePullSecrets"], json!([{"name": "pull"}]));
    assert_eq!(pod["serviceAccountName"], "shop");
    assert_eq!(
        pod["containers"][0]["args"],
        json!([
            "preflight",
            "--uri-file",
            "/preflight/uri",
            "--database",
            "shop",
            "--role",
            "read",
            "--timeout",
            "20s",
            "--answer",
            "/dev/termination-log",
        ])
    );
    assert_eq!(
        pod["volumes"],
        json!([{"name": "uri", "secret": {"secretName": "shop-preflight-1", "defaultMode": 0o440}}])
    );
    let placed = serving(
        "mongo: null, spec: {runtime: {pod: {nodeSelector: {pool: web}, tolerations: [{key: pool, operator: Exists}], affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: []}, podAffinity: {}}, priorityClassName: high}}}",
    );
    let start = placed.valid.check.start.as_ref().unwrap();
    let job = preflight::job(&owner(), &placed.effective.preflight, "i", start, "s1");
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(pod["nodeSelector"], json!({"pool": "web"}));
    assert_eq!(
        pod["tolerations"],
        json!([{"key": "pool", "operator": "Exists"}])
    );
    assert_eq!(
        pod["affinity"],
        json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}})
    );
    assert_eq!(pod["priorityClassName"], "high");
    let bare = serving("mongo: null");
    let start = bare.valid.check.start.as_ref().unwrap();
    let job = preflight::job(
        &owner(),
        &bare.effective.preflight,
        "registry.test/operator:1",
        start,
        "s1",
    );
    let pod = &job["spec"]["template"]["spec"];
    for absent in [
        "imagePullSecrets",
        "nodeSelector",
        "affinity",
        "tolerations",
    ] {
        assert_eq!(pod.get(absent), None);
    }
}
