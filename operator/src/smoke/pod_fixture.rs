//! Test fixture: a fake pod with scripted responses, and smoke checks that run against it.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::*;
use crate::net::{Guard, Trust};
use crate::smoke::plan::Check;

pub(super) const DOMAIN: &str = "app.example.com";

/// Function that returns the pod's response for a path: the status and headers (without `HTTP/1.1`), and the body.
pub(super) type Respond = fn(&str) -> (String, Vec<u8>);

/// Fake pod that records the heads of the requests that it receives.
pub(super) struct Pod {
    pub(super) port: u16,
    pub(super) heads: Arc<Mutex<Vec<String>>>,
}

impl Pod {
    pub(super) async fn serves(answer: Respond) -> Self {
        Self::speaks(move |head: String, mut stream: TcpStream| async move {
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let (status, body) = answer(&path);
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&body).await;
        })
        .await
    }

    /// Starts a fake pod that calls `script` with each request head and its connection.
    pub(super) async fn speaks<F>(
        script: impl Fn(String, TcpStream) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (known, script) = (heads.clone(), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (known, script) = (known.clone(), script.clone());
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        match stream.read_u8().await {
                            Ok(byte) => head.push(byte),
                            Err(_) => return,
                        }
                    }
                    let head = String::from_utf8(head).unwrap();
                    known.lock().unwrap().push(head.clone());
                    script(head, stream).await;
                });
            }
        });
        Self { port, heads }
    }

    pub(super) fn asked(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        let path = |head: &String| head.split(' ').nth(1).unwrap_or_default().to_owned();
        heads.iter().map(path).collect()
    }

    pub(super) async fn smoke(&self, checks: &[Check]) -> SmokeResult {
        self.smoke_within(checks, Limits::default()).await
    }

    pub(super) async fn smoke_within(&self, checks: &[Check], limits: Limits) -> SmokeResult {
        let plan = SmokePlan {
            assets: true,
            checks: checks.to_vec(),
        };
        probe(limits).run(&target(self.port), &plan).await
    }
}

pub(super) fn probe(limits: Limits) -> SmokeProbe {
    let guard = Guard::for_tests_allowing_loopback();
    SmokeProbe::new(HttpClient::new(guard, Trust::platform().unwrap()), limits)
}

pub(super) fn target(port: u16) -> SmokeTarget {
    SmokeTarget {
        ip: "127.0.0.1".to_owned(),
        port,
        domain: DOMAIN.to_owned(),
        https: true,
    }
}

pub(super) fn quick() -> Limits {
    Limits {
        request: Duration::from_millis(300),
        overall: Duration::from_secs(2),
        ..Limits::default()
    }
}

pub(super) fn check(path: &str, status: &str) -> Check {
    Check {
        path: path.to_owned(),
        status: status.parse().unwrap(),
        contains: None,
    }
}

pub(super) fn root() -> [Check; 1] {
    [check("/", "200-299")]
}

pub(super) fn html(body: &str) -> (String, Vec<u8>) {
    (
        "200 OK\r\nContent-Type: text/html; charset=utf-8".to_owned(),
        body.as_bytes().to_vec(),
    )
}

pub(super) fn plain(status: &str) -> (String, Vec<u8>) {
    (status.to_owned(), b"x".to_vec())
}

pub(super) fn moved(to: &str) -> (String, Vec<u8>) {
    plain(&format!("302 Found\r\nLocation: {to}"))
}

pub(super) fn message(result: SmokeResult) -> String {
    match result {
        SmokeResult::Failed { message } => message,
        other => panic!("{other:?}"),
    }
}

pub(super) const PAGE: &str = r#"<link rel=stylesheet href=/a.css><script type=module src=/a.js></script>
    <img src=https://app.example.com/i.png><img src=https://cdn.example.com/other.png>"#;
