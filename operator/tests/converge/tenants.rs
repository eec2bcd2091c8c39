//! Tests of tenants that share one operator, and of two environments that write the same host at the same time.

use crokodial_operator::tls;
use serde_json::{Value, json};

use crate::support::site::SYSTEM;
use crate::support::{LIVE, NS, Site, environment, secret};

fn apart() -> Value {
    json!([{"name": "one", "namespaces": [NS]}, {"name": "two", "namespaces": [LIVE]}])
}

/// Returns a prod environment in another namespace with staging's domain, database and secret value.
fn prod_like_staging(site: &Site) {
    let mut prod = environment("prod");
    prod["metadata"]["namespace"] = json!(LIVE);
    prod["spec"]["stage"] = json!("prod");
    prod["spec"]["domain"] = json!("staging.example.com");
    prod["spec"]["promotion"] = json!({"from": {"name": "staging", "namespace": NS}});
    let uri = "mongodb://app:old@mongo.example.com/staging?authSource=admin";
    let values = [
        ("mongo", "MONGODB_URI", uri),
        ("dialer", "JWT_SECRET", LONG),
    ];
    for (name, key, value) in values {
        let mut copy = secret(name, &[(key, value)]);
        copy["metadata"]["namespace"] = json!(LIVE);
        site.api.put(copy);
    }
    site.api.put(prod);
}

/// Returns the value of `ca.crt` in a Secret.
fn ca(site: &Site, namespace: &str, name: &str) -> Value {
    site.api.get("secrets", namespace, name).unwrap()["data"]["ca.crt"].clone()
}

const LONG: &str = "the same secret in both stages";

fn message(site: &Site, name: &str, type_: &str) -> String {
    let conditions = site.status(name)["conditions"].clone();
    let all = conditions.as_array().unwrap().iter();
    let found = all.clone().find(|c| c["type"] == type_).unwrap();
    found["message"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn environments_of_two_tenants_know_nothing_of_each_other() {
    let mut site = Site::good().await;
    site.prod_lives_apart();
    site.api.put(secret("dialer", &[("JWT_SECRET", LONG)]));
    site.rest("staging").await;
    site.restart_with_tenants(&apart());
    site.rest("staging").await;
    prod_like_staging(&site);
    site.rest("prod").await;
    // Nothing of the other tenant is compared, and nothing of it is told.
    assert_eq!(site.condition("prod", "DatabaseIsolated"), "True Succeeded");
    assert_eq!(site.condition("prod", "RouteAccepted"), "False HostTaken");
    let told = message(&site, "prod", "RouteAccepted");
    assert!(
        told.contains("of another environment") && !told.contains(NS),
        "{told}"
    );
    assert_eq!(site.condition("prod", "Promotable"), "False SourceNotFound");
    site.edit("prod", |spec| spec["domain"] = json!("prod.example.com"));
    site.rest("prod").await;
    // Each has a certificate of its own authority.
    assert_eq!(site.condition("prod", "CertificateReady"), "True Succeeded");
    assert_eq!(
        ca(&site, NS, "staging-tls"),
        ca(&site, SYSTEM, "crokodial-ca-one")
    );
    assert_eq!(
        ca(&site, LIVE, "prod-tls"),
        ca(&site, SYSTEM, "crokodial-ca-two")
    );
    assert_ne!(
        ca(&site, SYSTEM, "crokodial-ca-one"),
        ca(&site, SYSTEM, "crokodial-ca-two")
    );
    // Without tenants they do.
    site.restart();
    site.rest("prod").await;
    assert_eq!(
        ca(&site, LIVE, "prod-tls"),
        ca(&site, SYSTEM, "crokodial-ca")
    );
    assert_ne!(site.condition("prod", "DatabaseIsolated"), "True Succeeded");
    assert_ne!(site.condition("prod", "Promotable"), "False SourceNotFound");
}

#[tokio::test(start_paused = true)]
async fn a_domain_outside_the_tenants_list_has_no_route_and_no_certificate() {
    let mut site = Site::good().await;
    let list = |domain: &str| json!([{"name": "one", "namespaces": [NS], "domains": [domain]}]);
    site.restart_with_tenants(&list("*.example.com"));
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    site.restart_with_tenants(&list("*.example.org"));
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "RouteAccepted"),
        "False HostNotAllowed"
    );
    assert_eq!(
        site.condition("staging", "CertificateReady"),
        "Unknown HostNotAllowed"
    );
    assert_eq!(site.api.get("ingresses", NS, "staging"), None);
    assert_eq!(site.writes_of("staging", 3).await, []);
    site.api.put(environment("new"));
    site.rest("new").await;
    assert_eq!(site.api.get("ingresses", NS, "new"), None);
    assert_eq!(site.api.get("secrets", NS, "new-tls"), None);
    site.edit("new", |spec| spec["domain"] = json!("new.example.org"));
    site.rest("new").await;
    let stored = site.get("secrets", "new-tls");
    assert!(tls::inspect(&decoded(&stored["data"]["tls.crt"])).is_ok());
    assert!(site.api.get("ingresses", NS, "new").is_some());
}

