//! The WebSocket protocol: messages, close reasons, and the rate limit for clients.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Maximum size of a WebSocket message or frame from a client, in bytes.
pub const MAX_MESSAGE: usize = 16 * 1024;

/// Maximum number of sockets per user and replica. Above the limit, new sockets are refused. Closing the oldest socket
/// instead would make two clients disconnect each other forever.
pub const MAX_PER_USER: usize = 10;

/// A message from a client.
#[derive(Debug, PartialEq, Eq)]
pub enum ClientMessage {
    /// Message of type `authenticate`, with its token; `None` if the token is missing or not text.
    Authenticate(Option<String>),
    /// JSON message of any other type. The server ignores it.
    Other,
    NotJson,
}

impl ClientMessage {
    /// Parses a message, which may be a text or a binary frame.
    pub fn read(message: &[u8]) -> Self {
        let Ok(message) = serde_json::from_slice::<Value>(message) else {
            return Self::NotJson;
        };
        if message.get("type").and_then(Value::as_str) != Some("authenticate") {
            return Self::Other;
        }
        let token = message.get("token").and_then(Value::as_str);
        Self::Authenticate(token.map(str::to_owned))
    }
}

/// Reason why authentication failed. Clients discard their token on `InvalidToken` and `TokenMismatch`. They do not
/// reconnect automatically after any of these errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthFailure {
    /// The token has expired, was revoked, or lacks a required claim.
    InvalidToken,
    /// The token was not signed with this server's secret.
    TokenMismatch,
    /// The message contained no token, text that does not have the format of a token, or a token that was signed with
    /// another algorithm.
    AuthError,
}

impl AuthFailure {
    fn code(self) -> &'static str {
        match self {
            Self::InvalidToken => "INVALID_TOKEN",
            Self::TokenMismatch => "TOKEN_MISMATCH",
            Self::AuthError => "AUTH_ERROR",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::InvalidToken => "The session has ended: sign in again.",
            Self::TokenMismatch => "The token is not from this server: sign in again.",
            Self::AuthError => "There is no usable token.",
        }
    }
}

/// Reason why the server closes a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// Authentication failed, or the session of an authenticated socket has ended.
    Refused(AuthFailure),
    /// The client did not send an `authenticate` message in time.
    NotInTime,
    /// The database is unavailable, so the token could not be checked. The client should reconnect.
    Unavailable,
    /// The user or the server has reached the maximum number of sockets.
    TooMany,
    /// The client does not read its messages fast enough.
    TooSlow,
    /// The client exceeds the rate limit for messages.
    TooBusy,
    /// A message or frame exceeds [`MAX_MESSAGE`].
    TooLong,
    /// A text message is not UTF-8.
    NotText,
    /// The client violated the WebSocket protocol.
    NotWebSocket,
    ShuttingDown,
}

impl CloseReason {
    /// Returns the status code and the reason text of the close frame.
    pub fn frame(self) -> (u16, &'static str) {
        match self {
            Self::Refused(_) => (1008, "authentication failed"),
            Self::NotInTime => (1008, "not authenticated in time"),
            Self::TooBusy => (1008, "too many messages"),
            Self::Unavailable => (1011, "temporarily unavailable"),
            Self::TooMany => (1013, "too many connections"),
            Self::TooSlow => (1013, "too slow"),
            Self::TooLong => (1009, "message too long"),
            Self::NotText => (1007, "not UTF-8"),
            Self::NotWebSocket => (1002, "protocol error"),
            Self::ShuttingDown => (1001, "the server is shutting down"),
        }
    }

    /// Returns the JSON message to send before the close frame; `None` unless the reason is `Refused`.
    pub fn last_words(self) -> Option<String> {
        let Self::Refused(failure) = self else {
            return None;
        };
        let words =
            json!({ "type": "auth_failure", "message": failure.message(), "code": failure.code() });
        Some(words.to_string())
    }
}

/// Returns the JSON message that confirms authentication.
pub fn welcome() -> String {
    json!({ "type": "auth_success", "message": "You are connected." }).to_string()
}

