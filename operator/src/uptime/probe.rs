//! One probe: a GET to a Service over a fresh connection, and whose fault it is when it fails.
//!
//! A fault of the operator's own is never a result about the site. Whoever is refused or gets an answer knows; whoever
//! waits in vain asks the API server, which is reached over the same network, whether the silence is its own.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::summary::{Bad, Outcome, Why};
use crate::net::{Endpoint, Guard, HttpClient, NetError, Scheme};

/// Time for one probe, from the first packet to the end of the answer.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// A probe that comes back this long after its time has waited for the operator, not for the site.
const STALL: Duration = Duration::from_millis(500);

/// Time for the API server to accept a connection.
const REFERENCE_TIMEOUT: Duration = Duration::from_secs(1);

/// So much of an answer is read; what a health path says fits many times.
const MOST_BYTES: usize = 64 * 1024;

/// What one probe asks.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The Service's address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// The health path.
    pub path: String,
    /// Host header.
    pub host: String,
    /// An earlier probe got through, so silence cannot be a network policy that was always there.
    pub reached: bool,
}

/// Makes probes.
#[derive(Debug)]
pub struct Dialler {
    guard: Guard,
    client: HttpClient,
    reference: Option<SocketAddr>,
}

/// What a connection came to.
enum Fault {
    Bad(Bad),
    Unknown(Why),
    /// Nobody answered: the site's silence or our own.
    Silence {
        connected: bool,
    },
}

impl Dialler {
    /// `reference` is the API server; without one, silence is always the site's.
    pub fn new(guard: Guard, client: HttpClient, reference: Option<SocketAddr>) -> Self {
        Self {
            guard,
            client,
            reference,
        }
    }

    /// Asks once. Takes at most 3 s.
    pub async fn ask(&self, ask: &Ask) -> Outcome {
        let started = Instant::now();
        let answer = self.exchange(ask, started).await;
        let took = started.elapsed();
        if took > TIMEOUT.saturating_add(STALL) {
            return Outcome::Unknown(Why::Stalled);
        }
        match answer {
            // As the kubelet judges its probes; a redirect is an answer and is not followed.
            Ok(200..=399) => Outcome::Good {
                latency_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
            },
            Ok(status) => Outcome::Bad(Bad::Status(status)),
            Err(Fault::Bad(bad)) => Outcome::Bad(bad),
            Err(Fault::Unknown(why)) => Outcome::Unknown(why),
            Err(Fault::Silence { connected: false }) if !ask.reached => {
                Outcome::Unknown(Why::NotReached)
            }
            Err(Fault::Silence { .. }) if self.own_network_works().await => {
                Outcome::Bad(Bad::Timeout)
            }
            Err(Fault::Silence { .. }) => Outcome::Unknown(Why::OwnNetwork),
        }
    }

    /// The status of the answer, once all of it that matters was read.
    async fn exchange(&self, ask: &Ask, started: Instant) -> Result<u16, Fault> {
        let deadline = started.checked_add(TIMEOUT).unwrap_or(started);
        if self.guard.refuses(ask.address) {
            return Err(Fault::Unknown(Why::Address));
        }
        let connecting = TcpStream::connect((ask.address, ask.port));
        let tcp = timeout_at(deadline, connecting)
            .await
            .map_err(|_| Fault::Silence { connected: false })?
            .map_err(|error| connect_fault(error.kind()))?;
        let answering = self.answer(ask, tcp);
        timeout_at(deadline, answering)
            .await
            .map_err(|_| Fault::Silence { connected: true })?
            .map_err(|_| Fault::Bad(Bad::Protocol))
    }

    async fn answer(&self, ask: &Ask, tcp: TcpStream) -> Result<u16, NetError> {
        let endpoint = Endpoint {
            scheme: Scheme::Http,
            dial: ask.address.to_string(),
            // The default port stays out of the Host header, as with a browser at the domain.
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
        match exchange.into_bytes(MOST_BYTES).await {
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

/// A kernel's word on a connection. kube-proxy refuses for a Service without endpoints; an unreachable host is a
/// node that is gone or a route that we lost, which the reference tells apart.
fn connect_fault(kind: ErrorKind) -> Fault {
    match kind {
        ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted => Fault::Bad(Bad::Refused),
        ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            Fault::Silence { connected: false }
        }
        _ => Fault::Unknown(Why::OwnSockets),
    }
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
