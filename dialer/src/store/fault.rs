//! Database errors, reduced to a reason and the server's error code. Messages of the driver are never shown or logged,
//! because they contain hosts, values and sometimes credentials.

use std::fmt;

use mongodb::error::{Error, ErrorKind, WriteFailure};

/// MongoDB's error code `Unauthorized`, as listed in MongoDB's file `error_codes.yml`.
const UNAUTHORIZED: i32 = 13;
const AUTHENTICATION_FAILED: i32 = 18;
const ATLAS_ERROR: i32 = 8000;
pub(super) const DUPLICATE_KEY: i32 = 11000;

/// Reason for a database error, as shown by `/api/health` and in logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No attempt to connect has finished yet.
    Connecting,
    /// The database did not answer in time, or other processes prevented the operation, for example by too many
    /// conflicting writes.
    NoAnswer,
    AuthFailed,
    AccessDenied,
    DnsFailure,
    ConnectionRefused,
    TlsFailure,
    ServerUnreachable,
    InvalidOptions,
    DuplicateKey,
    ServerError,
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Self::Connecting => "Connecting",
            Self::NoAnswer => "NoAnswer",
            Self::AuthFailed => "AuthFailed",
            Self::AccessDenied => "AccessDenied",
            Self::DnsFailure => "DnsFailure",
            Self::ConnectionRefused => "ConnectionRefused",
            Self::TlsFailure => "TlsFailure",
            Self::ServerUnreachable => "ServerUnreachable",
            Self::InvalidOptions => "InvalidOptions",
            Self::DuplicateKey => "DuplicateKey",
            Self::ServerError => "ServerError",
        }
    }

    /// Returns an explanation of the reason for the operator, with advice where possible.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Connecting => "the first connection is being made",
            Self::NoAnswer => "the server did not answer in time; check its load and the network",
            Self::AuthFailed => {
                "the server refused user name or password; check MONGODB_URI and its authSource"
            }
            Self::AccessDenied => "the user may not read this database; grant it readWrite",
            Self::DnsFailure => {
                "a host name of MONGODB_URI does not resolve; check its spelling and DNS"
            }
            Self::ConnectionRefused => "nothing listens at the host and port of MONGODB_URI",
            Self::TlsFailure => {
                "the TLS handshake failed; check tls= in MONGODB_URI and the server's certificate"
            }
            Self::ServerUnreachable => {
                "no server could be reached; check network rules, and on Atlas the IP access list"
            }
            Self::InvalidOptions => "MONGODB_URI holds options that do not go together",
            Self::DuplicateKey => "the document exists already",
            Self::ServerError => "the server answered with an error",
        }
    }

    /// Returns true if the database cannot be used at present, which is so for all reasons except `DuplicateKey` and
    /// `ServerError`. Requests that fail for such a reason return HTTP status 503.
    pub fn is_outage(self) -> bool {
        !matches!(self, Self::DuplicateKey | Self::ServerError)
    }
}

/// A failed database operation: the reason, and the server's error code if it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub reason: Reason,
    pub code: Option<i32>,
}

impl Fault {
    pub fn new(reason: Reason) -> Self {
        Self { reason, code: None }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{} (server code {code})", self.reason.name()),
            None => f.write_str(self.reason.name()),
        }
    }
}

impl std::error::Error for Fault {}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let code = code(&error.kind);
        Self {
            reason: reason(&error, code),
            code,
        }
    }
}

fn code(kind: &ErrorKind) -> Option<i32> {
    match kind {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => Some(error.code),
        _ => None,
    }
}

fn reason(error: &Error, code: Option<i32>) -> Reason {
    match code {
        Some(AUTHENTICATION_FAILED | ATLAS_ERROR) => return Reason::AuthFailed,
        Some(UNAUTHORIZED) => return Reason::AccessDenied,
        Some(DUPLICATE_KEY) => return Reason::DuplicateKey,
        _ => {}
    }
    match error.kind.as_ref() {
        ErrorKind::Authentication { .. } => Reason::AuthFailed,
        ErrorKind::DnsResolve { .. } => Reason::DnsFailure,
        ErrorKind::InvalidTlsConfig { .. } => Reason::TlsFailure,
        ErrorKind::InvalidArgument { .. } => Reason::InvalidOptions,
        ErrorKind::ServerSelection { message, .. }
        | ErrorKind::ConnectionPoolCleared { message, .. } => from_text(message),
        ErrorKind::Io(error) => from_text(&error.to_string()),
        _ => Reason::ServerError,
    }
}

/// Derives the reason from the text of the driver's error message. For unreachable servers the driver provides the
/// cause only as text.
fn from_text(message: &str) -> Reason {
    let message = message.to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
    if has(&["authentication", "scram"]) {
        Reason::AuthFailed
    } else if has(&[
        "lookup address",
        "name or service not known",
        "dns",
        "nodename",
    ]) {
        Reason::DnsFailure
    } else if has(&["certificate", "tls", "handshake"]) {
        Reason::TlsFailure
    } else if has(&["connection refused"]) {
        Reason::ConnectionRefused
    } else {
        Reason::ServerUnreachable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_s_words_for_an_unreachable_server() {
        for (message, reason) in [
            (
                "Kind: I/O error: Connection refused (os error 111), labels: {}",
                Reason::ConnectionRefused,
            ),
            (
                "failed to lookup address information: Name or service not known",
                Reason::DnsFailure,
            ),
            (
                "invalid peer certificate: UnknownIssuer",
                Reason::TlsFailure,
            ),
            (
                "Server selection timeout: No available servers",
                Reason::ServerUnreachable,
            ),
        ] {
            assert_eq!(from_text(message), reason, "{message}");
        }
    }

    #[test]
    fn outages_are_told_from_faults_of_a_request() {
        assert!(Reason::AuthFailed.is_outage());
        assert!(!Reason::DuplicateKey.is_outage());
    }
}
