//! Readiness checks for the processes of the cluster.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use http::Request;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

/// Timeout of one attempt. The caller repeats attempts until the deadline by which the process must be ready.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// A readiness check of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// HTTP request. The process is ready if it responds with status 200.
    Http {
        /// Address of the process.
        address: SocketAddr,
        /// Path and query of the request.
        path: &'static str,
    },
    /// HTTPS request. The process is ready if it responds with status 200 and its certificate is signed by the
    /// cluster's CA.
    Https {
        /// Address of the process.
        address: SocketAddr,
        /// Path and query of the request.
        path: &'static str,
        /// Path of the CA's certificate, in PEM.
        ca: PathBuf,
    },
    /// TCP connection. The process is ready if it accepts the connection.
    Tcp(SocketAddr),
    /// Connection to a Unix socket. The process is ready if it accepts the connection.
    Unix(PathBuf),
}

impl Probe {
    /// Checks the process once, with a timeout of 3 s.
    ///
    /// # Errors
    /// When the process is not ready; the error contains the reason.
    pub async fn check(&self) -> anyhow::Result<()> {
        tokio::time::timeout(ATTEMPT_TIMEOUT, self.try_once())
            .await
            .context("no answer within 3 s")?
    }

    async fn try_once(&self) -> anyhow::Result<()> {
        match self {
            Self::Tcp(address) => TcpStream::connect(address)
                .await
                .map(drop)
                .context("connecting"),
            Self::Unix(path) => UnixStream::connect(path)
                .await
                .map(drop)
                .context("connecting"),
            Self::Http { address, path } => {
                let stream = TcpStream::connect(address).await.context("connecting")?;
                expect_ok(stream, *address, path).await
            }
            Self::Https { address, path, ca } => {
                let stream = TcpStream::connect(address).await.context("connecting")?;
                let name = ServerName::IpAddress(address.ip().into());
                let stream = TlsConnector::from(tls(ca)?)
                    .connect(name, stream)
                    .await
                    .context("TLS")?;
                expect_ok(stream, *address, path).await
            }
        }
    }
}

fn tls(ca: &PathBuf) -> anyhow::Result<Arc<rustls::ClientConfig>> {
    let mut roots = rustls::RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(ca).context("reading the cluster CA")?;
    roots.add(certificate).context("reading the cluster CA")?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS versions")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

async fn expect_ok<S>(stream: S, address: SocketAddr, path: &str) -> anyhow::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .context("HTTP handshake")?;
    let driver = tokio::spawn(connection);
    let request = Request::get(path)
        .header(http::header::HOST, address.to_string())
        .body(Empty::<Bytes>::new())
        .context("building the request")?;
    let response = sender.send_request(request).await.context("HTTP");
    driver.abort();
    let status = response?.status();
    if status != http::StatusCode::OK {
        bail!("{path} answers {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn answering(status: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await.unwrap();
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        address
    }

    #[tokio::test]
    async fn only_200_is_ready() {
        let address = answering("200 OK").await;
        Probe::Http {
            address,
            path: "/ready",
        }
        .check()
        .await
        .unwrap();
        let address = answering("500 Internal Server Error").await;
        let error = Probe::Http {
            address,
            path: "/ready",
        }
        .check()
        .await
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "/ready answers 500 Internal Server Error"
        );
    }

    #[tokio::test]
    async fn nobody_listening_is_not_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(Probe::Tcp(address).check().await.is_err());
        assert!(
            Probe::Unix("/nowhere/at/all.sock".into())
                .check()
                .await
                .is_err()
        );
    }
}
