//! Tests of /healthz, /readyz and /metrics. Some call the router directly, others send requests over a socket.

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tower::ServiceExt;

use super::*;
use crate::metrics::ReleaseOutcome;

async fn get(router: &Router, path: &str) -> (StatusCode, String, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let kind = response
        .headers()
        .get(header::CONTENT_TYPE)
        .map(|v| v.to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (
        status,
        kind.unwrap_or_default(),
        String::from_utf8(body.to_vec()).unwrap(),
    )
}

#[tokio::test]
async fn readyz_names_what_is_missing_and_healthz_does_not_care() {
    let readiness = Readiness::starting();
    let router = router(Metrics::new(), readiness.clone());
    assert_eq!(
        get(&router, "/readyz").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    readiness.set_missing(
        vec!["CRD crokodialenvironments.crokodial.com".into()],
        false,
    );
    let (status, kind, body) = get(&router, "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(kind, "application/json");
    assert_eq!(
        body,
        r#"{"missing":["CRD crokodialenvironments.crokodial.com"],"role":"standby"}"#
    );
    assert_eq!(get(&router, "/healthz").await.0, StatusCode::OK);
    readiness.set_missing(
        vec!["the right to list secrets in namespace a".into()],
        true,
    );
    let (status, _, body) = get(&router, "/readyz").await;
    assert_eq!(status, StatusCode::OK, "it works for the other namespaces");
    assert!(body.contains("in namespace a"), "{body}");
    readiness.set_missing(vec![], true);
    let (status, _, body) = get(&router, "/readyz").await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::OK, r#"{"missing":[],"role":"standby"}"#)
    );
    readiness.set_leads(true);
    let (_, _, body) = get(&router, "/readyz").await;
    assert_eq!(body, r#"{"missing":[],"role":"leader"}"#);
    readiness.set_election(Some("lease crokodial-operator: Forbidden (403)".into()));
    let (status, _, body) = get(&router, "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("Forbidden"), "{body}");
}

#[tokio::test]
async fn metrics_are_openmetrics_and_other_paths_are_not_found() {
    let metrics = Metrics::new();
    metrics.release_ended(ReleaseOutcome::Good);
    let router = router(metrics, Readiness::starting());
    let (status, kind, body) = get(&router, "/metrics").await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, OPENMETRICS));
    assert!(
        body.contains("crokodial_releases_total{outcome=\"Good\"} 1"),
        "{body}"
    );
    assert_eq!(get(&router, "/").await.0, StatusCode::NOT_FOUND);
}

struct Server {
    address: std::net::SocketAddr,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), ServeError>>,
}

async fn server() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let task = tokio::spawn(serve(
        listener,
        Metrics::new(),
        Readiness::starting(),
        stop.clone(),
    ));
    Server {
        address,
        stop,
        task,
    }
}

async fn exchange(address: std::net::SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // The server may reset a connection that it refuses. Only what it sent before counts.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn it_answers_over_a_socket_and_stops_when_told_although_a_client_lingers() {
    let server = server().await;
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!(
        exchange(server.address, request)
            .await
            .starts_with("HTTP/1.1 200")
    );
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /healthz HTT").await.unwrap();
    server.stop.cancel();
    let ended = timeout(DRAIN_TIMEOUT + Duration::from_secs(5), server.task).await;
    ended.expect("the server did not stop").unwrap().unwrap();
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let server = server().await;
    let request = format!(
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Big: {}\r\n\r\n",
        "a".repeat(4 * MAX_HEAD)
    );
    let answer = exchange(server.address, request.as_bytes()).await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_is_cut_off() {
    let server = server().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let ended = timeout(HEADER_TIMEOUT * 4, stream.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "the connection stayed open");
}