fn decoded(value: &Value) -> String {
    use base64::Engine;
    let engine = base64::engine::general_purpose::STANDARD;
    let bytes = engine.decode(value.as_str().unwrap()).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_newest_environments_beyond_the_limit_are_refused_and_no_existing_one() {
    let mut site = Site::good().await;
    let list = json!([{"name": "one", "namespaces": [NS], "maxEnvironments": 1}]);
    site.restart_with_tenants(&list);
    site.advance(1);
    site.api.put(environment("second"));
    site.rest("second").await;
    assert_eq!(
        site.condition("second", "Ready"),
        "False TooManyEnvironments"
    );
    for kind in ["deployments", "services", "ingresses"] {
        assert_eq!(site.api.get(kind, NS, "second"), None, "{kind}");
    }
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    // An older one that never ran anything is refused nothing, and does not count against one that runs.
    let mut old = environment("older");
    old["metadata"]["creationTimestamp"] = json!("2020-01-01T00:00:00Z");
    site.api.put(old);
    site.image("staging", "registry.test/dialer:2");
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    site.api.delete("crokodialenvironments", NS, "staging");
    site.api.delete("crokodialenvironments", NS, "older");
    site.rest("second").await;
    assert_ne!(
        site.condition("second", "RouteAccepted"),
        "False TooManyEnvironments"
    );
    assert!(site.api.get("services", NS, "second").is_some());
}

/// Returns the Ingress that `second` writes if it did not see the one of `staging`.
fn at_the_same_time(site: &Site) -> Value {
    let mut ingress = site.get("ingresses", "staging");
    let uid = site.get("crokodialenvironments", "second")["metadata"]["uid"].clone();
    ingress["metadata"] =
        json!({"name": "second", "namespace": NS, "labels": ingress["metadata"]["labels"]});
    ingress["metadata"]["labels"]["crokodial.com/environment"] = json!("second");
    ingress["metadata"]["labels"]["crokodial.com/environment-uid"] = uid;
    ingress
}

async fn two_with_one_domain() -> Site {
    let site = Site::good().await;
    site.advance(1);
    let mut second = environment("second");
    second["spec"]["domain"] = json!("staging.example.com");
    site.api.put(second);
    site
}

#[tokio::test(start_paused = true)]
async fn of_two_that_wrote_one_host_at_the_same_time_the_younger_withdraws() {
    let mut site = two_with_one_domain().await;
    let ingress = at_the_same_time(&site);
    site.api.put(ingress);
    site.rest("second").await;
    assert_eq!(site.condition("second", "RouteAccepted"), "False HostTaken");
    assert_eq!(site.api.get("ingresses", NS, "second"), None);
    assert_eq!(site.api.get("secrets", NS, "second-tls"), None);
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
}

#[tokio::test(start_paused = true)]
async fn whose_host_was_confirmed_keeps_it_from_an_older_environment() {
    let mut site = two_with_one_domain().await;
    let kept = site.get("ingresses", "staging");
    site.api.delete("ingresses", NS, "staging");
    site.edit("staging", |spec| spec["suspend"] = json!("All"));
    // An Ingress with the labels of another environment does not count as that environment's.
    let mut forged = kept.clone();
    forged["metadata"] =
        json!({"name": "staging", "namespace": NS, "labels": kept["metadata"]["labels"]});
    forged["metadata"]["labels"]["crokodial.com/environment-uid"] = json!("of-nobody");
    site.api.put(forged);
    site.edit("staging", |spec| {
        spec["domain"] = json!("moved.example.com")
    });
    site.rest("second").await;
    assert_eq!(
        site.condition("second", "RouteAccepted").split(' ').nth(1),
        Some("Succeeded")
    );
    // The older one comes back with an Ingress that it wrote without seeing the other one.
    site.api.delete("ingresses", NS, "staging");
    let mut late = kept;
    late["metadata"] =
        json!({"name": "staging", "namespace": NS, "labels": late["metadata"]["labels"]});
    site.api.put(late);
    site.edit("staging", |spec| {
        spec["domain"] = json!("staging.example.com");
        spec["suspend"] = json!("None");
    });
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "RouteAccepted"),
        "False HostTaken"
    );
    assert_eq!(site.api.get("ingresses", NS, "staging"), None);
    site.rest("second").await;
    assert!(site.api.get("ingresses", NS, "second").is_some());
}
