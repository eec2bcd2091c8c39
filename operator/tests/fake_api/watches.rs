//! Watches: from a version, by selector, metadata only, resumed, expired, and under kube's own watcher.

use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::json;
use tokio::time::Instant;

use super::{NS, api, config_map, fake};

/// `+a` added, `~a` modified, `-a` deleted, `=` bookmark, `!` error.
fn sign(event: &WatchEvent<ConfigMap>) -> String {
    let name = |map: &ConfigMap| map.metadata.name.clone().unwrap();
    match event {
        WatchEvent::Added(map) => format!("+{}", name(map)),
        WatchEvent::Modified(map) => format!("~{}", name(map)),
        WatchEvent::Deleted(map) => format!("-{}", name(map)),
        WatchEvent::Bookmark(_) => "=".into(),
        WatchEvent::Error(status) => format!("!{}", status.code),
    }
}

async fn take(stream: impl Stream<Item = kube::Result<WatchEvent<ConfigMap>>>, n: usize) -> String {
    let events: Vec<_> = stream.take(n).try_collect().await.unwrap();
    events.iter().map(sign).collect::<Vec<_>>().join(" ")
}

#[tokio::test(start_paused = true)]
async fn a_watch_replays_from_its_version_and_ends_at_its_timeout() {
    let (fake, _) = fake();
    let maps: Api<ConfigMap> = api(&fake);
    fake.put(config_map("a", json!({})));
    let version = maps
        .list(&ListParams::default())
        .await
        .unwrap()
        .metadata
        .resource_version
        .unwrap();
    fake.put(config_map("b", json!({})));
    fake.put(config_map("a", json!({"x": "1"})));
    fake.delete("configmaps", NS, "b");
    let began = Instant::now();
    let params = WatchParams::default().timeout(30);
    let seen = take(maps.watch(&params, &version).await.unwrap(), 100).await;
    assert_eq!(seen, "+b ~a -b =");
    assert_eq!(began.elapsed(), Duration::from_secs(30));
    let seen = take(maps.watch(&params, "0").await.unwrap(), 100).await;
    assert_eq!(seen, "+a =");
}

#[tokio::test]
async fn a_watch_follows_and_a_selector_turns_changes_into_arrivals() {
    let (fake, _) = fake();
    let maps: Api<ConfigMap> = api(&fake);
    let version = fake.version().to_string();
    let stream = maps
        .watch(&WatchParams::default().labels("on=1"), &version)
        .await
        .unwrap();
    let seen = tokio::spawn(async move { take(stream, 4).await });
    let labelled = |on: &str, x: &str| {
        let mut map = config_map("a", json!({"x": x}));
        map["metadata"]["labels"] = json!({"on": on});
        map
    };
    for (on, x) in [("0", "1"), ("1", "1"), ("1", "2"), ("0", "2"), ("1", "2")] {
        fake.put(labelled(on, x));
    }
    assert_eq!(seen.await.unwrap(), "+a ~a -a +a");
}

#[tokio::test]
async fn a_compacted_version_is_expired_and_ended_watches_resume() {
    let (fake, _) = fake();
    let maps: Api<ConfigMap> = api(&fake);
    fake.put(config_map("a", json!({})));
    let old = fake.version().to_string();
    let open = maps.watch(&WatchParams::default(), &old).await.unwrap();
    fake.end_watches();
    assert_eq!(
        take(open, 10).await,
        "",
        "a restarted server ends its streams"
    );
    fake.put(config_map("b", json!({})));
    assert_eq!(
        take(maps.watch(&WatchParams::default(), &old).await.unwrap(), 1).await,
        "+b"
    );
    fake.compact();
    let mut expired = pin!(maps.watch(&WatchParams::default(), &old).await.unwrap());
    assert_eq!(sign(&expired.next().await.unwrap().unwrap()), "!410");
    assert!(expired.next().await.is_none());
}

#[tokio::test]
async fn metadata_watches_carry_no_values() {
    let (fake, _) = fake();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": NS}, "data": {"K": "dg=="}});
    fake.put(secret);
    let some: Api<PartialObjectMeta<Secret>> = Api::namespaced(fake.client(NS), NS);
    let mut stream = pin!(watcher(some, watcher::Config::default()).touched_objects());
    assert_eq!(
        stream
            .next()
            .await
            .unwrap()
            .unwrap()
            .metadata
            .name
            .as_deref(),
        Some("s")
    );
    let request = http::Request::get(
        "/api/v1/namespaces/shop/secrets?watch=true&timeoutSeconds=0&resourceVersion=0",
    )
    .header(
        http::header::ACCEPT,
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
    )
    .body(Vec::new())
    .unwrap();
    let text = fake.client(NS).request_text(request).await.unwrap();
    assert!(
        text.contains("PartialObjectMetadata") && !text.contains("dg=="),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn kubes_watcher_sees_every_change_across_expiry_and_timeouts() {
    for config in [
        watcher::Config::default(),
        watcher::Config::default().streaming_lists(),
    ] {
        let (fake, _) = fake();
        fake.put(config_map("a", json!({})));
        let maps: Api<ConfigMap> = api(&fake);
        let stream = watcher(maps, config.timeout(20)).default_backoff();
        let mut names = pin!(
            stream
                .touched_objects()
                .map_ok(|map| map.metadata.name.unwrap())
        );
        assert_eq!(names.next().await.unwrap().unwrap(), "a");
        for round in 0..5 {
            fake.put(config_map(&format!("m{round}"), json!({})));
            assert_eq!(
                names.try_next().await.unwrap().unwrap(),
                format!("m{round}")
            );
            tokio::time::advance(Duration::from_secs(25)).await;
        }
        fake.compact();
        fake.end_watches();
        fake.put(config_map("z", json!({})));
        // The first answer is 410 Expired, the watcher lists anew and shows all objects again.
        let mut found = false;
        for _ in 0..20 {
            match names.next().await {
                Some(Ok(name)) if name == "z" => {
                    found = true;
                    break;
                }
                Some(_) => {}
                None => break,
            }
        }
        assert!(found);
        assert!(fake.unexpected().is_empty(), "{:?}", fake.unexpected());
    }
}
