//! Tests that objects stored by earlier versions can still be decoded, and are encoded to the same JSON. They fail if a
//! field was renamed or became required. New fixtures may be added; existing ones must not be changed.

use crokodial_crds::{
    CrokodialEnvironment, CrokodialRelease, DeletionPolicy, HoldKind, PromotionVerdict,
    ReleasePhase, RouteKind, Stage, TlsMode,
};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

#[test]
fn the_smallest_environment() {
    let stored = json(include_str!("fixtures/environment-smallest.yaml"));
    let environment: CrokodialEnvironment = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(environment.spec.stage, Stage::Prod);
    assert_eq!(environment.spec.runtime.replicas, None);
    assert_eq!(
        serde_json::to_value(&environment).unwrap(),
        stored,
        "nothing is added to what a user wrote"
    );
}

#[test]
fn the_fullest_environment() {
    let stored = json(include_str!("fixtures/environment-fullest.yaml"));
    let environment: CrokodialEnvironment = serde_json::from_value(stored.clone()).unwrap();
    let spec = &environment.spec;
    assert_eq!(
        (spec.deletion_policy, spec.route.kind),
        (Some(DeletionPolicy::Retain), Some(RouteKind::Ingress))
    );
    assert_eq!(
        (spec.tls.mode, spec.tls.force_https),
        (Some(TlsMode::SelfSigned), Some(true))
    );
    let status = environment.status.as_ref().unwrap();
    assert_eq!(status.hold.as_ref().unwrap().kind, HoldKind::RolledBack);
    assert_eq!(
        (status.release.desired, status.release.serving),
        (Some(43), Some(42))
    );
    assert_eq!(
        serde_json::to_value(&environment).unwrap(),
        stored,
        "no field is lost"
    );
}

#[test]
fn a_promotion_that_waits_and_the_release_of_one() {
    let stored = json(include_str!("fixtures/environment-promoted.yaml"));
    let environment: CrokodialEnvironment = serde_json::from_value(stored.clone()).unwrap();
    let verdict = environment
        .status
        .as_ref()
        .and_then(|s| s.promotion.as_ref())
        .map(|p| p.verdict);
    assert_eq!(verdict, Some(PromotionVerdict::Waiting));
    assert_eq!(serde_json::to_value(&environment).unwrap(), stored);
    let stored = json(include_str!("fixtures/release-promoted.yaml"));
    let release: CrokodialRelease = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(
        release.spec.promoted_from.as_ref().map(|p| p.release),
        Some(57)
    );
    assert_eq!(serde_json::to_value(&release).unwrap(), stored);
}

#[test]
fn an_environment_that_follows_and_one_without_an_image() {
    for text in [
        include_str!("fixtures/environment-following.yaml"),
        include_str!("fixtures/environment-auto.yaml"),
    ] {
        let stored = json(text);
        let environment: CrokodialEnvironment = serde_json::from_value(stored.clone()).unwrap();
        let spec = &environment.spec;
        assert_eq!(spec.image.is_some(), spec.follow.is_some());
        assert_eq!(serde_json::to_value(&environment).unwrap(), stored);
    }
}

#[test]
fn a_release() {
    let stored = json(include_str!("fixtures/release.yaml"));
    let release: CrokodialRelease = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(release.status.as_ref().unwrap().phase, ReleasePhase::Good);
    assert_eq!(
        serde_json::to_value(&release).unwrap(),
        stored,
        "no field is lost"
    );
}

#[test]
fn a_release_that_was_measured() {
    let stored = json(include_str!("fixtures/release-measured.yaml"));
    let release: CrokodialRelease = serde_json::from_value(stored.clone()).unwrap();
    let status = release.status.as_ref().unwrap();
    assert_eq!(
        (status.good_seconds, status.latency_p95_ms),
        (77_400, Some(41))
    );
    assert_eq!(
        serde_json::to_value(&release).unwrap(),
        stored,
        "no field is lost"
    );
}

#[test]
fn a_release_without_status_and_one_with_unknown_fields() {
    let mut stored = json(include_str!("fixtures/release.yaml"));
    stored["status"] = serde_json::json!({"phase": "Baking", "ofALaterVersion": 7});
    let release: CrokodialRelease = serde_json::from_value(stored.clone()).unwrap();
    let status = release.status.unwrap();
    assert_eq!(
        (status.phase, status.serving, status.restarts),
        (ReleasePhase::Baking, false, 0)
    );
    stored.as_object_mut().unwrap().remove("status");
    assert!(
        serde_json::from_value::<CrokodialRelease>(stored)
            .unwrap()
            .status
            .is_none()
    );
}
