//! Load generator. Each client keeps its connection open and sends the next request as soon as it has received a
//! response.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// HTTP/1.1 connection of one client.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Sends a request and reads the whole response. `body` must be JSON, or empty for a request without a body.
    pub async fn ask(
        &mut self,
        method: Method,
        path: &str,
        authorization: Option<&str>,
        body: &str,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "bench");
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        self.send(request.body(body)?).await
    }

    /// Sends a prepared request and reads the whole response.
    pub async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }
}

/// Requests that each client sends.
#[derive(Debug, Clone)]
pub struct Route {
    /// Paths that are requested in turn, repeatedly.
    pub paths: Vec<String>,
    pub authorization: Option<String>,
}

/// Timing of all responses during a period of load.
#[derive(Debug, Default)]
pub struct Answers {
    /// Latency of every response.
    pub latencies: Vec<Duration>,
    /// Time from the first request to the last response.
    pub took: Duration,
}

impl Answers {
    pub fn count(&self) -> u32 {
        u32::try_from(self.latencies.len()).unwrap_or(u32::MAX)
    }

    pub fn per_second(&self) -> f64 {
        f64::from(self.count()) / self.took.as_secs_f64()
    }

    /// Returns the 99th percentile of the latencies; zero if there are none.
    pub fn p99(&self) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * 99).div_ceil(100).saturating_sub(1);
        sorted.get(place).copied().unwrap_or_default()
    }
}

/// Sends the requests of `route` over `clients` concurrent connections for the duration `for_long`.
///
/// # Errors
/// If a connection fails, or if a response has a status other than 200.
pub async fn run(
    address: SocketAddr,
    route: &Route,
    clients: usize,
    for_long: Duration,
) -> anyhow::Result<Answers> {
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(Connection::open(address).await?);
    }
    let began = Instant::now();
    let mut running = JoinSet::new();
    for (first, connection) in connections.into_iter().enumerate() {
        let route = route.clone();
        running.spawn(client(connection, route, first, began + for_long));
    }
    let mut answers = Answers::default();
    while let Some(latencies) = running.join_next().await {
        answers.latencies.extend(latencies??);
    }
    answers.took = began.elapsed();
    Ok(answers)
}

async fn client(
    mut connection: Connection,
    route: Route,
    first: usize,
    until: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    let authorization = route.authorization.as_deref();
    for path in route.paths.iter().cycle().skip(first) {
        let asked = Instant::now();
        if asked >= until {
            break;
        }
        let (status, _) = connection
            .ask(Method::GET, path, authorization, "")
            .await
            .with_context(|| format!("asking for {path}"))?;
        ensure!(status == StatusCode::OK, "{path} answered {status}");
        latencies.push(asked.elapsed());
    }
    Ok(latencies)
}
