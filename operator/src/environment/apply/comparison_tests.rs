//! Tests of the comparison of child objects with their wanted state, by the owners of their fields.

use serde_json::{Value, json};

use super::*;

/// Returns the wanted Deployment, stamped.
fn wanted() -> Value {
    drift::stamp(json!({"metadata": {"name": "shop"}, "spec": {
        "replicas": 2,
        "paused": false,
        "template": {"spec": {"containers": [{
            "name": "web",
            "env": [{"name": "URI", "valueFrom": {"secretKeyRef": {"name": "m", "key": "uri"}}}],
            "resources": {"limits": {"cpu": "1000m"}},
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}},
        }]}},
    }}))
}

const WEB: &str = r#"k:{"name":"web"}"#;
const URI: &str = r#"k:{"name":"URI"}"#;

/// Returns the fields that the operator's apply owns, after `change` of the fields of the container.
fn ours(change: impl FnOnce(&mut Value)) -> Value {
    let mut container = json!({".": {}, "f:name": {},
        "f:env": {URI: {".": {}, "f:name": {}, "f:valueFrom": {"f:secretKeyRef": {}}}},
        "f:resources": {"f:limits": {"f:cpu": {}}},
        "f:readinessProbe": {"f:httpGet": {"f:path": {}, "f:port": {}}}});
    change(&mut container);
    let spec = json!({"f:replicas": {}, "f:paused": {}, "f:template": {"f:spec": {"f:containers": {WEB: container}}}});
    json!({"manager": MANAGER, "operation": "Apply", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": spec}})
}

fn other(manager: &str, subresource: &str, spec: &Value) -> Value {
    json!({"manager": manager, "operation": "Update", "subresource": subresource, "time": "2026-01-02T00:00:00Z",
        "fieldsV1": {"f:spec": spec}})
}

fn of_container(container: &Value) -> Value {
    json!({"f:template": {"f:spec": {"f:containers": {WEB: container}}}})
}

fn live(change: impl FnOnce(&mut Value), managers: &[Value]) -> Value {
    let mut found = wanted();
    change(&mut found);
    found["metadata"]["managedFields"] = json!(managers);
    found
}

fn container(found: &mut Value) -> &mut Value {
    &mut found["spec"]["template"]["spec"]["containers"][0]
}

/// Returns what is wrong with the object, and whether fields were added.
fn told(found: &Value) -> (String, bool) {
    let comparison = Comparison::of(ChildKind::Deployment, found, &wanted());
    let culprits = comparison.culprits().unwrap_or_default();
    assert_eq!(comparison.is_as_wanted(), culprits.is_empty(), "{culprits}");
    (culprits, comparison.has_added_fields())
}

fn said(text: &str, added: bool) -> (String, bool) {
    (text.to_owned(), added)
}

#[test]
fn defaults_and_rewritten_values_are_no_change() {
    let all = ours(|_| {});
    assert_eq!(
        told(&live(|_| {}, std::slice::from_ref(&all))),
        said("", false)
    );
    // Defaults, and what admission webhooks add, have no owner.
    let defaulted = live(
        |o| {
            container(o)["terminationMessagePath"] = json!("/dev/termination-log");
            o["spec"]["template"]["spec"]["dnsPolicy"] = json!("ClusterFirst");
            o["spec"].as_object_mut().unwrap().remove("paused");
        },
        std::slice::from_ref(&all),
    );
    assert_eq!(told(&defaulted), said("", false));
    // The API server or a webhook wrote the value that the operator owns in another way.
    let rewritten = live(
        |o| container(o)["resources"]["limits"]["cpu"] = json!("1"),
        &[all],
    );
    assert_eq!(told(&rewritten), said("", false));
}

#[test]
fn fields_that_others_add_to_the_pod_template_are_named_with_their_manager() {
    let evil = of_container(
        &json!({"f:args": {}, "f:env": {r#"k:{"name":"EVIL"}"#: {".": {}, "f:name": {}, "f:value": {}}}}),
    );
    let sidecar = json!({"f:template": {"f:spec": {
        "f:containers": {r#"k:{"name":"log"}"#: {".": {}, "f:name": {}, "f:image": {}}},
        "f:nodeSelector": {}}}});
    let restart = json!({"f:template": {"f:metadata": {"f:annotations": {"f:kubectl.kubernetes.io/restartedAt": {}}}}});
    let found = live(
        |_| {},
        &[
            ours(|_| {}),
            other("kubectl-set", "", &evil),
            other("kubectl-edit", "", &sidecar),
            other("kubectl-rollout", "", &restart),
        ],
    );
    let wanted = "kubectl-edit (spec.template.spec.containers[log], spec.template.spec.nodeSelector) and kubectl-set (spec.template.spec.containers[web].args, spec.template.spec.containers[web].env[EVIL])";
    assert_eq!(told(&found), said(wanted, true));
    let restarted = live(
        |_| {},
        &[ours(|_| {}), other("kubectl-rollout", "", &restart)],
    );
    assert_eq!(told(&restarted), said("", false));
}

#[test]
fn a_union_whose_other_member_was_set_is_replaced_as_a_whole() {
    let set = of_container(&json!({"f:env": {URI: {"f:value": {}}}}));
    let lost = ours(|c| c["f:env"][URI] = json!({".": {}, "f:name": {}}));
    let found = live(
        |o| container(o)["env"][0] = json!({"name": "URI", "value": "mongodb://hunter2"}),
        &[lost, other("kubectl-set", "", &set)],
    );
    let (text, added) = told(&found);
    assert!(
        text.contains("kubectl-set (spec.template.spec.containers[web].env[URI].value"),
        "{text}"
    );
    assert!(added && !text.contains("hunter2"));
    let patch = replacement(ChildKind::Deployment, &found, &wanted());
    let mut patched = found.clone();
    json_patch::merge(&mut patched, &patch);
    assert_eq!(
        container(&mut patched)["env"],
        container(&mut wanted())["env"]
    );
    // A probe that is replaced by another kind of probe.
    let exec = of_container(&json!({"f:readinessProbe": {"f:exec": {"f:command": {}}}}));
    let found = live(
        |o| container(o)["readinessProbe"] = json!({"exec": {"command": ["true"]}}),
        &[
            ours(|c| {
                c.as_object_mut().unwrap().remove("f:readinessProbe");
            }),
            other("kubectl-patch", "", &exec),
        ],
    );
    assert!(told(&found).1);
    let mut patched = found.clone();
    json_patch::merge(
        &mut patched,
        &replacement(ChildKind::Deployment, &found, &wanted()),
    );
    assert_eq!(patched["spec"], wanted()["spec"]);
}

#[test]
fn a_scale_is_told_with_its_subresource_and_a_status_is_nobodys_change() {
    let scale = json!({"f:replicas": {}});
    let revision = json!({"manager": "kube-controller-manager", "operation": "Update", "subresource": "status",
        "time": "2026-01-09T00:00:00Z", "fieldsV1": {"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}}});
    let unscaled = {
        let mut all = ours(|_| {});
        all["fieldsV1"]["f:spec"]
            .as_object_mut()
            .unwrap()
            .remove("f:replicas");
        all
    };
    let scaled = |manager: &str| {
        live(
            |o| o["spec"]["replicas"] = json!(7),
            &[
                unscaled.clone(),
                other(manager, "scale", &scale),
                revision.clone(),
            ],
        )
    };
    assert_eq!(
        told(&scaled("kubectl")),
        said("kubectl (scale) (spec.replicas)", false)
    );
    let autoscaled = scaled("kube-controller-manager");
    let comparison = Comparison::of(ChildKind::Deployment, &autoscaled, &wanted());
    assert!(comparison.is_autoscaled());
    // The operator's own scaling of a Deployment that must not roll.
    let own = live(
        |o| o["spec"]["replicas"] = json!(7),
        &[unscaled.clone(), other(MANAGER, "", &scale)],
    );
    let comparison = Comparison::of(ChildKind::Deployment, &own, &wanted());
    assert!(!comparison.is_as_wanted());
    assert_eq!(comparison.culprits(), None);
}

#[test]
fn defaults_that_a_replacement_has_set_matter_only_for_a_new_wish() {
    let default = of_container(&json!({"f:readinessProbe": {"f:httpGet": {"f:scheme": {}}}}));
    let mut found = live(|_| {}, &[ours(|_| {}), other(MANAGER, "", &default)]);
    let comparison = Comparison::of(ChildKind::Deployment, &found, &wanted());
    assert!(comparison.is_as_wanted());
    found["metadata"]["annotations"][APPLIED] = json!("older");
    let comparison = Comparison::of(ChildKind::Deployment, &found, &wanted());
    assert!(!comparison.is_as_wanted() && comparison.has_added_fields());
}

#[test]
fn a_pause_a_removed_field_and_a_new_wish() {
    let paused = live(
        |o| o["spec"]["paused"] = json!(true),
        &[
            {
                let mut all = ours(|_| {});
                all["fieldsV1"]["f:spec"]
                    .as_object_mut()
                    .unwrap()
                    .remove("f:paused");
                all
            },
            other("kubectl-rollout", "", &json!({"f:paused": {}})),
        ],
    );
    assert_eq!(told(&paused), said("kubectl-rollout (spec.paused)", false));
    let removed = live(
        |o| {
            container(o)
                .as_object_mut()
                .unwrap()
                .remove("readinessProbe");
        },
        &[
            ours(|c| {
                c.as_object_mut().unwrap().remove("f:readinessProbe");
            }),
            other("kubectl-edit", "", &json!({"f:minReadySeconds": {}})),
        ],
    );
    let (text, _) = told(&removed);
    assert!(text.starts_with("kubectl-edit ("), "{text}");
    assert!(text.contains("readinessProbe"), "{text}");
    let mut other_wish = wanted();
    other_wish["metadata"]["annotations"][APPLIED] = json!("older");
    other_wish["metadata"]["managedFields"] = json!([ours(|_| {})]);
    let comparison = Comparison::of(ChildKind::Deployment, &other_wish, &wanted());
    assert!(!comparison.is_as_wanted());
    assert_eq!(comparison.culprits(), None, "nobody is to blame");
}

#[test]
fn a_service_port_a_rule_and_a_key_of_a_secret_are_replaced() {
    let patched = |kind: ChildKind, wanted: &Value, found: &Value| {
        let comparison = Comparison::of(kind, found, wanted);
        let mut result = found.clone();
        json_patch::merge(&mut result, &replacement(kind, found, wanted));
        result["metadata"] = wanted["metadata"].clone();
        (
            comparison.is_as_wanted(),
            comparison.has_added_fields(),
            result == *wanted,
        )
    };
    let stamped = |object: Value| drift::stamp(object);
    let with = |wanted: &Value, change: Value, entry: Value| {
        let mut found = wanted.clone();
        json_patch::merge(&mut found, &change);
        found["metadata"]["managedFields"] = json!([entry]);
        found
    };
    let entry = |fields: Value| json!({"manager": "kubectl-patch", "operation": "Update", "time": "t", "fieldsV1": fields});
    let service =
        stamped(json!({"metadata": {}, "spec": {"ports": [{"name": "http", "port": 80}]}}));
    let port = with(
        &service,
        json!({"spec": {"ports": [{"name": "http", "port": 81}]}}),
        entry(
            json!({"f:spec": {"f:ports": {r#"k:{"port":81,"protocol":"TCP"}"#: {".": {}, "f:port": {}}}}}),
        ),
    );
    assert_eq!(
        patched(ChildKind::Service, &service, &port),
        (false, true, true)
    );
    let policy =
        stamped(json!({"metadata": {}, "spec": {"ingress": [{"ports": [{"port": 3005}]}]}}));
    let rule = with(
        &policy,
        json!({"spec": {"ingress": [{"ports": [{"port": 3005}, {"port": 22}]}]}}),
        entry(json!({"f:spec": {"f:ingress": {}}})),
    );
    let (as_wanted, _, restored) = patched(ChildKind::NetworkPolicy, &policy, &rule);
    assert!(!as_wanted && restored);
    let secret = stamped(json!({"metadata": {}, "data": {"uri": "eA=="}}));
    let key = with(
        &secret,
        json!({"data": {"NEW": "eA=="}}),
        entry(json!({"f:data": {"f:NEW": {}}})),
    );
    assert_eq!(
        patched(ChildKind::MongoActive, &secret, &key),
        (false, true, true)
    );
    let account = Comparison::of(ChildKind::ServiceAccount, &key, &secret);
    assert!(account.is_as_wanted(), "others may add fields there");
}
