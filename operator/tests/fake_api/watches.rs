//! Tests of watches: resource versions, selectors, metadata-only watches, resumption, expiry, and kube-rs's `watcher`.

use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt, future};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::json;
use tokio::time::Instant;

use super::differences::FakeOnly;
use super::server::{Server, fake_only, is_ours, pause_time};
use super::{api, config_map, in_namespace};

/// Returns a short form of a watch event: `+a` added, `~a` modified, `-a` deleted, `=` bookmark, `!410` error.
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
    let mut events: Vec<_> = stream
        .try_filter(|event| future::ready(ours(event)))
        .take(n)
        .try_collect()
        .await
        .unwrap();
    // A real server may send any number of bookmarks in a row.
    events.dedup_by(|b, a| matches!((a, b), (WatchEvent::Bookmark(_), WatchEvent::Bookmark(_))));
    events.iter().map(sign).collect::<Vec<_>>().join(" ")
}

fn ours(event: &WatchEvent<ConfigMap>) -> bool {
    match event {
        WatchEvent::Added(map) | WatchEvent::Modified(map) | WatchEvent::Deleted(map) => {
            map.metadata.name.as_deref().is_some_and(is_ours)
        }
        WatchEvent::Bookmark(_) | WatchEvent::Error(_) => true,
    }
}

#[tokio::test]
async fn a_watch_replays_from_its_version_and_ends_at_its_timeout() {
    pause_time();
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    server.put(config_map("a", json!({}))).await;
    let version = maps
        .list(&ListParams::default())
        .await
        .unwrap()
        .metadata
        .resource_version
        .unwrap();
    server.put(config_map("b", json!({}))).await;
    server.put(config_map("a", json!({"x": "1"}))).await;
    server.delete("v1", "ConfigMap", "b").await;
    let began = Instant::now();
    let params = WatchParams::default().timeout(4);
    let seen = take(maps.watch(&params, &version).await.unwrap(), 100).await;
    // A real server that is busy may end a watch without its last bookmark.
    let last = if server.fake().is_some() { " =" } else { "" };
    let wanted = |events: &str| [format!("{events}{last}"), format!("{events} =")];
    assert!(wanted("+b ~a -b").contains(&seen), "{seen}");
    assert_eq!(began.elapsed().as_secs(), 4);
    let seen = take(maps.watch(&params, "0").await.unwrap(), 100).await;
    assert!(wanted("+a").contains(&seen), "{seen}");
}

#[tokio::test]
async fn a_watch_follows_and_a_selector_turns_changes_into_arrivals() {
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    let version = server.version().await;
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
        server.put(labelled(on, x)).await;
    }
    assert_eq!(seen.await.unwrap(), "+a ~a -a +a");
}

#[tokio::test]
async fn a_compacted_version_is_expired() {
    let Some((fake, _)) = fake_only(FakeOnly::Restarts) else {
        return;
    };
    let maps: Api<ConfigMap> = api(&fake);
    fake.put(in_namespace(config_map("a", json!({}))));
    let old = fake.version().to_string();
    fake.compact();
    let mut expired = pin!(maps.watch(&WatchParams::default(), &old).await.unwrap());
    assert_eq!(sign(&expired.next().await.unwrap().unwrap()), "!410");
    assert!(expired.next().await.is_none());
}

#[tokio::test]
async fn ended_watches_resume() {
    let Some((fake, _)) = fake_only(FakeOnly::Restarts) else {
        return;
    };
    let maps: Api<ConfigMap> = api(&fake);
    fake.put(in_namespace(config_map("a", json!({}))));
    let old = fake.version().to_string();
    let open = maps.watch(&WatchParams::default(), &old).await.unwrap();
    fake.end_watches();
    assert_eq!(
        take(open, 10).await,
        "",
        "a restarted server ends its streams"
    );
    fake.put(in_namespace(config_map("b", json!({}))));
    assert_eq!(
        take(maps.watch(&WatchParams::default(), &old).await.unwrap(), 1).await,
        "+b"
    );
}

#[tokio::test]
async fn metadata_watches_carry_no_values() {
    pause_time();
    let server = Server::start().await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"K": "dg=="}});
    server.put(secret).await;
    let some: Api<PartialObjectMeta<Secret>> = Api::namespaced(server.client(), &server.namespace);
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
    let request = http::Request::get(format!(
        "/api/v1/namespaces/{}/secrets?watch=true&timeoutSeconds=1&resourceVersion=0",
        server.namespace
    ))
    .header(
        http::header::ACCEPT,
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
    )
    .body(Vec::new())
    .unwrap();
    let text = server.client().request_text(request).await.unwrap();
    assert!(
        text.contains("PartialObjectMetadata") && !text.contains("dg=="),
        "{text}"
    );
}

#[tokio::test]
async fn kubes_watcher_sees_every_change_across_expiry_and_timeouts() {
    pause_time();
    for config in [
        watcher::Config::default(),
        watcher::Config::default().streaming_lists(),
    ] {
        let server = Server::start().await;
        server.put(config_map("a", json!({}))).await;
        let maps: Api<ConfigMap> = server.api();
        let stream = watcher(maps, config.timeout(20)).default_backoff();
        let names = stream
            .touched_objects()
            .map_ok(|map| map.metadata.name.unwrap());
        let mut names = pin!(names.try_filter(|name| future::ready(is_ours(name))));
        assert_eq!(names.next().await.unwrap().unwrap(), "a");
        for round in 0..5 {
            server
                .put(config_map(&format!("m{round}"), json!({})))
                .await;
            assert_eq!(
                names.try_next().await.unwrap().unwrap(),
                format!("m{round}")
            );
            if server.fake().is_some() {
                tokio::time::advance(Duration::from_secs(25)).await;
            }
        }
        if let Some(fake) = server.fake() {
            fake.compact();
            fake.end_watches();
        }
        server.put(config_map("z", json!({}))).await;
        // The first answer is 410 Expired; the watcher then lists again and yields all objects.
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
        server.assert_nothing_unexpected();
    }
}
