//! Test server that implements the commands of the MongoDB wire protocol that a preflight uses, and faults on demand.
//!
//! It stores no data. It covers features that the available servers lack (FerretDB v1 has no roles), and faults that a
//! real server does not produce on demand.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_debug_implementations,
    reason = "test support, of which each test crate uses a part"
)]

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crokodial_operator::preflight::wire;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Document, doc};
use ring::{digest, hmac, pbkdf2};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

/// Name of the only user that can log in.
pub const USER: &str = "app";
pub const PASSWORD: &str = "r1ght-Pa55";

const SALT: &[u8] = b"sixteen bytes...";
const ITERATIONS: u32 = 4096;

/// Behavior of the test server.
#[derive(Debug, Clone, PartialEq)]
pub enum Manner {
    /// The server accepts all commands of a preflight. The user has these privileges, each a database and its permitted
    /// actions.
    Serves(Vec<(String, Vec<String>)>),
    /// The server lists no privileges, and rejects writes with this error code.
    RefusesWrites(i32),
    /// The server reports itself as a secondary of a replica set, which accepts no writes.
    Secondary,
    /// The server accepts connections and never responds.
    Silent,
    /// The server closes every connection at the first byte, like a server that requires TLS.
    HangsUp,
    /// The server speaks HTTP instead of the MongoDB protocol.
    Http,
}

impl Manner {
    /// Creates a server behavior with a user that has the role `readWrite` on this database.
    pub fn read_write(database: &str) -> Self {
        let actions = ["find", "insert", "update", "remove"].map(str::to_owned);
        Self::Serves(vec![(database.to_owned(), actions.to_vec())])
    }

    /// Creates a server behavior with a user that has the role `read` on this database.
    pub fn read(database: &str) -> Self {
        Self::Serves(vec![(database.to_owned(), vec!["find".to_owned()])])
    }
}

/// Running test server. It stops with the Tokio runtime.
#[derive(Clone)]
pub struct StandInMongo {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl StandInMongo {
    /// Starts the server at an address such as `127.0.0.1:0`.
    pub async fn listen(at: &str, manner: Manner) -> io::Result<Self> {
        Self::serve(TcpListener::bind(at).await?, manner)
    }

    /// Starts the server on this listener.
    pub fn serve(listener: TcpListener, manner: Manner) -> io::Result<Self> {
        let server = Self {
            address: listener.local_addr()?,
            asked: Arc::default(),
        };
        let (asked, address) = (server.asked.clone(), server.address);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = Connection {
                    manner: manner.clone(),
                    address,
                    asked: asked.clone(),
                    first: String::new(),
                };
                tokio::spawn(connection.serve(stream));
            }
        });
        Ok(server)
    }

    /// Returns the names of the received commands, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Returns a connection string for this server.
    pub fn uri(&self, password: &str, path_and_options: &str) -> String {
        format!(
            "mongodb://{USER}:{password}@{}/{path_and_options}",
            self.address
        )
    }
}

struct Connection {
    manner: Manner,
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    /// First messages of client and server, which the final SCRAM step needs.
    first: String,
}

impl Connection {
    async fn serve(mut self, mut stream: TcpStream) -> io::Result<()> {
        match self.manner {
            Manner::Silent => return std::future::pending().await,
            Manner::HangsUp => return stream.readable().await,
            Manner::Http => {
                stream.readable().await?;
                return stream
                    .write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
                    .await;
            }
            _ => {}
        }
        loop {
            let (request, command) = wire::read(&mut stream).await?;
            let answer = self.answer(&command);
            stream
                .write_all(&wire::encode(&answer, 1, request)?)
                .await?;
        }
    }

