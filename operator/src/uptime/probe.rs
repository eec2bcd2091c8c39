//! Sends a probe (a GET request to a Service over a new connection) and determines who is to blame if it fails.
//!
//! Faults of the operator's own network or process are told apart from faults of the site. A response or a refused
//! connection in time is conclusive. After a timeout, the operator connects to the API server. If that fails too, the
//! operator's network is to blame.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::summary::{ProbeOutcome, SiteFault, UnknownCause};
use crate::net::{Endpoint, Guard, HttpClient, NetError, Scheme};

/// Timeout of a probe, from connecting to the end of the response.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// Maximum time by which a probe may exceed [`TIMEOUT`]. The result of a slower probe is discarded, because the
/// operator's process was not running for part of the time.
const MAX_STALL: Duration = Duration::from_millis(500);

/// Timeout of the connection to the API server that tests the operator's own network.
const REFERENCE_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum number of response bytes that are read. The response of a health path is much smaller.
const MAX_RESPONSE: usize = 64 * 1024;

/// Parameters of one probe.
#[derive(Clone, Debug)]
pub struct ProbeRequest {
    /// IP address of the Service.
    pub address: IpAddr,
    /// Port of the Service.
    pub port: u16,
    /// Health path of the application.
    pub path: String,
    /// Value of the Host header.
    pub host: String,
    /// True if an earlier probe reached the site. If false, a network policy may be the cause of a timeout.
    pub reached: bool,
}

/// Client that sends probes.
#[derive(Debug)]
pub struct Dialler {
    guard: Guard,
    client: HttpClient,
    reference: Option<SocketAddr>,
}

/// Reason why a probe got no complete response.
enum ProbeError {
    Bad(SiteFault),
    Unknown(UnknownCause),
    /// There was no response. Either the site or the operator's own network is to blame.
    NoResponse {
        connected: bool,
    },
}

impl Dialler {
    /// Creates a client. `reference` is the address of the API server, which is contacted after a timeout. Without it,
    /// the operator's own network is assumed to work.
    pub fn new(guard: Guard, client: HttpClient, reference: Option<SocketAddr>) -> Self {
        Self {
            guard,
            client,
            reference,
        }
    }

    /// Sends one probe and returns its result. Takes at most 3 s.
    pub async fn ask(&self, ask: &ProbeRequest) -> ProbeOutcome {
        let started = Instant::now();
        let answer = self.exchange(ask, started).await;
        let took = started.elapsed();
        if took > TIMEOUT.saturating_add(MAX_STALL) {
            return ProbeOutcome::Unknown(UnknownCause::Stalled);
        }
        match answer {
            // The statuses that the kubelet's probes accept. A redirect is a response and is not followed.
            Ok(200..=399) => ProbeOutcome::Good {
                latency_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
            },
            Ok(status) => ProbeOutcome::Bad(SiteFault::Status(status)),
            Err(ProbeError::Bad(bad)) => ProbeOutcome::Bad(bad),
            Err(ProbeError::Unknown(why)) => ProbeOutcome::Unknown(why),
            Err(ProbeError::NoResponse { connected: false }) if !ask.reached => {
                ProbeOutcome::Unknown(UnknownCause::NotReached)
            }
            Err(ProbeError::NoResponse { .. }) if self.own_network_works().await => {
                ProbeOutcome::Bad(SiteFault::Timeout)
            }
            Err(ProbeError::NoResponse { .. }) => ProbeOutcome::Unknown(UnknownCause::OwnNetwork),
        }
    }

    /// Sends the request and returns the status of the response. At most [`MAX_RESPONSE`] bytes of the body are read.
    async fn exchange(&self, ask: &ProbeRequest, started: Instant) -> Result<u16, ProbeError> {
        let deadline = started.checked_add(TIMEOUT).unwrap_or(started);
        if self.guard.refuses(ask.address) {
            return Err(ProbeError::Unknown(UnknownCause::Address));
        }
        let connecting = TcpStream::connect((ask.address, ask.port));
        let tcp = timeout_at(deadline, connecting)
            .await
            .map_err(|_| ProbeError::NoResponse { connected: false })?
            .map_err(|error| connect_fault(error.kind()))?;
        let answering = self.answer(ask, tcp);
        timeout_at(deadline, answering)
            .await
            .map_err(|_| ProbeError::NoResponse { connected: true })?
            .map_err(|_| ProbeError::Bad(SiteFault::Protocol))
    }

    async fn answer(&self, ask: &ProbeRequest, tcp: TcpStream) -> Result<u16, NetError> {
        let endpoint = Endpoint {
            scheme: Scheme::Http,
            dial: ask.address.to_string(),
            // With the default port, the Host header contains the domain only, as a browser sends it.
            port: Scheme::Http.default_port(),
            name: ask.host.clone(),
        };
        let request: Request<Empty<Bytes>> = Request::get(&ask.path)
            .header(http::header::CONNECTION, "close")
            .body(Empty::new())
            .map_err(|_| NetError::Protocol {
                host: ask.host.clone(),
            })?;
        let exchange = self.client.send_over(tcp, &endpoint, request).await?;
        let status = exchange.head().status().as_u16();
        match exchange.into_bytes(MAX_RESPONSE).await {
            Ok(_) | Err(NetError::TooLarge { .. }) => Ok(status),
            Err(error) => Err(error),
        }
    }

    async fn own_network_works(&self) -> bool {
        let Some(reference) = self.reference else {
            return true;
        };
        let connected = timeout(REFERENCE_TIMEOUT, TcpStream::connect(reference)).await;
        matches!(connected, Ok(Ok(_)))
    }
}

/// Classifies an error of connecting. A refused connection is the site's fault, because kube-proxy refuses connections
/// to a Service without endpoints. An unreachable host may be a lost node or a fault of the operator's own network. The
/// caller distinguishes these by connecting to the API server.
fn connect_fault(kind: ErrorKind) -> ProbeError {
    match kind {
        ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted => ProbeError::Bad(SiteFault::Refused),
        ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            ProbeError::NoResponse { connected: false }
        }
        _ => ProbeError::Unknown(UnknownCause::OwnSockets),
    }
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
