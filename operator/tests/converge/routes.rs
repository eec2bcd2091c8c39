//! Tests of conflicts over host names and object names, of Ingresses, and of certificates.

use crokodial_operator::tls;
use serde_json::{Value, json};

use crate::support::site::SYSTEM;
use crate::support::{NS, Site, environment};

fn host(site: &Site, name: &str) -> Value {
    site.get("ingresses", name)["spec"]["rules"][0]["host"].clone()
}

/// Returns the host names in the certificate of the Secret `<name>-tls`.
fn certified(site: &Site, name: &str) -> Vec<String> {
    use base64::Engine;
    let object = site.get("secrets", &format!("{name}-tls"));
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(object["data"]["tls.crt"].as_str().unwrap())
        .unwrap();
    tls::inspect(&String::from_utf8(bytes).unwrap())
        .unwrap()
        .hosts
}

#[tokio::test(start_paused = true)]
async fn a_foreign_object_of_a_childs_name_is_never_touched() {
    let mut site = Site::new();
    site.api.put(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "staging", "namespace": NS},
        "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 80}]}}));
    let before = site.get("services", "staging");
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "RouteAccepted"),
        "False NameConflict"
    );
    assert_eq!(site.condition("staging", "Ready"), "False NameConflict");
    assert_eq!(site.get("services", "staging"), before);
    for kind in [
        "deployments",
        "ingresses",
        "serviceaccounts",
        "networkpolicies",
        "secrets.",
        "crokodialreleases",
    ] {
        let found = site.api.list(kind.trim_end_matches('.'), NS);
        let ours = found
            .iter()
            .filter(|o| o["metadata"]["labels"]["crokodial.com/environment"] == "staging");
        assert_eq!(ours.count(), 0, "{kind}");
    }
    site.api.delete("services", NS, "staging");
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
}

/// The condition says that nothing was changed, so old records must not be deleted either.
#[tokio::test(start_paused = true)]
async fn under_a_name_conflict_no_record_is_deleted() {
    let mut site = Site::good().await;
    site.edit("staging", |spec| {
        spec["history"] = json!({"releases": 1, "days": 1})
    });
    site.image("staging", "registry.test/dialer:2");
    site.rest("staging").await;
    site.bake("staging").await;
    site.api.delete("services", NS, "staging");
    site.api.put(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "staging", "namespace": NS},
        "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 80}]}}));
    site.advance_unmeasured(3 * 86_400);
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "False NameConflict");
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    site.api.delete("services", NS, "staging");
    site.rest("staging").await;
    assert_eq!(
        site.phases("staging"),
        ["2 Good"],
        "they are deleted afterwards"
    );
}

#[tokio::test(start_paused = true)]
async fn a_number_whose_snapshots_name_is_taken_is_skipped() {
    let mut site = Site::new();
    site.api.put(json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "staging-r1", "namespace": NS}, "data": {"theirs": "yes"}}));
    let before = site.get("configmaps", "staging-r1");
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(
        site.get("crokodialreleases", "staging-2")["status"]["phase"],
        "Good"
    );
    assert_eq!(site.get("configmaps", "staging-r1"), before);
}

#[tokio::test(start_paused = true)]
async fn a_taken_host_stays_with_its_incumbent() {
    let mut site = Site::good().await;
    site.advance(1);
    let mut second = environment("second");
    second["spec"]["domain"] = json!("staging.example.com");
    site.api.put(second);
    site.rest("second").await;
    assert_eq!(site.condition("second", "RouteAccepted"), "False HostTaken");
    assert_eq!(site.condition("second", "Stalled"), "True HostTaken");
    assert!(site.api.get("ingresses", NS, "second").is_none());
    assert_eq!(
        site.condition("second", "CertificateReady"),
        "Unknown HostTaken"
    );
    assert!(site.api.get("secrets", NS, "second-tls").is_none());
    site.rest("staging").await;
    assert_eq!(host(&site, "staging"), "staging.example.com");
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
}

