//! Handler of the WebSocket at `/` and `/ws`. A client connects, sends `{"type":"authenticate","token":"…"}`, and then
//! receives notices. Messages of other types are ignored, and so is a second `authenticate` message.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, Uri, header};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite;

use super::client::Client;
use super::error::{ApiError, Code};
use super::pages;
use super::state::App;
use crate::accounts::{self, Identity};
use crate::domain::socket::{
    Allowance, AuthFailure, ClientMessage, CloseReason, MAX_MESSAGE, not_json, welcome,
};
use crate::http::cors::same_host;
use crate::notices::{Inbox, PendingSocket};
use crate::security::token::TokenRefusal;

/// Size of a socket's read buffer and of its write buffer, in bytes. The library's default of 128 KB for each would
/// need too much memory for a thousand sockets.
const BUFFER_SIZE: usize = 4 * 1024;

/// Maximum size of the unsent data of a socket, in bytes. It is larger than the longest notes of a lead, which are sent
/// in a single message.
const MAX_UNSENT: usize = 1024 * 1024;

/// Timeout of the database queries that find the owner of a token.
const IDENTIFY_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout of sending one message. Missing pongs are not detected while a message is being sent.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Reason why a socket ends.
enum End {
    /// The client sent a close frame.
    Left,
    /// The connection is lost, so nothing can be sent.
    Gone,
    /// The server closes the socket for this reason.
    Close(CloseReason),
}

/// Handler of `/` and `/ws`. Responds to a WebSocket handshake with 101, or with an error if the handshake is invalid,
/// its origin is not allowed, too many sockets are pending, or the server is stopping. Handles any other request like
/// [`pages::fallback`]. A token in the query string is ignored.
pub async fn upgrade_or_page(
    State(app): State<App>,
    Client(caller): Client,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if !asks_for_socket(&headers) {
        return pages::fallback(State(app), method, uri, headers).await;
    }
    let Ok(upgrade) = upgrade else {
        return ApiError::new(
            Code::InvalidField,
            "This is not a WebSocket handshake of version 13.",
        )
        .into_response();
    };
    if !is_welcome(&app, &headers) {
        return ApiError::new(
            Code::Forbidden,
            "Pages of another site may not connect here.",
        )
        .into_response();
    }
    let waiting = app.notices.admit(caller.address);
    let Some(waiting) = waiting.filter(|_| !app.is_stopping()) else {
        return ApiError::new(
            Code::Busy,
            "Many are connecting just now. Try again in a moment.",
        )
        .retry_after(2)
        .into_response();
    };
    let sockets = app.notices.sockets().clone();
    upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .read_buffer_size(BUFFER_SIZE)
        .write_buffer_size(BUFFER_SIZE)
        .max_write_buffer_size(MAX_UNSENT)
        .on_upgrade(move |socket| sockets.track_future(serve(app, socket, waiting)))
}

fn asks_for_socket(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE);
    upgrade.is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Returns true if the `Origin` header names this host or an allowed origin. Also returns true if the header is absent,
/// because only browsers send it.
fn is_welcome(app: &App, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    origin.to_str().is_ok_and(|origin| {
        app.origins.allow(origin) || host.is_some_and(|host| same_host(origin, host))
    })
}

async fn serve(app: App, mut socket: WebSocket, waiting: PendingSocket) {
    let end = converse(&app, &mut socket, waiting).await;
    let _ = timeout(app.socket_timeouts.close, part(&mut socket, end)).await;
}

async fn converse(app: &App, socket: &mut WebSocket, waiting: PendingSocket) -> End {
    let mut allowance = Allowance::new(Instant::now());
    let authenticated = tokio::select! {
        biased;
        () = app.notices.stopping().cancelled() => Err(End::Close(CloseReason::ShuttingDown)),
        authenticated = authenticate(app, socket, &mut allowance) => authenticated,
    };
    let identity = match authenticated {
        Ok(identity) => identity,
        Err(end) => return end,
    };
    let mut subscription = match app.notices.join(&identity).await {
        Ok(subscription) => subscription,
        Err(closing) => return End::Close(closing),
    };
    drop(waiting);
    let Inbox { queue, closing } = &mut subscription.inbox;
    tokio::select! {
        biased;
        end = told_to_end(closing) => end,
        end = attend(socket, queue, &mut allowance, app.socket_timeouts.ping) => end,
    }
}

async fn told_to_end(closing: &mut watch::Receiver<Option<CloseReason>>) -> End {
    match closing.wait_for(Option::is_some).await {
        Ok(why) => why.map_or(End::Gone, End::Close),
        Err(_) => End::Gone,
    }
}

