//! Tests of database credentials: their check by a preflight, and the rotation to a new credential.

use serde_json::{Value, json};

use crate::support::{NS, Site, secret, simulated_preflight};
use crokodial_fake_api::{Behaviour, JobOutcome};

pub const GOOD: &str = "mongodb://app:old@mongo.example.com/staging?authSource=admin";
const ROTATED: &str = "mongodb://app:new@mongo.example.com/staging?authSource=admin";
const WRONG: &str = "mongodb://app:wrong@mongo.example.com/staging?authSource=admin";
const REFUSED: &str = "mongodb://app:old@refused.example.com/staging?authSource=admin";
const CRASHES: &str = "registry.test/dialer:crashes";

pub fn rotate(site: &Site, uri: &str) {
    site.api.put(secret("mongo", &[("MONGODB_URI", uri)]));
}

/// Returns the MongoDB URI that the pods read, and its generation.
pub fn in_use(site: &Site, name: &str) -> (String, String) {
    let active = site.get("secrets", &format!("{name}-mongo-active"));
    let bytes: k8s_openapi::ByteString =
        serde_json::from_value(active["data"]["uri"].clone()).unwrap();
    let generation = active["metadata"]["annotations"]["crokodial.com/generation"].clone();
    (
        String::from_utf8(bytes.0).unwrap(),
        generation.as_str().unwrap().to_owned(),
    )
}

pub fn staging_uses(site: &Site, uri: &str, generation: &str) {
    let wanted = (uri.to_owned(), generation.to_owned());
    assert_eq!(in_use(site, "staging"), wanted);
}

fn names(site: &Site, resource: &str) -> Vec<String> {
    let all = site.api.list(resource, NS);
    let names = all.iter().map(|o| o["metadata"]["name"].as_str().unwrap());
    names
        .filter(|n| n.contains("-preflight-"))
        .map(str::to_owned)
        .collect()
}

fn evict_all(site: &mut Site) {
    for pod in site.pods() {
        site.world.evict(NS, &pod);
    }
    site.world.settle(300);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_goes_good_bad_good_while_a_release_fails() {
    let mut site = Site::good().await;
    site.behave(CRASHES, Behaviour::CrashLoop);
    site.image("staging", CRASHES);
    for _ in 0..4 {
        site.reconcile("staging").await;
    }
    rotate(&site, WRONG);
    site.rest("staging").await;
    staging_uses(&site, GOOD, "1");
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "False AuthFailed"
    );
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert_eq!(site.status("staging")["mongo"]["candidate"], "Refused");
    let before = site.pods();
    evict_all(&mut site);
    assert_eq!(site.pods().len(), before.len());
    staging_uses(&site, GOOD, "1");

    rotate(&site, ROTATED);
    site.rest("staging").await;
    staging_uses(&site, ROTATED, "2");
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "True Succeeded"
    );
    assert_eq!(
        site.phases("staging"),
        ["1 Good", "2 Rejected"],
        "it made no release and lifted no hold"
    );
    assert_eq!(site.runs("staging"), "1");
    let annotations = site.template("staging")["metadata"]["annotations"].clone();
    assert_eq!(annotations["crokodial.com/credentials"], "2.1");
    let status = site.status("staging")["mongo"].clone();
    assert_eq!(status["serverVersion"], "7.0.5");
    assert_eq!(status["database"], "staging");
    assert!(
        status["verifiedAt"].is_string() && status["candidate"].is_null(),
        "{status}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_password_is_tried_again_every_five_minutes_and_another_reason_sooner() {
    let mut site = Site::good().await;
    rotate(&site, WRONG);
    site.rest("staging").await;
    let first = names(&site, "jobs");
    assert_eq!(site.writes_of("staging", 3).await, [], "it rests");
    site.advance(299);
    site.rest("staging").await;
    assert_eq!(names(&site, "jobs"), first);
    site.advance(1);
    site.rest("staging").await;
    assert_ne!(names(&site, "jobs"), first);
    rotate(&site, REFUSED);
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "False ConnectionRefused"
    );
    let second = names(&site, "jobs");
    site.world.run_jobs("-preflight-", proven());
    site.advance(15);
    site.rest("staging").await;
    assert_ne!(names(&site, "jobs"), second);
    staging_uses(&site, REFUSED, "2");
}

