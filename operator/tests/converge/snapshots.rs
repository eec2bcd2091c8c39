//! Tests of snapshots that somebody deleted or forged, and of what follows the release that runs instead of the spec.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{NS, SYSTEM, Site, secret};
use crokodial_fake_api::Behaviour;

const NEW: &str = "registry.test/dialer:2";
const SEAL: &str = "crokodial.com/seal";

fn content(site: &Site, name: &str) -> Value {
    let object = site.get("configmaps", name);
    json!([object["data"], object["binaryData"], object["immutable"]])
}

fn settings(level: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": NS},
        "data": {"LEVEL": level}})
}

/// Returns an installation whose release 2 is Good and read the ConfigMap `settings`.
async fn with_settings() -> Site {
    let mut site = Site::good().await;
    site.api.put(settings("info"));
    site.edit("staging", |spec| {
        spec["config"]["configMapRefs"] = json!([{"name": "settings"}]);
    });
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    site
}

/// Makes the spec ask for a release that fails, with other contents of its ConfigMap.
async fn hold(site: &mut Site) {
    site.behave(NEW, Behaviour::CrashLoop);
    site.api.put(settings("debug"));
    site.image("staging", NEW);
    site.rest("staging").await;
    let last = site.phases("staging").pop();
    assert!(last.is_some_and(|l| l.ends_with("Rejected")));
}

/// Replaces the snapshot of a release by one with another ServiceAccount and the same labels.
fn forge(site: &Site, name: &str) {
    let mut object = site.get("configmaps", name);
    let frozen = object["binaryData"]["release.json"].as_str().unwrap();
    let mut frozen: Value = serde_json::from_slice(&STANDARD.decode(frozen).unwrap()).unwrap();
    frozen["template"]["spec"]["serviceAccountName"] = json!("admin");
    object["binaryData"]["release.json"] = json!(STANDARD.encode(frozen.to_string()));
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata
        .retain(|key, _| ["name", "namespace", "labels", "annotations"].contains(&key.as_str()));
    site.api.delete("configmaps", NS, name);
    site.api.put(object);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_snapshot_comes_back_even_with_the_deployment_gone() {
    let mut site = with_settings().await;
    let (before, template, pods) = (
        content(&site, "staging-r2"),
        site.template("staging"),
        site.pods(),
    );
    site.api.delete("configmaps", NS, "staging-r2");
    site.restart();
    site.rest("staging").await;
    assert_eq!(content(&site, "staging-r2"), before);
    assert_eq!(site.template("staging"), template);
    assert_eq!(site.pods(), pods, "no pod was replaced");
    assert_eq!(site.events("SnapshotRestored").len(), 1);
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(site.writes_of("staging", 3).await, []);
    site.api.delete("configmaps", NS, "staging-r2");
    site.api.delete("deployments", NS, "staging");
    site.restart();
    site.rest("staging").await;
    assert_eq!(content(&site, "staging-r2"), before);
    assert_eq!(site.template("staging"), template);
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_cannot_come_back_is_named_and_the_site_still_scales() {
    let mut site = with_settings().await;
    hold(&mut site).await;
    let template = site.template("staging");
    site.api.delete("configmaps", NS, "staging-r2");
    site.restart();
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "RolledOut"), "False SnapshotLost");
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert!(site.events("SnapshotLost").join("").contains("staging-r2"));
    site.edit("staging", |spec| spec["runtime"]["replicas"] = json!(3));
    site.rest("staging").await;
    assert_eq!(site.pods().len(), 3);
    assert_eq!(site.template("staging"), template);
    // Values that no pod has yet are not said to be in use.
    site.api.put(secret(
        "mongo",
        &[(
            "MONGODB_URI",
            "mongodb://app:new@mongo.example.com/staging?authSource=admin",
        )],
    ));
    site.rest("staging").await;
    let conditions = site.status("staging")["conditions"].clone();
    let of = |type_: &str| {
        let all = conditions.as_array().unwrap();
        all.iter().find(|c| c["type"] == type_).cloned().unwrap()
    };
    let told = of("CredentialsValid")["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(told.contains("not in use"), "{told}");
    site.api.delete("deployments", NS, "staging");
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "RolledOut"), "False SnapshotLost");
    assert_eq!(site.condition("staging", "Available"), "False Down");
}

