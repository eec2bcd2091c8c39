//! Errors of HTTP exchanges.

use std::time::Duration;

/// Why an HTTP exchange failed. The text names hosts and ports that the operator connected to, and quotes nothing that
/// the other side sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// The name has no address, or the DNS server did not say.
    #[error("no address found for {host}: check the name and the cluster's DNS")]
    Dns {
        /// The name that was looked up.
        host: String,
    },
    /// Every address of the name is one that the operator never connects to.
    #[error(
        "{host} is at a {kind} address, which the operator never connects to: use a reachable public or private address"
    )]
    Refused {
        /// The name that was looked up.
        host: String,
        /// What the address is, e.g. `link-local`.
        kind: &'static str,
    },
    /// No address accepted a connection.
    #[error(
        "{host}:{port} does not accept connections: check that it runs and that no network policy is in the way"
    )]
    Connect {
        /// The name that was connected to.
        host: String,
        /// The port that was connected to.
        port: u16,
    },
    /// The TLS handshake failed.
    #[error("TLS with {host}: {fault}")]
    Tls {
        /// The name the certificate was checked against.
        host: String,
        /// What was wrong.
        fault: TlsFault,
    },
    /// The answer is not HTTP/1.1, or the connection broke in the middle of it.
    #[error("{host} broke off or did not answer in HTTP")]
    Protocol {
        /// The name of the server.
        host: String,
    },
    /// The answer is larger than the operator reads.
    #[error("the answer of {host} is larger than {limit} bytes")]
    TooLarge {
        /// The name of the server.
        host: String,
        /// Maximum size in bytes.
        limit: usize,
    },
    /// The exchange did not finish in time.
    #[error("{host} did not answer within {} s", .after.as_secs())]
    Deadline {
        /// The name of the server.
        host: String,
        /// Its timeout.
        after: Duration,
    },
}

impl NetError {
    /// Stable CamelCase identifier for logs and tests.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Dns { .. } => "DnsFailure",
            Self::Refused { .. } => "AddressRefused",
            Self::Connect { .. } => "ConnectionFailed",
            Self::Tls { .. } => "TlsFailure",
            Self::Protocol { .. } => "ProtocolError",
            Self::TooLarge { .. } => "AnswerTooLarge",
            Self::Deadline { .. } => "DeadlineExceeded",
        }
    }
}

/// Why a TLS handshake failed, with texts of our own: the library's can quote names from the peer's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// No trusted CA signed the certificate.
    #[error(
        "its certificate is not signed by a CA that is trusted here: mount a CA bundle and name it in SSL_CERT_FILE"
    )]
    UnknownIssuer,
    /// The certificate is no longer valid.
    #[error("its certificate has expired: renew it")]
    Expired,
    /// The certificate is not valid yet.
    #[error("its certificate is not valid yet: check the clocks")]
    NotYetValid,
    /// The certificate is for other names.
    #[error("its certificate is for another name: use the name the certificate carries")]
    WrongName,
    /// Anything else: the peer closed the connection, speaks no TLS, or has no version in common.
    #[error("the handshake failed: check that the port speaks TLS")]
    Handshake,
}