    fn answer(&mut self, command: &Document) -> Document {
        let name = command.keys().next().cloned().unwrap_or_default();
        self.asked.lock().unwrap().push(name.clone());
        match name.to_ascii_lowercase().as_str() {
            "hello" | "ismaster" => self.hello(),
            "saslstart" => self.sasl_start(command),
            "saslcontinue" => self.sasl_continue(command),
            "connectionstatus" => self.connection_status(),
            "update" => match self.manner {
                Manner::RefusesWrites(code) => refusal(code),
                _ => doc! {"n": 0, "nModified": 0, "ok": 1},
            },
            "find" => {
                doc! {"cursor": {"id": 0_i64, "ns": "app.x", "firstBatch": []}, "ok": 1}
            }
            "buildinfo" => doc! {"version": "7.0.99", "ok": 1},
            "endsessions" => doc! {"ok": 1},
            _ => refusal(59),
        }
    }

    fn hello(&self) -> Document {
        let mut hello = doc! {
            "helloOk": true, "isWritablePrimary": true, "ismaster": true, "maxBsonObjectSize": 16_777_216,
            "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000, "minWireVersion": 0,
            "maxWireVersion": 21, "readOnly": false, "saslSupportedMechs": ["SCRAM-SHA-256"], "ok": 1,
        };
        if self.manner == Manner::Secondary {
            let own = self.address.to_string();
            hello.insert("setName", "rs0");
            hello.insert("hosts", vec![own.clone()]);
            hello.insert("me", own);
            hello.insert("isWritablePrimary", false);
            hello.insert("ismaster", false);
            hello.insert("secondary", true);
        }
        hello
    }

    fn connection_status(&self) -> Document {
        let Manner::Serves(privileges) = &self.manner else {
            return doc! {"authInfo": {"authenticatedUsers": [], "authenticatedUserPrivileges": []}, "ok": 1};
        };
        let privileges: Vec<Document> = privileges
            .iter()
            .map(
                |(db, actions)| doc! {"resource": {"db": db, "collection": ""}, "actions": actions},
            )
            .collect();
        doc! {"authInfo": {"authenticatedUserPrivileges": privileges}, "ok": 1}
    }

    /// Handles the first message of SCRAM-SHA-256 (RFC 7677) as the server.
    fn sasl_start(&mut self, command: &Document) -> Document {
        let first = payload(command);
        let bare = first.trim_start_matches("n,,");
        let nonce = bare.split_once(",r=").map_or("", |(_, nonce)| nonce);
        let server = format!("r={nonce}server,s={},i={ITERATIONS}", STANDARD.encode(SALT));
        self.first = format!("{bare},{server}");
        says(&server, false)
    }

    fn sasl_continue(&mut self, command: &Document) -> Document {
        let last = payload(command);
        let Some((without_proof, proof)) = last.split_once(",p=") else {
            return refusal(18);
        };
        let message = format!("{},{without_proof}", self.first);
        let iterations = NonZeroU32::new(ITERATIONS).unwrap();
        let mut salted = [0; 32];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            iterations,
            SALT,
            PASSWORD.as_bytes(),
            &mut salted,
        );
        let client_key = sign(&salted, b"Client Key");
        let stored = digest::digest(&digest::SHA256, &client_key);
        let signature = sign(stored.as_ref(), message.as_bytes());
        let wanted: Vec<u8> = client_key
            .iter()
            .zip(&signature)
            .map(|(a, b)| a ^ b)
            .collect();
        let user_is_known = self.first.starts_with(&format!("n={USER},"));
        if !user_is_known || STANDARD.decode(proof).ok() != Some(wanted) {
            return refusal(18);
        }
        let server = sign(&sign(&salted, b"Server Key"), message.as_bytes());
        says(&format!("v={}", STANDARD.encode(server)), true)
    }
}

fn payload(command: &Document) -> String {
    let bytes = command.get_binary_generic("payload").unwrap();
    String::from_utf8(bytes.clone()).unwrap()
}

fn says(text: &str, done: bool) -> Document {
    let payload = Binary {
        subtype: BinarySubtype::Generic,
        bytes: text.as_bytes().to_vec(),
    };
    doc! {"conversationId": 1, "done": done, "payload": payload, "ok": 1}
}

fn sign(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message)
        .as_ref()
        .to_vec()
}

/// Returns an error response. Tests check that its `errmsg` does not appear in the result of a preflight.
fn refusal(code: i32) -> Document {
    doc! {"ok": 0, "code": code, "codeName": "StandIn", "errmsg": "server-sent text"}
}
