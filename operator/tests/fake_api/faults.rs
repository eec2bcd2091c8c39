//! Tests of the faults that the fake server injects: their effects on objects and clients, and the calls that they hit.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams, WatchParams};
use serde_json::json;

use super::differences::FakeOnly;
use super::server::{NS, fake_only};
use super::{api, apply, config_map, refused};
use crokodial_fake_api::Fault;

fn names(fake: &crokodial_fake_api::FakeApi) -> String {
    fake.list("configmaps", NS)
        .iter()
        .filter_map(|m| m["metadata"]["name"].as_str())
        .collect()
}

#[tokio::test]
async fn each_fault_does_what_it_says() {
    // Columns: fault, whether the write was done, whether the next call of the same client succeeds.
    let cases = [
        (Fault::CrashBefore, false, false),
        (Fault::CrashAfter, true, false),
        (Fault::ConnectionLostBefore, false, true),
        (Fault::ConnectionLostAfter, true, true),
        (Fault::Status(503), false, true),
    ];
    for (fault, done, lives) in cases {
        let Some((fake, _)) = fake_only(FakeOnly::Faults) else {
            return;
        };
        let maps: Api<ConfigMap> = api(&fake);
        fake.fail_at(2, fault);
        apply(&maps, "op", true, &config_map("a", json!({})))
            .await
            .unwrap();
        assert_eq!(fake.pending_faults(), 1);
        apply(&maps, "op", true, &config_map("b", json!({})))
            .await
            .unwrap_err();
        assert_eq!(fake.pending_faults(), 0);
        assert_eq!(names(&fake), if done { "ab" } else { "a" }, "{fault:?}");
        assert_eq!(maps.get("a").await.is_ok(), lives, "{fault:?}");
        let restarted: Api<ConfigMap> = api(&fake);
        apply(&restarted, "op", true, &config_map("b", json!({})))
            .await
            .unwrap();
        assert_eq!(names(&fake), "ab");
        let faulty = &fake.calls()[1];
        assert_eq!((faulty.fault, faulty.changed), (Some(fault), done));
    }
}

#[tokio::test]
async fn a_refusal_carries_its_code_and_a_crash_none() {
    let Some((fake, _)) = fake_only(FakeOnly::Faults) else {
        return;
    };
    let maps: Api<ConfigMap> = api(&fake);
    for (code, reason) in [
        (409, "Conflict"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
    ] {
        fake.fail_at(1, Fault::Status(code));
        let (seen, words, _) = refused(maps.get("a").await);
        assert_eq!((seen, words.as_str()), (code, reason));
    }
    fake.fail_at(1, Fault::CrashBefore);
    let error = maps.get("a").await.unwrap_err();
    assert!(!matches!(error, kube::Error::Api(_)), "{error}");
    let error = maps.get("a").await.unwrap_err();
    assert!(error.to_string().contains("new client()"), "{error}");
}

#[tokio::test]
async fn reads_and_watches_are_counted_apart() {
    let Some((fake, _)) = fake_only(FakeOnly::Faults) else {
        return;
    };
    let maps: Api<ConfigMap> = api(&fake);
    fake.fail_at_write(2, Fault::Status(500));
    apply(&maps, "op", true, &config_map("a", json!({})))
        .await
        .unwrap();
    maps.list(&ListParams::default()).await.unwrap();
    maps.get("a").await.unwrap();
    assert_eq!(
        refused(apply(&maps, "op", true, &config_map("b", json!({}))).await).0,
        500
    );

    fake.fail_at(1, Fault::Status(500));
    let watch = maps.watch(&WatchParams::default(), "0").await.unwrap();
    let mut watch = std::pin::pin!(watch);
    assert!(
        watch.next().await.unwrap().is_ok(),
        "a watch is no counted call"
    );
    assert_eq!(fake.pending_faults(), 1);
    fake.clear_faults();
    assert_eq!(fake.pending_faults(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_hang_lasts_until_the_callers_deadline() {
    let Some((fake, _)) = fake_only(FakeOnly::Faults) else {
        return;
    };
    let maps: Api<ConfigMap> = api(&fake);
    fake.fail_at(1, Fault::Hang);
    let call = tokio::time::timeout(Duration::from_secs(3600), maps.get("a")).await;
    assert!(call.is_err());
    assert_eq!(refused(maps.get("a").await).0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_crash_ends_the_clients_watches() {
    let Some((fake, _)) = fake_only(FakeOnly::Faults) else {
        return;
    };
    let maps: Api<ConfigMap> = api(&fake);
    let watch = maps
        .watch(&WatchParams::default().timeout(100), "0")
        .await
        .unwrap();
    let mut watch = std::pin::pin!(watch);
    fake.fail_at(1, Fault::CrashAfter);
    apply(&maps, "op", true, &config_map("a", json!({})))
        .await
        .unwrap_err();
    assert!(
        watch.next().await.is_none(),
        "the dead process sees nothing more"
    );
}
