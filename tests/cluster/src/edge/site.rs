//! HTTP client for a site of the local cluster. Like a browser, it sends the site's domain as SNI and Host. It
//! connects to the port forwarded on 127.0.0.1 and trusts only the local certificate authority.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Edge;
use crate::Ports;

/// A complete HTTP response.
#[derive(Debug)]
pub struct Answer {
    /// Status code of the response.
    pub status: u16,
    /// Headers of the response.
    pub headers: http::HeaderMap,
    /// Body of the response.
    pub body: Bytes,
}

impl Answer {
    /// Returns the body as text. Invalid UTF-8 is replaced with U+FFFD.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Parses the body as JSON.
    ///
    /// # Errors
    /// When the body is not JSON.
    pub fn json(&self) -> anyhow::Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }
}

/// HTTP client for one site. Each request uses a new connection.
#[derive(Clone)]
pub struct Site {
    domain: String,
    address: SocketAddr,
    tls: Option<TlsConnector>,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site")
            .field("domain", &self.domain)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Site {
    /// Creates a client that uses HTTPS and trusts only the local certificate authority.
    ///
    /// # Errors
    /// When `edge.authority()` is not a certificate in PEM.
    pub fn https(edge: &impl Edge, domain: &str) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(
            CertificateDer::from_pem_slice(edge.authority().as_bytes())
                .context("the local authority")?,
        )?;
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            domain: domain.to_owned(),
            address: Ports::local(edge.ports().https),
            tls: Some(TlsConnector::from(Arc::new(config))),
        })
    }

    /// Creates a client that uses plain HTTP.
    #[must_use]
    pub fn http(edge: &impl Edge, domain: &str) -> Self {
        let address = Ports::local(edge.ports().http);
        Self {
            domain: domain.to_owned(),
            address,
            tls: None,
        }
    }

    /// Sends a GET request.
    ///
    /// # Errors
    /// When the connection fails, the site's certificate is not trusted, or the response is not complete within 10 s.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(http::Request::get(path), Bytes::new()).await
    }

    /// Sends a POST request with a JSON body.
    ///
    /// # Errors
    /// When the connection fails, the site's certificate is not trusted, or the response is not complete within 10 s.
    pub async fn post(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<Answer> {
        let request = http::Request::post(path).header("content-type", "application/json");
        self.send(request, Bytes::from(body.to_string())).await
    }

    /// Sends a request with a JSON body and the bearer token of a signed-in user.
    ///
    /// # Errors
    /// When the connection fails, the site's certificate is not trusted, or the response is not complete within 10 s.
    pub async fn send_as(
        &self,
        token: &str,
        method: http::Method,
        path: &str,
        body: &serde_json::Value,
    ) -> anyhow::Result<Answer> {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        self.send(request, Bytes::from(body.to_string())).await
    }

    async fn send(&self, request: http::request::Builder, body: Bytes) -> anyhow::Result<Answer> {
        let request = request.header("host", &self.domain).body(Full::new(body))?;
        tokio::time::timeout(Duration::from_secs(10), self.exchange(request))
            .await
            .context("no answer in 10 s")?
    }

    async fn exchange(&self, request: http::Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let tcp = TcpStream::connect(self.address).await?;
        match &self.tls {
            None => exchange(tcp, request).await,
            Some(tls) => {
                let name = ServerName::try_from(self.domain.clone())?;
                exchange(tls.connect(name, tcp).await.context("TLS")?, request).await
            }
        }
    }
}

/// Sends one request over an open connection and returns the response.
///
/// # Errors
/// When the server does not speak HTTP, or the connection is closed before the response is complete.
pub async fn exchange<S>(stream: S, request: http::Request<Full<Bytes>>) -> anyhow::Result<Answer>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body,
    })
}
