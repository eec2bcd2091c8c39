//! Checks that a MongoDB server can be reached: DNS, TCP, TLS, and a response to the command `hello`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crokodial_crds::Reason;
use futures::future::join_all;
use mongodb::bson::{Document, doc};
use mongodb::options::{ClientOptions, ServerAddress, Tls, TlsOptions};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;

use super::classify::{FailedCheck, of_io};
use super::request::Deadlines;
use super::uri_fault::UriFault;
use super::wire;

/// Maximum number of servers from a connection string that are tried. Drivers try all servers, but in a longer list one
/// of the first eight should respond.
const MAX_SERVERS: usize = 8;
/// Maximum number of IP addresses that are tried per server.
const MAX_ADDRESSES: usize = 4;

/// Server that could be reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Reached {
    /// Host and port of the server, from the connection string or its SRV records.
    pub name: String,
    /// IP address and port to which the connection succeeded.
    pub address: String,
    /// Response to the command `hello`; `None` if only the driver can establish the connection.
    pub hello: Option<Document>,
}

impl Reached {
    /// Returns true if the server is known not to belong to the replica set of this name. Returns false if `set` is
    /// `None`, or if it is not known to which replica set the server belongs, as for one whose set is not initiated yet.
    pub fn is_outside(&self, set: Option<&str>) -> bool {
        let (Some(set), Some(hello)) = (set, &self.hello) else {
            return false;
        };
        let uninitiated = hello.get_bool("isreplicaset") == Ok(true);
        !uninitiated && hello.get_str("setName").ok() != Some(set)
    }
}

/// Contacts the first eight servers of the connection string concurrently. Returns the first one in the list that could
/// be reached.
///
/// # Errors
/// Returns the failed check of the server whose connection got furthest, if no server could be reached. Returns
/// `TlsFailure` without contacting a server, if the CA file cannot be read.
pub async fn reach(options: &ClientOptions, deadlines: Deadlines) -> Result<Reached, FailedCheck> {
    let security = security(options)?;
    let servers = options.hosts.iter().take(MAX_SERVERS);
    let contacts = servers.map(|server| contact(server, &security, deadlines));
    let mut furthest = FailedCheck::of(Reason::DnsFailure);
    for answer in join_all(contacts).await {
        match answer {
            Ok(reached) => return Ok(reached),
            Err(failed) if depth(failed.reason) >= depth(furthest.reason) => furthest = failed,
            Err(_) => {}
        }
    }
    Err(furthest)
}

/// Returns a rank for the progress of a connection that failed for this reason. A higher rank means that the connection
/// got further.
fn depth(reason: Reason) -> u8 {
    match reason {
        Reason::DnsFailure => 0,
        Reason::NetworkBlocked => 1,
        Reason::ConnectionRefused => 2,
        // A link-local address.
        Reason::BadUri => 1,
        Reason::TlsFailure => 3,
        _ => 4,
    }
}

async fn contact(
    server: &ServerAddress,
    security: &Security,
    deadlines: Deadlines,
) -> Result<Reached, FailedCheck> {
    let ServerAddress::Tcp { host, port } = server else {
        return Err(FailedCheck::of(Reason::BadUri));
    };
    let port = port.unwrap_or(27_017);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = format!("{}:{port}", host.to_ascii_lowercase());
    let failed = |reason| FailedCheck::at(reason, &name);
    let addresses: Vec<SocketAddr> = timeout_at(deadlines.names, lookup_host((bare, port)))
        .await
        .map_err(|_| failed(Reason::DnsFailure))?
        .map_err(|_| failed(Reason::DnsFailure))?
        .take(MAX_ADDRESSES)
        .collect();
    let unusable = !addresses.is_empty() && addresses.iter().all(|a| is_link_local(a.ip()));
    let (stream, address) = connect(addresses, deadlines).await.map_err(|reason| {
        if unusable {
            let fault = Some((UriFault::LinkLocal, None));
            return FailedCheck {
                fault,
                ..failed(Reason::BadUri)
            };
        }
        failed(reason)
    })?;
    let answered = match security {
        Security::Drivers => Ok(None),
        Security::None => hello(stream, true, deadlines).await.map(Some),
        Security::Tls(tls) => {
            let server =
                ServerName::try_from(bare.to_owned()).map_err(|_| failed(Reason::TlsFailure))?;
            let stream = timeout_at(deadlines.tls, tls.connect(server, stream))
                .await
                .map_err(|_| failed(Reason::TlsFailure))?
                .map_err(|_| failed(Reason::TlsFailure))?;
            hello(stream, false, deadlines).await.map(Some)
        }
    };
    let hello = answered.map_err(&failed)?;
    Ok(Reached {
        name,
        address: address.to_string(),
        hello,
    })
}