fn proven() -> JobOutcome {
    JobOutcome::Succeeds(r#"{"verdict":"Proven"}"#.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_check_that_cannot_run_is_no_verdict() {
    let cases = [
        JobOutcome::NeverScheduled,
        JobOutcome::ImagePullBackOff,
        JobOutcome::Hangs,
        JobOutcome::Fails {
            exit_code: 101,
            message: r#"{"verdict":"AuthFailed"}"#.to_owned(),
        },
        JobOutcome::Succeeds("not an answer".to_owned()),
    ];
    for outcome in cases {
        let mut site = Site::good().await;
        let before = (site.template("staging"), site.pods());
        site.world.run_jobs("-preflight-", outcome.clone());
        rotate(&site, ROTATED);
        site.rest("staging").await;
        site.advance(80);
        site.rest("staging").await;
        let told = site.condition("staging", "CredentialsValid");
        assert_eq!(told, "Unknown PreflightBlocked", "{outcome:?}");
        assert_eq!(
            site.condition("staging", "Ready"),
            "True Ready",
            "{outcome:?}"
        );
        staging_uses(&site, GOOD, "1");
        assert_eq!((site.template("staging"), site.pods()), before);
        site.world
            .run_jobs("-preflight-", JobOutcome::Computed(simulated_preflight));
        site.advance(300);
        site.rest("staging").await;
        staging_uses(&site, ROTATED, "2");
        assert_eq!(names(&site, "jobs").len(), 1, "only the newest stays");
        assert_eq!(names(&site, "secrets"), names(&site, "jobs"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_somebody_deletes_is_made_again() {
    let mut site = Site::good().await;
    site.world.run_jobs("-preflight-", JobOutcome::Hangs);
    rotate(&site, ROTATED);
    site.rest("staging").await;
    for name in names(&site, "jobs") {
        site.api.delete("jobs", NS, &name);
    }
    site.world
        .run_jobs("-preflight-", JobOutcome::Computed(simulated_preflight));
    site.rest("staging").await;
    staging_uses(&site, ROTATED, "2");
}

#[tokio::test(start_paused = true)]
async fn what_is_proven_is_what_is_used_even_if_the_secret_changes_meanwhile() {
    let mut site = Site::good().await;
    site.world.run_jobs("-preflight-", JobOutcome::Hangs);
    rotate(&site, ROTATED);
    site.rest("staging").await;
    let first = names(&site, "jobs");
    rotate(&site, WRONG);
    site.world
        .run_jobs("-preflight-", JobOutcome::Computed(simulated_preflight));
    site.world.settle(100);
    site.rest("staging").await;
    assert_ne!(names(&site, "jobs"), first);
    staging_uses(&site, GOOD, "1");
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "False AuthFailed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_first_release_waits_for_the_first_proof() {
    let mut site = Site::new();
    rotate(&site, WRONG);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Preflight"]);
    assert_eq!(site.pods(), Vec::<String>::new());
    assert_eq!(site.api.get("secrets", NS, "staging-mongo-active"), None);
    rotate(&site, GOOD);
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good"]);
}

#[tokio::test(start_paused = true)]
async fn turning_proofs_on_restarts_no_pod() {
    let mut site = Site::new();
    site.edit("staging", |spec| {
        spec["mongo"]["preflight"] = json!({"mode": "Off"});
    });
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "Unknown NotVerified"
    );
    assert_eq!(names(&site, "jobs"), Vec::<String>::new());
    let before = (site.template("staging"), site.pods());
    site.edit("staging", |spec| {
        spec["mongo"]["preflight"] = json!({"mode": "Job"});
    });
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "True Succeeded"
    );
    assert_eq!((site.template("staging"), site.pods()), before);
    staging_uses(&site, GOOD, "1");
    assert_eq!(site.phases("staging"), ["1 Good"]);
    site.api
        .edit("crokodialenvironments", NS, "staging", |object| {
            object["status"] = json!({})
        });
    site.restart();
    site.rest("staging").await;
    assert!(
        site.status("staging")["mongo"]["verifiedAt"].is_string(),
        "the record outlives the status"
    );
}

#[tokio::test(start_paused = true)]
async fn a_manual_rotation_is_proven_reported_and_waits_for_the_nonce() {
    let mut site = Site::good().await;
    site.edit("staging", |spec| {
        spec["mongo"]["rotation"] = json!("Manual")
    });
    rotate(&site, ROTATED);
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "True RotationPending"
    );
    staging_uses(&site, GOOD, "1");
    site.edit("staging", |spec| {
        spec["mongo"]["rotateNonce"] = json!("2026-07-01")
    });
    site.rest("staging").await;
    staging_uses(&site, ROTATED, "2");
    rotate(&site, GOOD);
    site.rest("staging").await;
    staging_uses(&site, ROTATED, "2");
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_as_the_app_does_in_its_network_and_outside_its_service() {
    let mut site = Site::new();
    site.rest("staging").await;
    let job = site.get("jobs", "staging-preflight-1");
    assert_eq!(
        job["metadata"]["ownerReferences"][0]["kind"],
        "CrokodialEnvironment"
    );
    let template = &job["spec"]["template"];
    let (labels, pod) = (&template["metadata"]["labels"], &template["spec"]);
    assert_eq!(pod["serviceAccountName"], "staging");
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(
        pod["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    let container = &pod["containers"][0];
    assert_eq!(
        container["securityContext"]["allowPrivilegeEscalation"],
        false
    );
    assert_eq!(
        container["securityContext"]["capabilities"]["drop"],
        json!(["ALL"])
    );
    assert_eq!(container["args"][0], "preflight");
    let selects = |selector: &Value| {
        let wanted = selector.as_object().unwrap();
        wanted.iter().all(|(key, value)| labels[key] == *value)
    };
    for (resource, pointer) in [
        ("services", "/spec/selector"),
        ("deployments", "/spec/selector/matchLabels"),
        ("poddisruptionbudgets", "/spec/selector/matchLabels"),
    ] {
        let object = site.get(resource, "staging");
        assert!(!selects(object.pointer(pointer).unwrap()), "{resource}");
    }
    let policy = site.get("networkpolicies", "staging")["spec"]["podSelector"].clone();
    assert!(selects(&policy["matchLabels"]));
    assert_eq!(
        policy["matchExpressions"][0]["values"],
        json!(["web", "preflight"])
    );
    let copy = site.get("secrets", "staging-preflight-1");
    assert_eq!(copy["immutable"], true);
    assert_eq!(
        copy["data"],
        site.get("secrets", "staging-mongo-active")["data"]
    );
    assert!(
        !job.to_string().contains("old@"),
        "the credential is in the Secret only"
    );
    site.api.delete("crokodialenvironments", NS, "staging");
    site.world.settle(100);
    assert_eq!(names(&site, "jobs"), Vec::<String>::new());
    assert_eq!(names(&site, "secrets"), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn containers_that_cannot_be_built_condemn_no_credential() {
    let mut site = Site::good().await;
    let serving = site.pods();
    site.behave("registry.test/dialer:1", Behaviour::ConfigError);
    rotate(&site, ROTATED);
    site.rest("staging").await;
    staging_uses(&site, ROTATED, "2");
    site.advance(900);
    site.rest("staging").await;
    staging_uses(&site, ROTATED, "2");
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "True Succeeded"
    );
    assert_eq!(
        site.condition("staging", "RolledOut"),
        "False ValuesNotReady"
    );
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert!(serving.iter().all(|pod| site.pods().contains(pod)));
    assert_eq!(site.writes_of("staging", 3).await, []);
    site.behave("registry.test/dialer:1", Behaviour::Healthy);
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "RolledOut"), "True Succeeded");
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    staging_uses(&site, ROTATED, "2");
}
