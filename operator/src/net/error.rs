//! Errors of HTTP requests.

use std::time::Duration;

/// Why an HTTP request failed. The messages contain hosts and ports that the operator connected to, but no text from
/// the server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// The name has no address, or the DNS lookup failed.
    #[error("no address found for {host}: check the name and the cluster's DNS")]
    Dns {
        /// The name that was looked up.
        host: String,
    },
    /// Every address of the name is of a kind that the operator never connects to.
    #[error(
        "{host} is at a {kind} address, which the operator never connects to: use a reachable public or private address"
    )]
    Refused {
        /// The name that was looked up.
        host: String,
        /// Kind of the address, e.g. `link-local`.
        kind: &'static str,
    },
    /// No address of the host accepted a connection.
    #[error(
        "{host}:{port} does not accept connections: check that it runs and that no network policy is in the way"
    )]
    Connect {
        /// The name that was connected to.
        host: String,
        /// The port that was connected to.
        port: u16,
    },
    /// The TLS handshake with the host failed.
    #[error("TLS with {host}: {fault}")]
    Tls {
        /// The name that the certificate was checked against.
        host: String,
        /// Why the handshake failed.
        fault: TlsFault,
    },
    /// The response is not HTTP/1.1, or the connection broke.
    #[error("{host} broke off or did not answer in HTTP")]
    Protocol {
        /// The name of the server.
        host: String,
    },
    /// The response body is larger than the limit.
    #[error("the answer of {host} is larger than {limit} bytes")]
    TooLarge {
        /// The name of the server.
        host: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The request did not finish in time.
    #[error("{host} did not answer within {} s", .after.as_secs())]
    Deadline {
        /// The name of the server.
        host: String,
        /// The timeout.
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

/// Why a TLS handshake failed. The messages are this program's own, because those of the library may contain names from
/// the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// No trusted CA signed the certificate.
    #[error(
        "its certificate is not signed by a CA that is trusted here: mount a CA bundle and name it in SSL_CERT_FILE"
    )]
    UnknownIssuer,
    /// The certificate has expired.
    #[error("its certificate has expired: renew it")]
    Expired,
    /// The certificate is not valid yet; a clock may be wrong.
    #[error("its certificate is not valid yet: check the clocks")]
    NotYetValid,
    /// The certificate is for another host name.
    #[error("its certificate is for another name: use the name the certificate carries")]
    WrongName,
    /// Any other failure, such as a closed connection, a port without TLS, or no common TLS version.
    #[error("the handshake failed: check that the port speaks TLS")]
    Handshake,
}