/// Returns true for an address that is only valid within one network segment. Clouds serve credentials of the node at
/// such addresses, so the NetworkPolicy of the pods excludes them.
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// Connects to all addresses concurrently and returns the first connection that succeeds. If all fail, the returned
/// reason is `ConnectionRefused` if any address refused the connection, and `NetworkBlocked` otherwise. If there is no
/// address, it is `DnsFailure`.
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

/// Returns the server's response to the command `hello`, which needs no login. `plain` is true if the connection does
/// not use TLS.
async fn hello<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    plain: bool,
    deadlines: Deadlines,
) -> Result<Document, Reason> {
    let command = doc! {"hello": 1, "$db": "admin"};
    match timeout_at(deadlines.hello, wire::ask(&mut stream, &command)).await {
        Ok(Ok(answer)) => Ok(answer),
        Err(_) => Err(Reason::NotAnswering),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
            Err(Reason::UnexpectedAnswer)
        }
        // A server that requires TLS closes a connection that does not use it.
        Ok(Err(_)) if plain => Err(Reason::TlsFailure),
        Ok(Err(_)) => Err(Reason::NotAnswering),
    }
}

/// Transport security of the connections to the servers.
enum Security {
    None,
    /// TLS with the trusted CAs that [`roots`] returns.
    Tls(TlsConnector),
    /// TLS with options that only the driver implements: a client certificate, or no verification of the server. TLS is
    /// then first tested by the login.
    Drivers,
}

fn security(options: &ClientOptions) -> Result<Security, FailedCheck> {
    let Some(Tls::Enabled(wanted)) = &options.tls else {
        return Ok(Security::None);
    };
    if wanted.allow_invalid_certificates == Some(true) || wanted.cert_key_file_path.is_some() {
        return Ok(Security::Drivers);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| FailedCheck::of(Reason::TlsFailure))?
        .with_root_certificates(roots(wanted)?)
        .with_no_client_auth();
    Ok(Security::Tls(TlsConnector::from(Arc::new(config))))
}

/// Returns the trusted CAs: those in the CA file of the options or, without a CA file, the public ones.
fn roots(wanted: &TlsOptions) -> Result<RootCertStore, FailedCheck> {
    let mut roots = RootCertStore::empty();
    match &wanted.ca_file_path {
        Some(path) => {
            let found = CertificateDer::pem_file_iter(path)
                .map_err(|_| FailedCheck::of(Reason::TlsFailure))?;
            roots.add_parsable_certificates(found.flatten());
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_of_a_set_that_is_not_initiated_is_not_outside() {
        let outside = |hello: Document| {
            let hello = Some(hello);
            let (name, address) = (String::new(), String::new());
            let reached = Reached {
                name,
                address,
                hello,
            };
            reached.is_outside(Some("rs0"))
        };
        assert!(outside(doc! {"setName": "other"}) && outside(doc! {}));
        assert!(!outside(doc! {"setName": "rs0"}));
        assert!(!outside(doc! {"isreplicaset": true}));
    }

    #[test]
    fn addresses_of_one_network_segment_are_known() {
        let of = |text: &str| is_link_local(text.parse().unwrap());
        assert!(of("169.254.169.254") && of("fe80::1"));
        assert!(!of("192.0.2.1") && !of("2001:db8::1") && !of("127.0.0.1"));
    }
}
