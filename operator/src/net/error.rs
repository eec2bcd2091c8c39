//! Errors of outgoing HTTP requests.

use std::time::Duration;

/// Reason for a failed HTTP request. Messages contain the requested host and port, but no text that the server sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// The host has no address.
    #[error("no address found for {host}: check the name and the cluster's DNS")]
    Dns {
        /// Host name that was looked up.
        host: String,
    },
    /// The DNS server does not answer, or cannot tell whether the host has an address.
    #[error("the cluster's DNS does not answer for {host}: check its DNS servers")]
    DnsUnanswered {
        /// Host name that was looked up.
        host: String,
    },
    /// All addresses of the host are of a kind that the operator never connects to.
    #[error(
        "{host} is at a {kind} address, which the operator never connects to: use a reachable public or private address"
    )]
    Refused {
        /// Host name or address of the request.
        host: String,
        /// Kind of the forbidden address, such as `link-local`.
        kind: &'static str,
    },
    /// None of the addresses of the host that were tried accepted a connection.
    #[error(
        "{host}:{port} does not accept connections: check that it runs and that no network policy is in the way"
    )]
    Connect {
        /// Host name or address of the request.
        host: String,
        /// TCP port of the request.
        port: u16,
    },
    /// The TLS handshake with the host failed.
    #[error("TLS with {host}: {fault}")]
    Tls {
        /// Host name that the server's certificate must be valid for.
        host: String,
        /// Reason for the failed handshake.
        fault: TlsFault,
    },
    /// The response is not valid HTTP/1.1, or the connection broke.
    #[error("{host} broke off or did not answer in HTTP")]
    Protocol {
        /// Host name of the server.
        host: String,
    },
    /// The response body is larger than the limit.
    #[error("the answer of {host} is larger than {limit} bytes")]
    TooLarge {
        /// Host name of the server.
        host: String,
        /// Maximum size of the body in bytes.
        limit: usize,
    },
    /// The request did not finish before its timeout.
    #[error("{host} did not answer within {} s", .after.as_secs())]
    Deadline {
        /// Host name of the server.
        host: String,
        /// Timeout of the request.
        after: Duration,
    },
}

impl NetError {
    /// Returns a stable CamelCase identifier of the error, for messages and tests.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Dns { .. } | Self::DnsUnanswered { .. } => "DnsFailure",
            Self::Refused { .. } => "AddressRefused",
            Self::Connect { .. } => "ConnectionFailed",
            Self::Tls { .. } => "TlsFailure",
            Self::Protocol { .. } => "ProtocolError",
            Self::TooLarge { .. } => "AnswerTooLarge",
            Self::Deadline { .. } => "DeadlineExceeded",
        }
    }
}

/// Reason for a failed TLS handshake. Messages are written by this program, because those of the TLS library may
/// contain names from the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// No trusted CA signed the certificate.
    #[error(
        "its certificate is not signed by a CA that is trusted here: mount the CA and name its folder in SSL_CERT_DIR"
    )]
    UnknownIssuer,
    /// The certificate has expired.
    #[error("its certificate has expired: renew it")]
    Expired,
    /// The certificate is not valid yet. The clock of the server or of this host may be wrong.
    #[error("its certificate is not valid yet: check the clocks")]
    NotYetValid,
    /// The certificate is for a different host name.
    #[error("its certificate is for another name: use the name the certificate carries")]
    WrongName,
    /// Any other failure, such as a timeout, a closed connection, a port without TLS, or no common TLS version.
    #[error("the handshake failed: check that the port speaks TLS")]
    Handshake,
}
