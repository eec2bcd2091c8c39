//! Database errors, reduced to a reason and a server code. The driver's messages contain hosts, values and sometimes
//! credentials, so they never leave this file.

use std::fmt;

use mongodb::error::{Error, ErrorKind, WriteFailure};

/// MongoDB's error codes that have a reason of their own (`error_codes.yml`).
const UNAUTHORIZED: i32 = 13;
const AUTHENTICATION_FAILED: i32 = 18;
const ATLAS_ERROR: i32 = 8000;
pub(super) const DUPLICATE_KEY: i32 = 11000;

/// Reason of a database error, as shown in `/api/health` and in logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The first attempt to connect has not finished yet.
    Connecting,
    /// An attempt took longer than the caller's timeout, and no earlier attempt has failed.
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

    /// Explanation of the reason, with advice for the operator.
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

    /// True if a retry may succeed later. Requests then fail with 503.
    pub fn is_outage(self) -> bool {
        !matches!(self, Self::DuplicateKey | Self::ServerError)
    }
}

/// A failed database operation: the reason, and the server's error code if there is one.
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

/// Finds the reason in the driver's message: for unreachable servers the driver has no other form of the cause.
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
