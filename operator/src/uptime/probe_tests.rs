//! Tests of probes against well-behaved and hostile servers on loopback.

use std::convert::Infallible;
use std::net::Ipv4Addr;

use axum::Router;
use axum::body::{Body, Bytes as Chunk};
use axum::http::HeaderMap;
use axum::http::header::{HOST, LOCATION};
use axum::response::IntoResponse;
use axum::routing::get;
use http::StatusCode;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;
use crate::net::Trust;

fn dialler(reference: Option<SocketAddr>) -> Dialler {
    let guard = Guard::for_tests_allowing_loopback();
    let client = HttpClient::new(guard.clone(), Trust::platform().unwrap());
    Dialler::new(guard, client, reference)
}

fn question(port: u16, path: &str) -> ProbeRequest {
    ProbeRequest {
        address: Ipv4Addr::LOCALHOST.into(),
        port,
        path: path.to_owned(),
        host: "app.example.com".to_owned(),
        reached: true,
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn serve(router: Router) -> u16 {
    let (listener, address) = listen().await;
    tokio::spawn(async move { axum::serve(listener, router).await });
    address.port()
}

#[tokio::test]
async fn a_status_that_the_kubelet_takes_for_healthy_is_good_and_a_redirect_is_not_followed() {
    for (status, good) in [
        (200, true),
        (204, true),
        (302, true),
        (399, true),
        (400, false),
        (404, false),
        (500, false),
        (503, false),
    ] {
        let answer = move || async move {
            let mut answer = StatusCode::from_u16(status).unwrap().into_response();
            let nowhere = "http://203.0.113.1/".parse().unwrap();
            answer.headers_mut().insert(LOCATION, nowhere);
            answer
        };
        let port = serve(Router::new().route("/api/health", get(answer))).await;
        let outcome = dialler(None).ask(&question(port, "/api/health")).await;
        match (good, outcome) {
            (true, ProbeOutcome::Good { .. }) => {}
            (false, ProbeOutcome::Bad(SiteFault::Status(seen))) => assert_eq!(seen, status),
            (_, other) => panic!("{status}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_site_is_asked_by_its_domain_over_a_fresh_connection() {
    let answer = |headers: HeaderMap| async move {
        let asked = headers.get(HOST).is_some_and(|h| h == "app.example.com");
        let fresh = headers.get("connection").is_some_and(|c| c == "close");
        if asked && fresh {
            StatusCode::OK
        } else {
            StatusCode::BAD_REQUEST
        }
    };
    let port = serve(Router::new().route("/", get(answer))).await;
    let outcome = dialler(None).ask(&question(port, "/")).await;
    assert!(matches!(outcome, ProbeOutcome::Good { .. }), "{outcome:?}");
}

#[tokio::test]
async fn latency_runs_to_the_end_of_the_answer() {
    let answer = || async {
        tokio::time::sleep(Duration::from_millis(120)).await;
        "well"
    };
    let port = serve(Router::new().route("/", get(answer))).await;
    let outcome = dialler(None).ask(&question(port, "/")).await;
    assert!(
        matches!(outcome, ProbeOutcome::Good { latency_ms } if (120..1500).contains(&latency_ms)),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let (listener, address) = listen().await;
    drop(listener);
    let outcome = dialler(None).ask(&question(address.port(), "/")).await;
    assert_eq!(outcome, ProbeOutcome::Bad(SiteFault::Refused));
}

#[tokio::test]
async fn whoever_accepts_and_says_nothing_or_no_http_is_bad() {
    let (_silent, silent) = listen().await;
    let outcome = dialler(None).ask(&question(silent.port(), "/")).await;
    assert_eq!(outcome, ProbeOutcome::Bad(SiteFault::Timeout));
    for said in [
        "hello\r\n\r\n",
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
    ] {
        let (listener, address) = listen().await;
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(said.as_bytes()).await.unwrap();
        });
        let outcome = dialler(None).ask(&question(address.port(), "/")).await;
        assert_eq!(outcome, ProbeOutcome::Bad(SiteFault::Protocol), "{said:?}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_read_so_far_and_one_that_trickles_has_its_time() {
    let endless = || async {
        let chunk = Chunk::from(vec![b'x'; 8192]);
        let chunks = futures::stream::repeat_with(move || Ok::<_, Infallible>(chunk.clone()));
        Body::from_stream(chunks)
    };
    let port = serve(Router::new().route("/", get(endless))).await;
    let outcome = dialler(None).ask(&question(port, "/")).await;
    assert!(matches!(outcome, ProbeOutcome::Good { .. }), "{outcome:?}");
    let trickle = || async {
        let chunks = futures::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok::<_, Infallible>("x"), ()))
        });
        Body::from_stream(chunks)
    };
    let port = serve(Router::new().route("/", get(trickle))).await;
    let outcome = dialler(None).ask(&question(port, "/")).await;
    assert_eq!(outcome, ProbeOutcome::Bad(SiteFault::Timeout));
}

#[tokio::test]
async fn silence_is_the_sites_only_while_the_api_server_can_be_reached() {
    let (_silent, silent) = listen().await;
    let (_reference, there) = listen().await;
    let asked = question(silent.port(), "/");
    let outcome = dialler(Some(there)).ask(&asked).await;
    assert_eq!(outcome, ProbeOutcome::Bad(SiteFault::Timeout));
    let (gone, nowhere) = listen().await;
    drop(gone);
    let outcome = dialler(Some(nowhere)).ask(&asked).await;
    assert_eq!(outcome, ProbeOutcome::Unknown(UnknownCause::OwnNetwork));
}

#[test]
fn the_kernels_words_are_told_apart() {
    let fault = |kind| match connect_fault(kind) {
        ProbeError::Bad(bad) => ProbeOutcome::Bad(bad),
        ProbeError::Unknown(why) => ProbeOutcome::Unknown(why),
        ProbeError::NoResponse { .. } => ProbeOutcome::Bad(SiteFault::Timeout),
    };
    for (errno, expected) in [
        (111, ProbeOutcome::Bad(SiteFault::Refused)), // ECONNREFUSED
        (104, ProbeOutcome::Bad(SiteFault::Refused)), // ECONNRESET
        (113, ProbeOutcome::Bad(SiteFault::Timeout)), // EHOSTUNREACH
        (101, ProbeOutcome::Bad(SiteFault::Timeout)), // ENETUNREACH
        (110, ProbeOutcome::Bad(SiteFault::Timeout)), // ETIMEDOUT
        (99, ProbeOutcome::Unknown(UnknownCause::OwnSockets)), // EADDRNOTAVAIL
        (24, ProbeOutcome::Unknown(UnknownCause::OwnSockets)), // EMFILE
        (1, ProbeOutcome::Unknown(UnknownCause::OwnSockets)), // EPERM
    ] {
        let kind = std::io::Error::from_raw_os_error(errno).kind();
        assert_eq!(fault(kind), expected, "{errno}");
    }
}

/// Opens a port whose accept queue is full. Further connection attempts get no response, as if packets were dropped.
async fn silent_port() -> (tokio::net::TcpListener, Vec<TcpStream>, u16) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let brief = Duration::from_millis(300);
    while let Ok(stream) = timeout(brief, TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
        assert!(waiting.len() < 10, "the queue does not fill");
    }
    (listener, waiting, address.port())
}

#[tokio::test]
async fn dropped_packets_are_a_fault_only_of_a_service_that_was_reached_before() {
    let (_listener, _waiting, port) = silent_port().await;
    let mut asked = question(port, "/");
    let outcome = dialler(None).ask(&asked).await;
    assert_eq!(outcome, ProbeOutcome::Bad(SiteFault::Timeout));
    asked.reached = false;
    let outcome = dialler(None).ask(&asked).await;
    assert_eq!(outcome, ProbeOutcome::Unknown(UnknownCause::NotReached));
}

#[tokio::test]
async fn a_forbidden_address_is_not_dialled() {
    for address in ["169.254.169.254", "fe80::1", "0.0.0.0"] {
        let mut forbidden = question(80, "/");
        forbidden.address = address.parse().unwrap();
        let outcome = dialler(None).ask(&forbidden).await;
        assert_eq!(
            outcome,
            ProbeOutcome::Unknown(UnknownCause::Address),
            "{address}"
        );
    }
}
