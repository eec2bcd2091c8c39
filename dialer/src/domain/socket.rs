//! The WebSocket protocol: messages, and the reasons for closing a socket.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Maximum size of a message and of a frame from a client, in bytes.
pub const MAX_MESSAGE: usize = 16 * 1024;

/// Maximum number of sockets per user and replica. A further socket is refused instead of replacing an older one: two
/// clients that replaced each other would reconnect forever.
pub const MAX_PER_USER: usize = 10;

/// A message from a client.
#[derive(Debug, PartialEq, Eq)]
pub enum ClientMessage {
    /// `authenticate` with its token, if the message has one.
    Authenticate(Option<String>),
    /// A message of a type that the server ignores.
    Other,
    NotJson,
}

impl ClientMessage {
    /// Parses a text or binary message.
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

/// Reason why a token was refused. Clients discard their token on `InvalidToken` and `TokenMismatch`. They do not
/// reconnect automatically after any of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthFailure {
    /// The token has expired, was revoked, or lacks `_id` or `sid`.
    InvalidToken,
    /// The token was not signed by this server.
    TokenMismatch,
    /// The message contained no token.
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

/// Reason why the server closes a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    Refused(AuthFailure),
    /// The client sent no `authenticate` message in time.
    NotInTime,
    /// The database is not available. The token may be valid, so the client must reconnect.
    Unavailable,
    /// The user, or the server, has too many sockets.
    TooMany,
    /// The client does not read its messages.
    TooSlow,
    /// The client sends too many messages.
    TooBusy,
    TooLong,
    NotText,
    NotWebSocket,
    ShuttingDown,
}

impl CloseReason {
    /// Status code and reason of the close frame (RFC 6455, section 7.4.1).
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

    /// The message that is sent before the close frame, if there is one.
    pub fn last_words(self) -> Option<String> {
        let Self::Refused(failure) = self else {
            return None;
        };
        let words =
            json!({ "type": "auth_failure", "message": failure.message(), "code": failure.code() });
        Some(words.to_string())
    }
}

/// The message that confirms authentication.
pub fn welcome() -> String {
    json!({ "type": "auth_success", "message": "You are connected." }).to_string()
}

/// The response to a message that is not JSON.
pub fn not_json() -> String {
    json!({ "type": "error", "message": "The message is not valid JSON." }).to_string()
}

/// Rate limit of frames from a client: `BURST` frames at once, then one per `REFILL`.
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

    /// Counts a frame; false if the frame exceeds the limit.
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
