//! Tests of the WebSocket protocol, on a real connection and without a database.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::sockets::{Client, app_with, serve};
use crate::support::{JWT_SECRET, NOWHERE, app, get, get_with};
use bson::oid::ObjectId;
use crokodial_dialer::accounts::Identity;
use crokodial_dialer::clock::now_ms;
use crokodial_dialer::domain::notice::Notice;
use crokodial_dialer::domain::socket::MAX_MESSAGE;
use crokodial_dialer::domain::vendor::product::Product;
use crokodial_dialer::http::limits::SocketTimeouts;
use crokodial_dialer::security::pending_sockets::MAX_PENDING_PER_ADDRESS;
use crokodial_dialer::security::token::{Claims, TokenKeys};
use crokodial_dialer::store::users::User;
use http::StatusCode;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

fn token(secret: &str, seconds: i64) -> String {
    let now = now_ms() / 1000;
    let claims = Claims {
        _id: ObjectId::new().to_hex(),
        sid: "00112233445566778899aabbccddeeff".to_owned(),
        iat: now,
        exp: now + seconds,
    };
    TokenKeys::new(secret.as_bytes()).sign(&claims).unwrap()
}

/// Returns a token as the old Node.js server signed it, without the claim `sid`.
fn old_token() -> String {
    let claims = json!({ "_id": ObjectId::new().to_hex(), "iat": 1, "exp": 99_999_999_999_i64 });
    let key = jsonwebtoken::EncodingKey::from_secret(JWT_SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

#[tokio::test]
async fn a_socket_is_opened_on_both_addresses_and_pages_are_still_served_there() {
    let app = app(NOWHERE, &[]);
    let address = serve(&app).await;
    let page = get(&app.router, "/leads").await;
    for path in ["/", "/ws", "/ws?token=abc"] {
        let other = get(&app.router, path).await;
        assert_eq!(
            (other.status, other.text),
            (page.status, page.text.clone()),
            "{path}"
        );
        let mut client = Client::knock(address, path, None).await.unwrap();
        client.say("hello").await;
        assert_eq!(client.hear().await["type"], "error");
    }
    let post = crate::support::post(&app.router, "/", &json!({})).await;
    assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
    let odd = [("upgrade", "websocket"), ("connection", "upgrade")];
    let odd = get_with(&app.router, "/ws", &odd).await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST, "no key, no version");
}

#[tokio::test]
async fn every_refusal_has_its_code_and_then_closes() {
    let app = app(NOWHERE, &[]);
    let address = serve(&app).await;
    for (token, code) in [
        (json!(token(JWT_SECRET, -1)), "INVALID_TOKEN"),
        (json!(old_token()), "INVALID_TOKEN"),
        (
            json!(token("another secret of thirty-two chars", 60)),
            "TOKEN_MISMATCH",
        ),
        (json!("nonsense"), "AUTH_ERROR"),
        (json!({ "$ne": null }), "AUTH_ERROR"),
        (json!(null), "AUTH_ERROR"),
    ] {
        let mut client = Client::connect(address).await;
        let message = json!({ "type": "authenticate", "token": token });
        client.say(&message.to_string()).await;
        client.refused(code).await;
    }
}

#[tokio::test]
async fn without_a_database_a_good_token_is_not_refused() {
    let app = app(NOWHERE, &[]);
    let mut client = Client::connect(serve(&app).await).await;
    client.authenticate(&token(JWT_SECRET, 60)).await;
    assert_eq!(client.closed().await, 1011, "and no auth_failure before");
}

#[tokio::test]
async fn what_is_not_json_is_an_error_and_other_types_are_ignored() {
    let app = app(NOWHERE, &[]);
    let mut client = Client::connect(serve(&app).await).await;
    client
        .say(r#"{"type":"subscribe","to":"everything"}"#)
        .await;
    client.say("[1]").await;
    client.send(Message::binary(&b"{"[..])).await;
    let error = client.hear().await;
    assert_eq!(error["type"], "error");
    assert!(error["message"].is_string());
    client.say("{").await;
    assert_eq!(client.hear().await["type"], "error");
}

#[tokio::test]
async fn who_does_not_say_who_they_are_is_closed() {
    let timeouts = SocketTimeouts {
        authenticate: Duration::from_millis(100),
        ..SocketTimeouts::default()
    };
    let app = app_with(NOWHERE, &[], timeouts);
    let mut client = Client::connect(serve(&app).await).await;
    assert_eq!(client.closed().await, 1008);
}

#[tokio::test]
async fn a_message_of_16_kib_is_heard_and_a_longer_one_closes() {
    let app = app(NOWHERE, &[]);
    let mut client = Client::connect(serve(&app).await).await;
    client.say(&"x".repeat(MAX_MESSAGE)).await;
    assert_eq!(client.hear().await["type"], "error");
    client.say(&"x".repeat(MAX_MESSAGE + 1)).await;
    assert_eq!(client.closed().await, 1009);
}

#[tokio::test]
async fn who_says_too_much_is_closed() {
    let app = app(NOWHERE, &[]);
    let mut client = Client::connect(serve(&app).await).await;
    for _ in 0..100 {
        client.say("{}").await;
    }
    assert_eq!(client.closed().await, 1008);
}

#[tokio::test]
async fn pages_of_other_sites_may_not_connect() {
    let app = app(NOWHERE, &[("CLIENT_URL", "https://dialer.example.com")]);
    let address = serve(&app).await;
    let own = format!("http://{address}");
    for origin in [
        own.as_str(),
        "https://dialer.example.com",
        "https://crokodial.com",
    ] {
        assert!(
            Client::knock(address, "/", Some(origin)).await.is_ok(),
            "{origin}"
        );
    }
    for origin in [
        "https://evil.example",
        "null",
        "http://127.0.0.1:1",
        "file://",
    ] {
        let status = Client::knock(address, "/ws", Some(origin)).await.err();
        assert_eq!(status, Some(StatusCode::FORBIDDEN), "{origin}");
    }
}

#[tokio::test]
async fn only_so_many_of_one_address_may_wait() {
    let app = app(NOWHERE, &[]);
    let address = serve(&app).await;
    let mut waiting = Vec::new();
    for _ in 0..MAX_PENDING_PER_ADDRESS {
        waiting.push(Client::connect(address).await);
    }
    let refused = Client::knock(address, "/", None).await.err();
    assert_eq!(refused, Some(StatusCode::SERVICE_UNAVAILABLE));
    waiting.pop().unwrap().leave().await;
    Client::connect(address).await;
}

#[tokio::test]
async fn at_shutdown_sockets_are_told_to_come_back_and_waited_for() {
    let app = app(NOWHERE, &[]);
    let address = serve(&app).await;
    let mut client = Client::connect(address).await;
    client.say("hello").await;
    client.hear().await;
    let ((), code) = tokio::join!(app.app.notices.shut_down(), client.closed());
    assert_eq!(code, 1001);
    let mut late = Client::connect(address).await;
    assert_eq!(late.closed().await, 1001);
    app.app.begin_shutdown();
    let refused = Client::knock(address, "/", None).await.err();
    assert_eq!(refused, Some(StatusCode::SERVICE_UNAVAILABLE));
}

#[tokio::test]
async fn a_notice_that_cannot_be_stored_is_still_told_here_and_fails_nothing() {
    let app = app(NOWHERE, &[]);
    let id = ObjectId::new();
    let identity = Identity {
        user: User {
            id,
            email: "rep@example.com".to_owned(),
            name: "Rep".to_owned(),
            role: "user".to_owned(),
        },
        session: "s".to_owned(),
        ends_ms: i64::MAX,
    };
    let notices = &app.app.notices;
    let mut subscription = notices.join(&identity).await.unwrap();
    notices.publish(
        id,
        &Notice::NewLead {
            lead: ObjectId::new(),
            name: "Ann Lee".to_owned(),
            phone: None,
            source: "NextGen".to_owned(),
            product: Product::Data,
            is_new: true,
            process_ms: 1,
        },
    );
    let told = subscription.inbox.queue.recv().await.unwrap();
    assert!(told.contains("new_lead_notification"), "{told}");
    notices.settled().await;
    let metrics = app.app.metrics.render(false).unwrap();
    for line in [
        r#"dialer_notices_dropped_total{reason="NotStored"} 1"#,
        "dialer_notices_delivered_total 1",
        r#"dialer_sockets{state="Authenticated"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

/// Writer that collects log output in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn tokens_are_never_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("trace")
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let app = app(NOWHERE, &[]);
    let address = serve(&app).await;
    let token = token("another secret of thirty-two chars", 60);
    let path = format!("/ws?token={token}");
    let mut client = Client::knock(address, &path, None).await.unwrap();
    client.authenticate(&token).await;
    client.refused("TOKEN_MISMATCH").await;
    get(&app.router, &path).await;
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("route=\"/ws\""), "{log}");
    let payload = token.split('.').nth(1).unwrap();
    assert!(!log.contains(payload) && !log.contains("token="), "{log}");
}