#[tokio::test(start_paused = true)]
async fn a_forged_snapshot_runs_nothing_and_is_replaced_or_named() {
    let mut site = with_settings().await;
    let (before, template, pods) = (
        content(&site, "staging-r2"),
        site.template("staging"),
        site.pods(),
    );
    forge(&site, "staging-r2");
    site.restart();
    site.rest("staging").await;
    assert_eq!(site.template("staging"), template);
    assert_eq!(site.pods(), pods);
    assert_eq!(content(&site, "staging-r2"), before, "what it was is known");
    assert!(
        site.events("SnapshotInvalid")
            .join("")
            .contains("staging-r2")
    );
    hold(&mut site).await;
    forge(&site, "staging-r2");
    site.restart();
    site.rest("staging").await;
    assert_eq!(site.template("staging"), template);
    assert_eq!(site.pods(), pods);
    assert_eq!(
        site.condition("staging", "RolledOut"),
        "False SnapshotInvalid"
    );
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_forged_snapshot_with_a_finalizer_stops_neither_scaling_nor_the_status() {
    let mut site = with_settings().await;
    let template = site.template("staging");
    forge(&site, "staging-r2");
    site.api.edit("configmaps", NS, "staging-r2", |object| {
        object["metadata"]["finalizers"] = json!(["example.com/stay"]);
    });
    site.restart();
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "RolledOut"),
        "False SnapshotInvalid"
    );
    site.edit("staging", |spec| spec["runtime"]["replicas"] = json!(3));
    site.rest("staging").await;
    assert_eq!(site.pods().len(), 3);
    assert_eq!(site.template("staging"), template);
}

#[tokio::test(start_paused = true)]
async fn snapshots_of_an_earlier_version_are_sealed_once() {
    let mut site = with_settings().await;
    let (template, pods) = (site.template("staging"), site.pods());
    for number in [1, 2] {
        let name = format!("staging-r{number}");
        site.api.edit("configmaps", NS, &name, |object| {
            let annotations = object["metadata"]["annotations"].as_object_mut();
            annotations.and_then(|a| a.remove(SEAL)).expect("a seal");
        });
        let name = format!("staging-{number}");
        site.api.edit("crokodialreleases", NS, &name, |object| {
            let status = object["status"].as_object_mut().unwrap();
            status.remove("snapshotDigest").expect("a digest");
        });
    }
    site.restart();
    site.rest("staging").await;
    assert_eq!(site.template("staging"), template);
    assert_eq!(site.pods(), pods);
    assert_eq!(site.events("SnapshotsSealed").len(), 1);
    for number in [1, 2] {
        let object = site.get("configmaps", &format!("staging-r{number}"));
        assert!(object["metadata"]["annotations"][SEAL].is_string());
    }
    assert_eq!(site.writes_of("staging", 3).await, []);
    // From now on nothing is sealed again: not even one that looks like an earlier version's.
    hold(&mut site).await;
    forge(&site, "staging-r2");
    site.api.edit("configmaps", NS, "staging-r2", |object| {
        object["metadata"]["annotations"] = json!({});
    });
    site.restart();
    site.rest("staging").await;
    assert_eq!(site.template("staging"), template);
    assert_eq!(
        site.condition("staging", "RolledOut"),
        "False SnapshotInvalid"
    );
    assert_eq!(site.events("SnapshotsSealed").len(), 1);
}

/// Edits the ServiceAccount in the Deployment, deletes the snapshot and lets the operator make it again from a spec whose
/// template has another digest than the record, as after an upgrade. `edit` edits more of the Deployment's pods.
async fn edited_by_hand(edit: impl FnOnce(&mut Value)) {
    let mut site = with_settings().await;
    let (before, template) = (content(&site, "staging-r2"), site.template("staging"));
    site.api
        .edit("crokodialreleases", NS, "staging-2", |object| {
            object["status"]["snapshotDigest"] = json!(format!("sha256:{}", "0".repeat(64)));
        });
    site.api.edit("deployments", NS, "staging", |object| {
        let pods = &mut object["spec"]["template"]["spec"];
        pods["serviceAccountName"] = json!("admin");
        edit(pods);
    });
    site.api.delete("configmaps", NS, "staging-r2");
    site.restart();
    site.rest("staging").await;
    assert_eq!(content(&site, "staging-r2"), before);
    assert_eq!(site.template("staging"), template);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_made_again_is_what_it_was_although_somebody_edited_the_deployment() {
    // The account is not the operator's any more, and must not be missing.
    edited_by_hand(|_| {}).await;
    // Without its image, the part of the template that is still the operator's is no template.
    edited_by_hand(|pods| {
        let image = pods["containers"][0]["image"].as_str().unwrap();
        let (_, digest) = image.split_once('@').unwrap();
        pods["containers"][0]["image"] = json!(format!("mirror.test/dialer@{digest}"));
    })
    .await;
}

/// Edits the pods' template of a Deployment whose snapshot is lost, scales the site to three pods and returns the template.
async fn edited_while_lost(edit: impl FnOnce(&mut Value)) -> Value {
    let mut site = with_settings().await;
    hold(&mut site).await;
    site.api.delete("configmaps", NS, "staging-r2");
    site.api.edit("deployments", NS, "staging", |object| {
        edit(&mut object["spec"]["template"]);
    });
    site.restart();
    site.rest("staging").await;
    site.edit("staging", |spec| spec["runtime"]["replicas"] = json!(3));
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "RolledOut"), "False SnapshotLost");
    assert_eq!(site.replicas("staging"), 3);
    site.template("staging")
}

