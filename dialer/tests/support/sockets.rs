//! Helpers for WebSocket tests: a server on a real network socket, and a client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crokodial_dialer::connect;
use crokodial_dialer::http::limits::SocketTimeouts;
use crokodial_dialer::http::{AppState, router};
use crokodial_dialer::server;
use crokodial_dialer::store::Store;
use crokodial_dialer::ui::Embedded;
use futures::{SinkExt, StreamExt};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use tokio_util::sync::CancellationToken;

use crate::support::{TestApp, config};

/// Timeout for each message that a test waits for.
const LONG: Duration = Duration::from_secs(60);

/// Creates an application with the given WebSocket timeouts.
pub fn app_with(uri: &str, more: &[(&str, &str)], timeouts: SocketTimeouts) -> TestApp {
    let config = config(uri, more);
    let store = Arc::new(Store::new(config.mongo.clone()));
    let health = connect::health_of(&store);
    let (s, h) = (Arc::clone(&store), Arc::clone(&health));
    let mut state = AppState::new(&config, s, h, Box::new(Embedded));
    state.socket_timeouts = timeouts;
    let app = Arc::new(state);
    TestApp {
        router: router(Arc::clone(&app)),
        app,
        store,
        health,
    }
}

/// Serves an application on a free port until the test ends. Returns the address.
pub async fn serve(app: &TestApp) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (router, stop) = (app.router.clone(), CancellationToken::new());
    let timeouts = server::ServerTimeouts::default();
    tokio::spawn(server::serve(listener, router, stop, timeouts));
    address
}

/// A WebSocket client.
pub struct Client(WebSocketStream<TcpStream>);

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::knock(address, "/", None).await.unwrap()
    }

    /// Connects to the server. Returns the HTTP status as an error if the server rejects the handshake.
    pub async fn knock(
        address: SocketAddr,
        path: &str,
        origin: Option<&str>,
    ) -> Result<Self, StatusCode> {
        let url = format!("ws://{address}{path}");
        let mut request = url.into_client_request().unwrap();
        if let Some(origin) = origin {
            let origin = origin.parse().unwrap();
            request.headers_mut().insert("origin", origin);
        }
        let stream = TcpStream::connect(address).await.unwrap();
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(answer)) => Err(answer.status()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Connects a client and authenticates it with a session token.
    pub async fn signed_in(address: SocketAddr, token: &str) -> Self {
        let mut client = Self::connect(address).await;
        client.authenticate(token).await;
        assert_eq!(client.hear().await["type"], "auth_success");
        client
    }

    pub async fn authenticate(&mut self, token: &str) {
        self.say(&json!({ "type": "authenticate", "token": token }).to_string())
            .await;
    }

    pub async fn say(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    pub async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    /// Returns the next message that is not a ping.
    async fn next(&mut self) -> Message {
        loop {
            let next = tokio::time::timeout(LONG, self.0.next()).await;
            match next.expect("nothing came").expect("it ended").unwrap() {
                Message::Ping(_) => {}
                message => return message,
            }
        }
    }

    /// Returns the next message as JSON. Panics if it is not text.
    pub async fn hear(&mut self) -> Value {
        match self.next().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("no text: {other:?}"),
        }
    }

    /// Returns the status code of the close frame. Panics if the next message is not a close frame.
    pub async fn closed(&mut self) -> u16 {
        match self.next().await {
            Message::Close(Some(frame)) => frame.code.into(),
            other => panic!("not closed: {other:?}"),
        }
    }

    /// Asserts that the server rejects the authentication with the error code `code` and then closes the socket.
    pub async fn refused(&mut self, code: &str) {
        let failure = self.hear().await;
        assert_eq!(failure["type"], "auth_failure");
        assert_eq!(failure["code"], code);
        assert_eq!(self.closed().await, 1008);
    }

    /// Closes the socket and waits until the server has closed it, too.
    pub async fn leave(mut self) {
        self.send(Message::Close(None)).await;
        while let Some(Ok(_)) = self.0.next().await {}
    }

    /// Returns the underlying TCP connection, for tests that read slowly or do not respond.
    pub fn raw(&mut self) -> &mut TcpStream {
        self.0.get_mut()
    }
}
