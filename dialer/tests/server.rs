//! Tests of the HTTP server on a real network socket: slow clients and shutdown.

use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use crokodial_dialer::server::{ServerTimeouts, serve};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

struct Running {
    address: std::net::SocketAddr,
    stop: CancellationToken,
    done: JoinHandle<bool>,
    /// Notified when the server has started to handle a request to `/slow`.
    began: Arc<Notify>,
    finish: Arc<Notify>,
}

async fn start(timeouts: ServerTimeouts) -> Running {
    let (began, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (b, f) = (Arc::clone(&began), Arc::clone(&finish));
    let slow = move || {
        let (began, finish) = (Arc::clone(&b), Arc::clone(&f));
        async move {
            began.notify_one();
            finish.notified().await;
            "slow answer"
        }
    };
    let router = Router::new()
        .route("/slow", get(slow))
        .route("/quick", get(|| async { "quick" }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let done = tokio::spawn(serve(listener, router, stop.clone(), timeouts));
    Running {
        address,
        stop,
        done,
        began,
        finish,
    }
}

const TIMEOUTS: ServerTimeouts = ServerTimeouts {
    headers: Duration::from_secs(60),
    drain: Duration::from_secs(20),
};

async fn request(address: std::net::SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let text = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_client_that_never_finishes_its_headers_is_cut_off() {
    let running = start(ServerTimeouts {
        headers: Duration::from_millis(200),
        ..TIMEOUTS
    })
    .await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream
        .write_all(b"GET /quick HTTP/1.1\r\nhost: x\r\nx-slow: ")
        .await
        .unwrap();
    let began = Instant::now();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}

#[tokio::test]
async fn shutdown_finishes_what_is_under_way_and_takes_nothing_new() {
    let running = start(TIMEOUTS).await;
    let mut idle = request(running.address, "/quick").await;
    let mut first = [0_u8; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let mut slow = request(running.address, "/slow").await;
    running.began.notified().await;
    running.stop.cancel();
    // The idle connection is closed immediately, although the slow request is still running.
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(
        TcpStream::connect(running.address).await.is_err(),
        "nothing listens any more"
    );
    running.finish.notify_one();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("slow answer"), "{answer}");
    assert!(running.done.await.unwrap(), "everything finished");
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let running = start(ServerTimeouts {
        drain: Duration::from_millis(200),
        ..TIMEOUTS
    })
    .await;
    let _slow = request(running.address, "/slow").await;
    running.began.notified().await;
    running.stop.cancel();
    assert!(!running.done.await.unwrap(), "the request did not finish");
}