#[tokio::test(start_paused = true)]
async fn an_edited_deployment_scales_while_the_snapshot_is_lost() {
    let template = edited_while_lost(|template| {
        template["spec"]["priorityClassName"] = json!("high");
        template["metadata"]["annotations"]["crokodial.com/credentials"] = json!("9.9");
    })
    .await;
    assert_eq!(template["spec"]["priorityClassName"], Value::Null);
    let generations = &template["metadata"]["annotations"]["crokodial.com/credentials"];
    assert_eq!(generations, "9.9", "another one would replace pods again");
    // The image that was there is not known any more.
    let template = edited_while_lost(|template| {
        template["spec"]["containers"][0]["image"] = json!(NEW);
    })
    .await;
    assert_eq!(template["spec"]["containers"][0]["image"], NEW);
}

#[tokio::test(start_paused = true)]
async fn a_secret_without_the_key_makes_no_releases_without_end() {
    let mut site = with_settings().await;
    let stored = site.api.get("secrets", SYSTEM, "crokodial-hmac").unwrap();
    // The Secret is immutable, so it is made again.
    let again = |data: Value| {
        json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "crokodial-hmac", "namespace": SYSTEM}, "data": data})
    };
    site.api.delete("secrets", SYSTEM, "crokodial-hmac");
    site.api.put(again(json!({})));
    site.restart();
    site.image("staging", NEW);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    assert_eq!(site.condition("staging", "RolledOut"), "False Unreadable");
    let told = site.message("staging", "RolledOut");
    assert!(told.contains("crokodial-hmac"), "{told}");
    site.api.delete("secrets", SYSTEM, "crokodial-hmac");
    site.api.put(again(stored["data"].clone()));
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_lost_key_stops_no_site() {
    let mut site = with_settings().await;
    let (template, pods) = (site.template("staging"), site.pods());
    site.api.delete("secrets", SYSTEM, "crokodial-hmac");
    site.restart();
    site.rest("staging").await;
    assert_eq!(site.template("staging"), template);
    assert_eq!(site.pods(), pods);
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(site.writes_of("staging", 3).await, []);
    site.image("staging", NEW);
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.runs("staging"), "3");
}

#[tokio::test(start_paused = true)]
async fn the_policy_and_the_probes_follow_the_release_that_runs() {
    let mut site = Site::good().await;
    let port = |site: &Site| {
        let policy = site.get("networkpolicies", "staging");
        policy["spec"]["ingress"][0]["ports"].clone()
    };
    let before = port(&site);
    site.behave(NEW, Behaviour::CrashLoop);
    site.edit("staging", |spec| {
        spec["image"] = json!(NEW);
        spec["runtime"]["port"] = json!(3999);
        spec["health"] = json!({"path": "/nope"});
    });
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    assert_eq!(port(&site), before);
    let path = site.probes.target("staging").unwrap().path;
    assert_eq!(path, "/api/health");
    site.image("staging", "registry.test/dialer:3");
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.runs("staging"), "3");
    assert_eq!(port(&site), json!([{"port": 3999, "protocol": "TCP"}]));
    assert_eq!(site.probes.target("staging").unwrap().path, "/nope");
}

#[tokio::test(start_paused = true)]
async fn a_role_is_proven_anew_and_a_certificate_nobody_wants_goes() {
    let mut site = Site::good().await;
    let checks = |site: &Site| {
        let jobs = site.api.list("jobs.batch", NS);
        let newest = jobs.iter().map(|j| j["metadata"]["name"].as_str().unwrap());
        newest.max().unwrap().to_owned()
    };
    let role = |site: &Site, role: &str| {
        site.edit("staging", |spec| {
            spec["mongo"]["preflight"] = json!({"role": role});
        });
    };
    role(&site, "read");
    site.rest("staging").await;
    assert_eq!(
        checks(&site),
        "staging-preflight-1",
        "readWrite includes read"
    );
    let uri = "mongodb://app:new@mongo.example.com/staging?authSource=admin";
    site.api.put(secret("mongo", &[("MONGODB_URI", uri)]));
    site.rest("staging").await;
    assert_eq!(checks(&site), "staging-preflight-2");
    role(&site, "readWrite");
    site.reconcile("staging").await;
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "Unknown PreflightRunning"
    );
    site.rest("staging").await;
    assert_eq!(checks(&site), "staging-preflight-3");
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    let authority = |site: &Site| site.api.delete("secrets", SYSTEM, "crokodial-ca");
    assert!(authority(&site));
    site.restart();
    site.rest("staging").await;
    assert_eq!(site.events("AuthorityReplaced").len(), 1);
    site.edit("staging", |spec| spec["tls"] = json!({"mode": "None"}));
    site.rest("staging").await;
    assert_eq!(site.api.get("secrets", NS, "staging-tls"), None);
    assert_eq!(site.writes_of("staging", 3).await, []);
}
