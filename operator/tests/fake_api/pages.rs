//! Tests of lists that are longer than one page: the server's pages, and the limits of the operator's client.

use crokodial_fake_api::{FakeApi, Fault, TestClock};
use crokodial_operator::kube_io::{IoError, KubeIo};
use crokodial_operator::metrics::Metrics;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;

const NS: &str = "shop";

/// Returns a server with this number of ConfigMaps, each with an annotation of this size.
fn stocked(number: usize, bytes: usize) -> (FakeApi, KubeIo) {
    let api = FakeApi::new(TestClock::default());
    api.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS}}));
    for n in 0..number {
        api.put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
            "name": format!("map-{n:04}"), "namespace": NS,
            "annotations": {"example.com/large": "x".repeat(bytes), "crokodial.com/generation": "1"}}}));
    }
    let io = KubeIo::new(api.client(NS), Metrics::new());
    (api, io)
}

#[tokio::test]
async fn a_long_list_is_read_in_pages_and_complete() {
    let (api, io) = stocked(1201, 0);
    let found = io.list::<ConfigMap>(NS, "").await.unwrap();
    let mut names: Vec<_> = found.into_iter().map(|m| m.metadata.name).collect();
    names.dedup();
    assert_eq!(names.len(), 1201);
    assert_eq!(api.take_calls().len(), 3);
    // The second page comes too late. The list begins again and has no object twice.
    api.fail_at(2, Fault::Status(410));
    let found = io.list_metadata::<ConfigMap>(NS, "").await.unwrap();
    assert_eq!(found.len(), 1201);
    assert_eq!(api.take_calls().len(), 5);
}

/// 200 objects of 200 kB would be 40 MB at once.
#[tokio::test]
async fn large_objects_are_read_in_smaller_pages_and_foreign_annotations_are_dropped() {
    let (api, io) = stocked(200, 200_000);
    let found = io.list_metadata::<ConfigMap>(NS, "").await.unwrap();
    assert_eq!(found.len(), 200);
    let annotations = found[0].metadata.annotations.as_ref().unwrap();
    assert_eq!(
        annotations.keys().collect::<Vec<_>>(),
        ["crokodial.com/generation"]
    );
    assert!(found[0].metadata.managed_fields.is_none());
    assert!(api.take_calls().len() > 10);
}

#[tokio::test]
async fn too_much_is_an_error_with_the_kind_and_the_namespace() {
    let (_, io) = stocked(400, 250_000);
    let error = io.list::<ConfigMap>(NS, "").await.unwrap_err();
    assert!(matches!(error, IoError::TooLarge { .. }));
    assert!(
        error.to_string().starts_with("list ConfigMap shop: "),
        "{error}"
    );
}