#[tokio::test(start_paused = true)]
async fn the_loser_of_a_host_keeps_its_old_route_and_certificate() {
    let mut site = Site::good().await;
    site.api.put(environment("second"));
    site.rest("second").await;
    site.bake("second").await;
    site.edit("second", |spec| {
        spec["domain"] = json!("staging.example.com")
    });
    site.rest("second").await;
    assert_eq!(site.condition("second", "RouteAccepted"), "False HostTaken");
    assert_eq!(host(&site, "second"), "second.example.com");
    assert_eq!(certified(&site, "second"), ["second.example.com"]);
    assert_eq!(site.writes_of("second", 3).await, []);
    // The host becomes free, and the next reconcile of the waiting environment takes it.
    site.edit("staging", |spec| {
        spec["domain"] = json!("moved.example.com")
    });
    site.rest("staging").await;
    site.rest("second").await;
    assert_eq!(host(&site, "second"), "staging.example.com");
    assert_eq!(certified(&site, "second"), ["staging.example.com"]);
    assert_eq!(site.condition("second", "Ready"), "True Ready");
}

#[tokio::test(start_paused = true)]
async fn a_missing_ingress_class_is_named_and_the_rest_goes_on() {
    let mut site = Site::new();
    site.edit("staging", |spec| {
        spec["route"] = json!({"ingressClassName": "nowhere"})
    });
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(
        site.condition("staging", "RouteAccepted"),
        "False IngressClassNotFound"
    );
    assert_eq!(
        site.condition("staging", "Ready"),
        "False IngressClassNotFound"
    );
    assert_eq!(site.phases("staging"), ["1 Good"]);
    assert!(site.api.get("ingresses", NS, "staging").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_not_wanted_any_more_is_removed() {
    let mut site = Site::good().await;
    site.edit("staging", |spec| spec["route"] = json!({"kind": "None"}));
    site.rest("staging").await;
    assert!(site.api.get("ingresses", NS, "staging").is_none());
    assert_eq!(site.condition("staging", "RouteAccepted"), "True Disabled");
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(site.status("staging")["url"], Value::Null);
    // The certificate of the lost host is left to expire: an Ingress of the user's own may refer to it.
    assert_eq!(certified(&site, "staging"), ["staging.example.com"]);
    let told = |site: &Site| {
        let condition = site.condition("staging", "CertificateReady");
        (condition, site.message("staging", "CertificateReady"))
    };
    let (condition, message) = told(&site);
    assert_eq!(condition, "True NotRenewed");
    assert!(
        message.contains("Secret staging-tls is valid until 2026-04-01T"),
        "{message}"
    );
    site.advance_unmeasured(100 * 86_400);
    site.rest("staging").await;
    assert!(
        told(&site).1.contains("ended 2026-04-01T"),
        "{:?}",
        told(&site)
    );
    site.restart();
    site.rest("staging").await;
    assert_eq!(site.writes_of("staging", 3).await, []);
    let events = site.api.list("events.events.k8s.io", NS);
    let told: Vec<&Value> = events
        .iter()
        .filter(|e| e["reason"] == "NotRenewed")
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["type"], "Warning");
}

#[tokio::test(start_paused = true)]
async fn a_first_creation_warns_of_nothing_that_ends_by_itself() {
    let site = Site::good().await;
    assert_eq!(site.events("NotAccepted"), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_authority_near_its_end_is_told_of_while_the_site_stays_ready() {
    const DAY: i64 = 86_400;
    let mut site = Site::good().await;
    assert_eq!(
        site.condition("staging", "CertificateReady"),
        "True Succeeded"
    );
    let ready = |site: &Site| {
        let conditions = ["CertificateReady", "Ready"];
        conditions.map(|type_| site.condition("staging", type_))
    };
    site.advance_unmeasured(3_570 * DAY);
    site.rest("staging").await;
    assert_eq!(ready(&site), ["True AuthorityExpiring", "True Ready"]);
    assert_eq!(site.writes_of("staging", 3).await, []);
    assert_eq!(site.events("AuthorityExpiring").len(), 1);
    site.api.delete("secrets", SYSTEM, "crokodial-ca");
    site.rest("staging").await;
    assert_eq!(ready(&site), ["True Succeeded", "True Ready"]);
    // Nobody deleted the CA before it expired. The message then names the Secret.
    site.advance_unmeasured(3_651 * DAY);
    site.rest("staging").await;
    assert_eq!(ready(&site), ["False Expired", "False Expired"]);
    let status = site.status("staging");
    let cause = status["certificate"]["cause"].as_str().unwrap();
    assert!(cause.contains("secret crokodial-ca"), "{cause}");
}
