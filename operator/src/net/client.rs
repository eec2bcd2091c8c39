//! HTTP/1.1 client that connects only to addresses that the guard allows. Each request opens its own connection.
//!
//! There is no connection pool, because the guard must check every connection and requests are few. There is no total
//! timeout either; each caller sets its own.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::error::{NetError, TlsFault};
use super::guard::Guard;
use super::trust::Trust;

/// Timeout of a TLS handshake.
const TLS_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum size of a response head in bytes. A redirect to a signed URL can take about 4 KiB.
const MAX_HEAD: usize = 32 * 1024;

/// URL scheme of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP without TLS.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// Returns the port of a URL that does not specify one: 80 or 443.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Destination of a request. `dial` and `name` differ if the client must connect to a particular address, such as a pod
/// IP, but ask for the site by its host name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// URL scheme of the request.
    pub scheme: Scheme,
    /// Host name or IP address to connect to.
    pub dial: String,
    /// TCP port to connect to.
    pub port: u16,
    /// Host name that is sent as the TLS server name and, unless the request has its own Host header, in that header.
    pub name: String,
}

impl Endpoint {
    /// Creates an endpoint that connects to the host `name`, with `name` also in the Host header.
    pub fn new(scheme: Scheme, name: &str, port: u16) -> Self {
        Self {
            scheme,
            dial: name.to_owned(),
            port,
            name: name.to_owned(),
        }
    }

    /// Returns `name:port` as in a URL, or only `name` if the port is the default of the scheme.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.name.clone()
        } else {
            format!("{}:{}", self.name, self.port)
        }
    }
}

/// HTTP client that connects through a [`Guard`].
#[derive(Debug, Clone)]
pub struct HttpClient {
    guard: Guard,
    trust: Trust,
}

impl HttpClient {
    /// Creates a client that connects through `guard` and trusts the CAs in `trust`.
    pub fn new(guard: Guard, trust: Trust) -> Self {
        Self { guard, trust }
    }

    /// Connects to `endpoint`, sends `request` and waits for the response head. The URI of `request` must contain only
    /// path and query. Sets the User-Agent header, and the Host header if it is missing. Does not follow redirects.
    ///
    /// # Errors
    /// Returns any [`NetError`] except `TooLarge` and `Deadline`.
    pub async fn send(
        &self,
        endpoint: &Endpoint,
        request: Request<Empty<Bytes>>,
    ) -> Result<Exchange, NetError> {
        let tcp = self.guard.connect(&endpoint.dial, endpoint.port).await?;
        self.send_over(tcp, endpoint, request).await
    }

    /// Sends `request` over the connection `tcp`, which the caller has opened, and waits for the response head.
    /// Otherwise like [`Self::send`]. The caller must check the remote address with [`Guard::refuses`] before it
    /// connects.
    ///
    /// # Errors
    /// Returns [`NetError::Tls`] if the TLS handshake fails, and [`NetError::Protocol`] if there is no valid HTTP
    /// response.
    pub async fn send_over(
        &self,
        tcp: TcpStream,
        endpoint: &Endpoint,
        mut request: Request<Empty<Bytes>>,
    ) -> Result<Exchange, NetError> {
        let protocol = || NetError::Protocol {
            host: endpoint.name.clone(),
        };
        let host = HeaderValue::from_str(&endpoint.authority()).map_err(|_| protocol())?;
        request.headers_mut().entry(HOST).or_insert(host);
        request.headers_mut().insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("crokodial-operator/", env!("CARGO_PKG_VERSION"))),
        );
        match endpoint.scheme {
            Scheme::Http => Exchange::start(tcp, request, endpoint).await,
            Scheme::Https => {
                let tls = self.handshake(tcp, endpoint).await?;
                Exchange::start(tls, request, endpoint).await
            }
        }
    }

    async fn handshake(
        &self,
        tcp: TcpStream,
        endpoint: &Endpoint,
    ) -> Result<TlsStream<TcpStream>, NetError> {
        let failed = |fault| NetError::Tls {
            host: endpoint.name.clone(),
            fault,
        };
        let bare = endpoint
            .name
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(bare).map_err(|_| failed(TlsFault::WrongName))?;
        let connector = TlsConnector::from(self.trust.client_config());
        match timeout(TLS_TIMEOUT, connector.connect(name, tcp)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(failed(TlsFault::of(&error))),
            Err(_) => Err(failed(TlsFault::Handshake)),
        }
    }
}