/// Waits for the `authenticate` message and verifies its token. Returns the identity of the token's owner.
async fn authenticate(
    app: &App,
    socket: &mut WebSocket,
    allowance: &mut Allowance,
) -> Result<Identity, End> {
    let token = timeout(app.socket_timeouts.authenticate, token(socket, allowance))
        .await
        .map_err(|_| End::Close(CloseReason::NotInTime))??;
    let refused = |failure| Err(End::Close(CloseReason::Refused(failure)));
    let Some(token) = token else {
        return refused(AuthFailure::AuthError);
    };
    match timeout(IDENTIFY_TIMEOUT, app.accounts.identify(&token)).await {
        Ok(Ok(identity)) => Ok(identity),
        Ok(Err(accounts::AccountError::Token(TokenRefusal::Forged))) => {
            refused(AuthFailure::TokenMismatch)
        }
        Ok(Err(accounts::AccountError::Token(TokenRefusal::Malformed))) => {
            refused(AuthFailure::AuthError)
        }
        Ok(Err(accounts::AccountError::Token(_) | accounts::AccountError::Revoked)) => {
            refused(AuthFailure::InvalidToken)
        }
        Ok(Err(_)) | Err(_) => Err(End::Close(CloseReason::Unavailable)),
    }
}

async fn token(socket: &mut WebSocket, allowance: &mut Allowance) -> Result<Option<String>, End> {
    loop {
        let heard = socket.recv().await;
        match hear(heard, allowance)? {
            Some(ClientMessage::Authenticate(token)) => return Ok(token),
            Some(ClientMessage::NotJson) => send(socket, Message::text(not_json())).await?,
            Some(ClientMessage::Other) | None => {}
        }
    }
}

/// Serves an authenticated socket until it ends: forwards notices, pings the client, and reads the client's messages.
/// Returns the reason for the end.
async fn attend(
    socket: &mut WebSocket,
    queue: &mut tokio::sync::mpsc::Receiver<std::sync::Arc<str>>,
    allowance: &mut Allowance,
    every: Duration,
) -> End {
    let mut ping = interval_at(tokio::time::Instant::now() + every, every);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut answered = true;
    if let Err(end) = send(socket, Message::text(welcome())).await {
        return end;
    }
    loop {
        let done = tokio::select! {
            _ = ping.tick() => {
                if !answered {
                    return End::Gone;
                }
                answered = false;
                send(socket, Message::Ping(Bytes::new())).await
            }
            Some(text) = queue.recv() => send(socket, Message::text(&*text)).await,
            heard = socket.recv() => {
                answered |= matches!(heard, Some(Ok(Message::Pong(_))));
                match hear(heard, allowance) {
                    Ok(Some(ClientMessage::NotJson)) => send(socket, Message::text(not_json())).await,
                    Ok(_) => Ok(()),
                    Err(end) => Err(end),
                }
            }
        };
        if let Err(end) = done {
            return end;
        }
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match timeout(WRITE_TIMEOUT, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}

/// Parses a received message. Returns `None` for pings and pongs, and an error if the socket must end.
fn hear(
    heard: Option<Result<Message, axum::Error>>,
    allowance: &mut Allowance,
) -> Result<Option<ClientMessage>, End> {
    let message = match heard {
        None => return Err(End::Gone),
        Some(Err(error)) => return Err(broken(error)),
        Some(Ok(message)) => message,
    };
    if !allowance.take(Instant::now()) {
        return Err(End::Close(CloseReason::TooBusy));
    }
    match message {
        Message::Text(text) => Ok(Some(ClientMessage::read(text.as_str().as_bytes()))),
        // Binary messages are read like text messages, as on the legacy server.
        Message::Binary(bytes) => Ok(Some(ClientMessage::read(&bytes))),
        Message::Close(_) => Err(End::Left),
        Message::Ping(_) | Message::Pong(_) => Ok(None),
    }
}

fn broken(error: axum::Error) -> End {
    use tungstenite::Error as E;
    use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    let inner = error.into_inner();
    End::Close(match inner.downcast_ref::<E>() {
        Some(E::Capacity(_)) => CloseReason::TooLong,
        Some(E::Utf8(_)) => CloseReason::NotText,
        Some(E::Protocol(ResetWithoutClosingHandshake)) => return End::Gone,
        Some(E::Protocol(_)) => CloseReason::NotWebSocket,
        _ => return End::Gone,
    })
}

/// Closes a socket: sends a close frame and waits for the client's close frame. Without waiting, the last message could
/// be lost.
async fn part(socket: &mut WebSocket, end: End) {
    let said = match end {
        End::Gone => return,
        End::Left => Ok(()),
        End::Close(closing) => say(socket, closing).await,
    };
    if said.is_ok() {
        while let Some(Ok(_)) = socket.recv().await {}
    }
}

async fn say(socket: &mut WebSocket, closing: CloseReason) -> Result<(), axum::Error> {
    if let Some(words) = closing.last_words() {
        socket.send(Message::text(words)).await?;
    }
    let (code, reason) = closing.frame();
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    socket.send(Message::Close(Some(frame))).await
}
