//! Tests of the resolver with faulty registries, whose responses are endless, invalid or missing.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Starts a server that sends `head` once and then `drip` repeatedly until the client disconnects.
async fn dripping(head: &'static [u8], drip: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let mut sent = stream.write_all(head).await;
                while sent.is_ok() && !drip.is_empty() {
                    sent = stream.write_all(drip).await;
                    tokio::task::yield_now().await;
                }
                // The connection stays open, and the server sends nothing.
                let _ = stream.read(&mut request).await;
            });
        }
    });
    address
}

async fn resolve_at(address: SocketAddr) -> Result<Digest, ResolveError> {
    let image: ImageRef = format!("{address}/team/app:1").parse().unwrap();
    plain(address)
        .resolve("shop", &image, &[])
        .await
        .map(|resolved| resolved.digest)
}

#[tokio::test]
async fn endless_answers_are_cut_at_their_limit() {
    const BODY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.index.v1+json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000))
        .leak()
        .as_bytes();
    let body = trouble(resolve_at(dripping(BODY, chunk).await).await);
    assert!(
        matches!(body, UnusableResponse::Net(NetError::TooLarge { .. })),
        "{body:?}"
    );
    let head = trouble(
        resolve_at(dripping(b"HTTP/1.1 200 OK\r\n", b"X-Filler: 0123456789\r\n").await).await,
    );
    assert!(
        matches!(head, UnusableResponse::Net(NetError::Protocol { .. })),
        "{head:?}"
    );
    let noise = trouble(resolve_at(dripping(b"\0\0\0\0", b"").await).await);
    assert!(
        matches!(noise, UnusableResponse::Net(NetError::Protocol { .. })),
        "{noise:?}"
    );
}

#[tokio::test]
async fn a_silent_registry_costs_ten_seconds_and_no_more() {
    let started = std::time::Instant::now();
    let silent = trouble(resolve_at(dripping(b"HTTP/1.1 200", b"").await).await);
    assert!(
        matches!(silent, UnusableResponse::Net(NetError::Deadline { .. })),
        "{silent:?}"
    );
    assert!(started.elapsed() >= LOOKUP_TIMEOUT && started.elapsed() < LOOKUP_TIMEOUT * 2);
}
