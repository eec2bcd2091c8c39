//! Temporary databases for tests, on the server at `MONGODB_TEST_URI`. The user in the URI must be allowed to create
//! and drop databases. Also contains a TCP relay that can simulate an outage of the server.
#![allow(dead_code, reason = "the benchmark includes it for a part")]

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use bson::oid::ObjectId;
use mongodb::{Client, Database};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Temporary database for one test. The test must call `finish` to drop it.
pub struct Scratch {
    pub uri: String,
    pub database: Database,
}

/// Creates a temporary database for a test. If `MONGODB_TEST_URI` is not set, prints a message to standard error and
/// returns `None`.
pub async fn scratch(test: &str) -> Option<Scratch> {
    let Ok(uri) = std::env::var("MONGODB_TEST_URI") else {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {test}: MONGODB_TEST_URI is not set"
        );
        return None;
    };
    let name = format!("dialer_test_{}", ObjectId::new().to_hex());
    let uri = with_database(&uri, &name);
    let client = Client::with_uri_str(&uri).await.unwrap();
    Some(Scratch {
        database: client.database(&name),
        uri,
    })
}

impl Scratch {
    pub async fn finish(self) {
        self.database.drop().await.unwrap();
    }
}

/// Returns the URI of another database on the same server. Adds `authSource` if it is missing, because the user is
/// defined in the original database.
fn with_database(uri: &str, name: &str) -> String {
    let (base, options) = uri.split_once('?').unwrap_or((uri, ""));
    let (scheme, rest) = base.split_once("://").unwrap();
    let (hosts, old) = rest.split_once('/').unwrap_or((rest, ""));
    let mut options = options.to_owned();
    if !options.contains("authSource=") {
        let source = if old.is_empty() { "admin" } else { old };
        options = format!("authSource={source}&{options}");
    }
    format!(
        "{scheme}://{hosts}/{name}?{}",
        options.trim_end_matches('&')
    )
}

/// TCP relay that, while it is on, forwards connections from a local port to the real server.
pub struct Relay {
    pub uri: String,
    address: SocketAddr,
    target: String,
    on: Option<CancellationToken>,
}

impl Relay {
    /// Creates a relay that is turned off, so it refuses connections.
    pub async fn off(uri: &str) -> Self {
        let address = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let (before, after) = uri.split_once('@').unwrap();
        let (target, path) = after.split_once('/').unwrap();
        // `directConnection` is required: otherwise the driver would discover the members of a replica set and bypass
        // the relay.
        let direct = if path.contains("directConnection=") {
            ""
        } else {
            "&directConnection=true"
        };
        Self {
            uri: format!(
                "{before}@{address}/{path}{direct}&serverSelectionTimeoutMS=800&heartbeatFrequencyMS=500"
            ),
            address,
            target: target.to_owned(),
            on: None,
        }
    }

    pub async fn turn_on(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let off = CancellationToken::new();
        self.on = Some(off.clone());
        let target: Arc<str> = self.target.clone().into();
        tokio::spawn(async move {
            while let Some(Ok((mut near, _))) = off.run_until_cancelled(listener.accept()).await {
                let (off, target) = (off.clone(), Arc::clone(&target));
                tokio::spawn(off.run_until_cancelled_owned(async move {
                    let mut far = TcpStream::connect(&*target).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                }));
            }
        });
    }

    /// Turns the relay off. Closes all connections and refuses new ones.
    pub async fn turn_off(&mut self) {
        if let Some(off) = self.on.take() {
            off.cancel();
        }
        while TcpStream::connect(self.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}