/// Returns the JSON message that is sent in response to a message that is not JSON.
pub fn not_json() -> String {
    json!({ "type": "error", "message": "The message is not valid JSON." }).to_string()
}

/// Rate limit for frames that one socket receives: a burst of `BURST` frames, then one frame per `REFILL`.
#[derive(Debug)]
pub struct Allowance {
    left: u32,
    since: Instant,
}

const BURST: u32 = 60;
const REFILL: Duration = Duration::from_millis(500);

impl Allowance {
    pub fn new(now: Instant) -> Self {
        Self {
            left: BURST,
            since: now,
        }
    }

    /// Counts a frame against the limit. Returns false if the frame exceeds it.
    pub fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.since).as_millis() / REFILL.as_millis();
        let more = u32::try_from(passed).unwrap_or(u32::MAX);
        if self.left.saturating_add(more) >= BURST {
            (self.left, self.since) = (BURST, now);
        } else {
            self.left += more;
            self.since += REFILL * more;
        }
        let enough = self.left > 0;
        self.left = self.left.saturating_sub(1);
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_authenticate_means_anything() {
        for (message, said) in [
            (
                r#"{"type":"authenticate","token":"t"}"#,
                ClientMessage::Authenticate(Some("t".to_owned())),
            ),
            (
                r#"{"type":"authenticate"}"#,
                ClientMessage::Authenticate(None),
            ),
            (
                r#"{"type":"authenticate","token":{"$ne":1}}"#,
                ClientMessage::Authenticate(None),
            ),
            (r#"{"type":"ping","token":"t"}"#, ClientMessage::Other),
            (r#"{"type":["authenticate"]}"#, ClientMessage::Other),
            ("[]", ClientMessage::Other),
            ("7", ClientMessage::Other),
            ("hello", ClientMessage::NotJson),
            ("", ClientMessage::NotJson),
        ] {
            assert_eq!(ClientMessage::read(message.as_bytes()), said, "{message}");
        }
        assert_eq!(ClientMessage::read(b"\xff\xfe"), ClientMessage::NotJson);
    }

    #[test]
    fn only_a_refused_token_is_a_failure_and_the_codes_are_those_that_clients_know() {
        for (failure, code) in [
            (AuthFailure::InvalidToken, "INVALID_TOKEN"),
            (AuthFailure::TokenMismatch, "TOKEN_MISMATCH"),
            (AuthFailure::AuthError, "AUTH_ERROR"),
        ] {
            let closing = CloseReason::Refused(failure);
            let words: Value = serde_json::from_str(&closing.last_words().unwrap()).unwrap();
            assert_eq!(
                (&words["type"], &words["code"]),
                (&json!("auth_failure"), &json!(code))
            );
            assert_eq!(closing.frame().0, 1008);
        }
        for closing in [
            CloseReason::NotInTime,
            CloseReason::Unavailable,
            CloseReason::TooMany,
            CloseReason::TooSlow,
            CloseReason::TooBusy,
            CloseReason::TooLong,
            CloseReason::ShuttingDown,
        ] {
            assert_eq!(
                closing.last_words(),
                None,
                "{closing:?}: they must come back"
            );
            // A close frame has room for a reason of 123 bytes.
            assert!(closing.frame().1.len() <= 123);
        }
    }

    proptest! {
        #[test]
        fn never_more_frames_than_the_burst_and_what_time_brings(
            waits in prop::collection::vec(0_u64..2_000, 1..400)
        ) {
            let start = Instant::now();
            let mut allowance = Allowance::new(start);
            let (mut now, mut taken) = (start, 0_u128);
            for wait in waits {
                now += Duration::from_millis(wait);
                taken += u128::from(allowance.take(now));
                let brought = now.duration_since(start).as_millis() / REFILL.as_millis();
                prop_assert!(taken <= u128::from(BURST) + brought);
            }
        }

        #[test]
        fn one_frame_each_refill_is_always_allowed(count in 1_u32..500) {
            let start = Instant::now();
            let mut allowance = Allowance::new(start);
            for n in 0..count {
                prop_assert!(allowance.take(start + REFILL * n));
            }
        }
    }
}