/// Response whose body has not been read yet. Dropping it closes the connection.
#[derive(Debug)]
pub struct Exchange {
    head: Response<()>,
    body: Incoming,
    host: String,
    /// Task that drives the connection. It is aborted when the exchange is dropped.
    _connection: JoinSet<()>,
}

impl Exchange {
    async fn start<S>(
        stream: S,
        request: Request<Empty<Bytes>>,
        endpoint: &Endpoint,
    ) -> Result<Self, NetError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let protocol = |_| NetError::Protocol {
            host: endpoint.name.clone(),
        };
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(protocol)?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // A broken connection shows as an error of the request or of the body.
            let _ = connection.await;
        });
        let (head, body) = sender
            .send_request(request)
            .await
            .map_err(protocol)?
            .into_parts();
        Ok(Self {
            head: Response::from_parts(head, ()),
            body,
            host: endpoint.name.clone(),
            _connection: driver,
        })
    }

    /// Returns the status and headers of the response.
    pub fn head(&self) -> &Response<()> {
        &self.head
    }

    /// Returns the status and headers of the response, and closes the connection without reading the body.
    pub fn into_head(self) -> Response<()> {
        self.head
    }

    /// Reads the whole body, which may have at most `limit` bytes.
    ///
    /// # Errors
    /// Returns [`NetError::TooLarge`] if the body is larger, and [`NetError::Protocol`] if the connection breaks.
    pub async fn into_bytes(self, limit: usize) -> Result<Bytes, NetError> {
        let host = self.host.clone();
        Limited::new(self.body, limit)
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
            .map_err(|error| body_error(error.as_ref(), host, limit))
    }

    /// Reads and discards the body until it ends or about `limit` bytes have been read.
    ///
    /// # Errors
    /// Returns [`NetError::Protocol`] if the connection breaks first.
    pub async fn drain(mut self, limit: usize) -> Result<(), NetError> {
        let mut left = limit;
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|_| NetError::Protocol {
                host: self.host.clone(),
            })?;
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Reads the whole body, which may have at most `limit` bytes, and returns its SHA-256 hash. The body is hashed as
    /// it arrives and is not kept in memory.
    ///
    /// # Errors
    /// Returns [`NetError::TooLarge`] if the body is larger, and [`NetError::Protocol`] if the connection breaks.
    pub async fn into_sha256(self, limit: usize) -> Result<[u8; 32], NetError> {
        let host = self.host.clone();
        let mut body = Limited::new(self.body, limit);
        let mut hasher = Sha256::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| body_error(error.as_ref(), host.clone(), limit))?;
            if let Some(data) = frame.data_ref() {
                hasher.update(data);
            }
        }
        Ok(hasher.finalize().into())
    }
}

fn body_error(
    error: &(dyn std::error::Error + Send + Sync + 'static),
    host: String,
    limit: usize,
) -> NetError {
    if error.is::<LengthLimitError>() {
        NetError::TooLarge { host, limit }
    } else {
        NetError::Protocol { host }
    }
}

impl TlsFault {
    fn of(error: &std::io::Error) -> Self {
        use rustls::CertificateError as Cert;
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(rustls::Error::InvalidCertificate(cert)) => match cert {
                Cert::UnknownIssuer => Self::UnknownIssuer,
                Cert::Expired | Cert::ExpiredContext { .. } => Self::Expired,
                Cert::NotValidYet | Cert::NotValidYetContext { .. } => Self::NotYetValid,
                Cert::NotValidForName | Cert::NotValidForNameContext { .. } => Self::WrongName,
                _ => Self::Handshake,
            },
            _ => Self::Handshake,
        }
    }
}
