//! Tests of staging and prod with the same database, which is refused, and with the same secret value, which causes a
//! warning.

use serde_json::json;

use super::credentials::{GOOD, in_use, rotate, staging_uses};
use crate::support::{NS, Site, environment, secret};

/// Returns a site where staging has its first good release and prod uses this MongoDB URI and this JWT secret.
async fn with_prod(uri: &str, jwt: &str) -> Site {
    let mut site = Site::good().await;
    let mut prod = environment("prod");
    prod["spec"]["stage"] = json!("prod");
    prod["spec"]["mongo"]["uriSecretRef"]["name"] = json!("mongo-prod");
    prod["spec"]["config"]["secretRefs"] = json!([{"name": "dialer-prod"}]);
    site.api.put(secret("mongo-prod", &[("MONGODB_URI", uri)]));
    site.api.put(secret("dialer-prod", &[("JWT_SECRET", jwt)]));
    site.api.put(prod);
    site.rest("prod").await;
    site
}

#[tokio::test(start_paused = true)]
async fn the_other_stages_database_is_refused_to_the_newcomer_and_nobody_else() {
    // The URI has another user and another spelling, but the server reports the same identity.
    let mut site = with_prod("mongodb://prod:other@mongo.example.com/staging", "x").await;
    assert_eq!(
        site.condition("prod", "DatabaseIsolated"),
        "False WrongDatabase"
    );
    assert_eq!(
        site.condition("prod", "CredentialsValid"),
        "True Succeeded",
        "the login works"
    );
    assert_eq!(site.condition("prod", "Ready"), "False WrongDatabase");
    assert_eq!(site.api.get("secrets", NS, "prod-mongo-active"), None);
    assert_eq!(site.phases("prod"), ["1 Preflight"]);
    assert_eq!(
        site.events("WrongDatabase").len(),
        2,
        "one for the condition and one for Ready"
    );
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "DatabaseIsolated"),
        "True Succeeded"
    );
    assert_eq!(site.condition("staging", "Ready"), "True Ready");

    let own = "mongodb://prod:other@mongo.example.com/prod";
    site.api.put(secret("mongo-prod", &[("MONGODB_URI", own)]));
    site.rest("prod").await;
    assert_eq!(site.condition("prod", "DatabaseIsolated"), "True Succeeded");
    assert_eq!(in_use(&site, "prod").0, own);

    // Staging is the later one to use prod's database.
    rotate(&site, "mongodb://app:new@mongo.example.com/prod");
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "DatabaseIsolated"),
        "False WrongDatabase"
    );
    staging_uses(&site, GOOD, "1");
    site.rest("prod").await;
    assert_eq!(site.condition("prod", "DatabaseIsolated"), "True Succeeded");
}

#[tokio::test(start_paused = true)]
async fn prod_is_warned_of_a_long_value_that_staging_has_too() {
    let long = "the same secret in both stages";
    let own = "mongodb://prod:other@mongo.example.com/prod";
    let mut site = with_prod(own, long).await;
    assert_eq!(site.condition("prod", "DatabaseIsolated"), "True Succeeded");
    site.api.put(secret("dialer", &[("JWT_SECRET", long)]));
    site.rest("staging").await;
    site.rest("prod").await;
    assert_eq!(
        site.condition("prod", "DatabaseIsolated"),
        "True SharedSecret"
    );
    let told = site.events("SharedSecret");
    assert_eq!(told.len(), 1);
    assert!(
        told[0].contains("JWT_SECRET") && !told[0].contains(long),
        "{told:?}"
    );
    assert_eq!(
        site.condition("staging", "DatabaseIsolated"),
        "True Succeeded"
    );
    let everything = format!("{:?}", site.api.list("crokodialenvironments", NS));
    assert!(!everything.contains(long));
}

#[tokio::test(start_paused = true)]
async fn the_database_of_a_deleted_environment_is_free_once_its_pods_are_gone() {
    let own = "mongodb://prod:other@mongo.example.com/prod";
    let mut site = with_prod(own, "x").await;
    // Prod's default is to retain what it runs.
    assert!(site.api.delete("crokodialenvironments", NS, "prod"));
    rotate(&site, "mongodb://app:new@mongo.example.com/prod");
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "DatabaseIsolated"),
        "False WrongDatabase"
    );
    let message = site.message("staging", "DatabaseIsolated");
    assert!(message.contains("was deleted"), "{message}");
    staging_uses(&site, GOOD, "1");

    assert!(site.api.delete("deployments", NS, "prod"));
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "DatabaseIsolated"),
        "True Succeeded"
    );
    staging_uses(&site, "mongodb://app:new@mongo.example.com/prod", "2");
}
