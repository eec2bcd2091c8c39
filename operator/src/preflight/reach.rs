//! From a name to a server that says what it is: addresses, TCP, TLS, `hello`.

use std::net::SocketAddr;
use std::sync::Arc;

use crokodial_crds::Reason;
use futures::future::join_all;
use mongodb::bson::doc;
use mongodb::options::{ClientOptions, ServerAddress, Tls, TlsOptions};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;

use super::Deadlines;
use super::classify::{Fault, of_io};
use super::wire;

/// Servers of one connection string that are tried. Drivers try all; a list this long has the working one in front.
const MOST_SERVERS: usize = 8;
/// Addresses of one server that are tried.
const MOST_ADDRESSES: usize = 4;

/// A server that answered, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Host and port as the connection string has them.
    pub name: String,
    /// The address it answered at.
    pub address: String,
}

/// Asks all servers side by side; one that answers is enough. Else the fault of the one that came furthest.
///
/// # Errors
/// Why no server could be asked.
pub async fn reach(options: &ClientOptions, deadlines: Deadlines) -> Result<Reached, Fault> {
    let security = security(options)?;
    let servers = options.hosts.iter().take(MOST_SERVERS);
    let asked = servers.map(|server| ask(server, &security, deadlines));
    let mut worst = Fault::of(Reason::DnsFailure);
    for answer in join_all(asked).await {
        match answer {
            Ok(reached) => return Ok(reached),
            Err(fault) if depth(fault.reason) >= depth(worst.reason) => worst = fault,
            Err(_) => {}
        }
    }
    Err(worst)
}

/// How far a server was got to.
fn depth(reason: Reason) -> u8 {
    match reason {
        Reason::DnsFailure => 0,
        Reason::NetworkBlocked => 1,
        Reason::ConnectionRefused => 2,
        Reason::TlsFailure => 3,
        _ => 4,
    }
}

async fn ask(
    server: &ServerAddress,
    security: &Security,
    deadlines: Deadlines,
) -> Result<Reached, Fault> {
    let ServerAddress::Tcp { host, port } = server else {
        return Err(Fault::of(Reason::BadUri));
    };
    let port = port.unwrap_or(27_017);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = format!("{}:{port}", host.to_ascii_lowercase());
    let fault = |reason| Fault::at(reason, &name);
    let addresses: Vec<SocketAddr> = timeout_at(deadlines.names, lookup_host((bare, port)))
        .await
        .map_err(|_| fault(Reason::DnsFailure))?
        .map_err(|_| fault(Reason::DnsFailure))?
        .take(MOST_ADDRESSES)
        .collect();
    let (stream, address) = connect(addresses, deadlines).await.map_err(&fault)?;
    let answered = match security {
        Security::Drivers => Ok(()),
        Security::None => hello(stream, true, deadlines).await,
        Security::Tls(tls) => {
            let server =
                ServerName::try_from(bare.to_owned()).map_err(|_| fault(Reason::TlsFailure))?;
            let stream = timeout_at(deadlines.tls, tls.connect(server, stream))
                .await
                .map_err(|_| fault(Reason::TlsFailure))?
                .map_err(|_| fault(Reason::TlsFailure))?;
            hello(stream, false, deadlines).await
        }
    };
    answered.map_err(&fault)?;
    Ok(Reached {
        name,
        address: address.to_string(),
    })
}

/// The first address that accepts, all tried side by side. One that refuses is worse than silence is: it is told.
async fn connect(
    addresses: Vec<SocketAddr>,
    deadlines: Deadlines,
) -> Result<(TcpStream, SocketAddr), Reason> {
    if addresses.is_empty() {
        return Err(Reason::DnsFailure);
    }
    let tries = addresses.into_iter().map(|address| async move {
        match timeout_at(deadlines.connect, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => Ok((stream, address)),
            Ok(Err(error)) => Err(of_io(&error)),
            Err(_) => Err(Reason::NetworkBlocked),
        }
    });
    let mut pending: futures::stream::FuturesUnordered<_> = tries.collect();
    let mut reason = Reason::NetworkBlocked;
    while let Some(tried) = futures::StreamExt::next(&mut pending).await {
        match tried {
            Ok(connected) => return Ok(connected),
            Err(Reason::ConnectionRefused) => reason = Reason::ConnectionRefused,
            Err(_) => {}
        }
    }
    Err(reason)
}

/// `hello` without a login: whoever answers it speaks MongoDB.
async fn hello<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    plain: bool,
    deadlines: Deadlines,
) -> Result<(), Reason> {
    let command = doc! {"hello": 1, "$db": "admin"};
    match timeout_at(deadlines.hello, wire::ask(&mut stream, &command)).await {
        Ok(Ok(_)) => Ok(()),
        Err(_) => Err(Reason::NotAnswering),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
            Err(Reason::UnexpectedAnswer)
        }
        // A server that wants TLS hangs up on who speaks without it.
        Ok(Err(_)) if plain => Err(Reason::TlsFailure),
        Ok(Err(_)) => Err(Reason::NotAnswering),
    }
}

/// How a connection is secured.
enum Security {
    None,
    /// As the driver does it from the same options.
    Tls(TlsConnector),
    /// By what only the driver does (a client's certificate, no verification): its own connection is the check.
    Drivers,
}

fn security(options: &ClientOptions) -> Result<Security, Fault> {
    let Some(Tls::Enabled(wanted)) = &options.tls else {
        return Ok(Security::None);
    };
    if wanted.allow_invalid_certificates == Some(true) || wanted.cert_key_file_path.is_some() {
        return Ok(Security::Drivers);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| Fault::of(Reason::TlsFailure))?
        .with_root_certificates(roots(wanted)?)
        .with_no_client_auth();
    Ok(Security::Tls(TlsConnector::from(Arc::new(config))))
}

/// The public authorities, or the file that the options name.
fn roots(wanted: &TlsOptions) -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore::empty();
    match &wanted.ca_file_path {
        Some(path) => {
            let found =
                CertificateDer::pem_file_iter(path).map_err(|_| Fault::of(Reason::TlsFailure))?;
            roots.add_parsable_certificates(found.flatten());
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    Ok(roots)
}
