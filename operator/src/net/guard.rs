//! TCP connections that are opened only after the destination's IP address has been checked.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::address::refusal;
use super::error::NetError;

/// Timeout of a DNS lookup. For comparison, the resolver waits 5 s per server and attempt by default (resolv.conf(5)).
const DNS_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of connecting to one address. It allows one retransmission of a lost SYN, which Linux sends after about 1 s.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum number of addresses of a host name that are tried.
const MAX_ADDRESSES: usize = 4;

/// Opens TCP connections, but only to addresses that are not forbidden; see [`refusal`].
#[derive(Debug, Clone)]
pub struct Guard {
    api_server_ips: Vec<IpAddr>,
    loopback_allowed: bool,
}

impl Guard {
    /// Creates a guard that also refuses the addresses of the API server; see [`api_server_ips`].
    pub fn new(api_server_ips: Vec<IpAddr>) -> Self {
        Self {
            api_server_ips,
            loopback_allowed: false,
        }
    }

    /// Creates a guard that allows loopback addresses, where test servers listen. Must not be used in production code.
    #[doc(hidden)]
    pub fn for_tests_allowing_loopback() -> Self {
        Self {
            api_server_ips: Vec::new(),
            loopback_allowed: true,
        }
    }

    /// Returns true if the operator must not connect to `ip`. Used by callers that open the socket themselves.
    pub fn refuses(&self, ip: IpAddr) -> bool {
        self.refusal(ip).is_some()
    }

    /// Connects to `host`, which is a host name, an IPv4 address, or an IPv6 address with or without brackets.
    ///
    /// # Errors
    /// Returns [`NetError::Dns`] if the host has no address, [`NetError::DnsUnanswered`] if the DNS cannot tell,
    /// [`NetError::Refused`] if all addresses of the host are forbidden, and [`NetError::Connect`] if none of the first four allowed addresses accepts the
    /// connection.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, NetError> {
        let allowed = self.addresses(host, port).await?;
        for address in allowed.into_iter().take(MAX_ADDRESSES) {
            if let Ok(Ok(stream)) = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
                // There is one small request per connection, so waiting to fill a packet only adds latency. A failure
                // to set the option is harmless.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
        }
        Err(NetError::Connect {
            host: host.to_owned(),
            port,
        })
    }

    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, NetError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let no_address = || NetError::Dns {
            host: host.to_owned(),
        };
        let unanswered = || NetError::DnsUnanswered {
            host: host.to_owned(),
        };
        let found: Vec<SocketAddr> = timeout(DNS_TIMEOUT, lookup_host((bare, port)))
            .await
            .map_err(|_| unanswered())?
            .map_err(|error| {
                // The standard library gives the cause (`EAI_AGAIN`) only in the text.
                let temporary = error.to_string().contains("Temporary failure");
                if temporary {
                    unanswered()
                } else {
                    no_address()
                }
            })?
            .collect();
        let first_refusal = found.iter().find_map(|address| self.refusal(address.ip()));
        let allowed: Vec<SocketAddr> = found
            .into_iter()
            .filter(|address| self.refusal(address.ip()).is_none())
            .collect();
        match (allowed.is_empty(), first_refusal) {
            (false, _) => Ok(allowed),
            (true, Some(kind)) => Err(NetError::Refused {
                host: host.to_owned(),
                kind,
            }),
            (true, None) => Err(no_address()),
        }
    }

    fn refusal(&self, ip: IpAddr) -> Option<&'static str> {
        refusal(ip, &self.api_server_ips)
            .filter(|kind| !(self.loopback_allowed && *kind == "loopback"))
    }
}

/// Resolves the IP addresses of the API server. `service_host` is the value of `KUBERNETES_SERVICE_HOST`, which the
/// kubelet sets in every pod to an IP address or, rarely, a name. Returns an empty list for `None`, or if the name does
/// not resolve.
pub async fn api_server_ips(service_host: Option<&str>) -> Vec<IpAddr> {
    let Some(host) = service_host else {
        return Vec::new();
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match timeout(DNS_TIMEOUT, lookup_host((bare, 443))).await {
        Ok(Ok(addresses)) => addresses.map(|address| address.ip()).collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn loopback_is_refused_under_every_spelling_although_something_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let guard = Guard::new(Vec::new());
        for host in [
            "127.0.0.1",
            "localhost",
            "[::ffff:127.0.0.1]",
            "2130706433",
            "0",
        ] {
            let error = guard.connect(host, port).await.unwrap_err();
            assert_eq!(error.reason(), "AddressRefused", "{host}: {error}");
        }
        assert!(
            Guard::for_tests_allowing_loopback()
                .connect("127.0.0.1", port)
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn the_test_guard_still_refuses_link_local() {
        let error = Guard::for_tests_allowing_loopback()
            .connect("169.254.169.254", 80)
            .await
            .unwrap_err();
        assert_eq!(error.reason(), "AddressRefused");
        assert!(error.to_string().contains("link-local"), "{error}");
    }

    #[tokio::test]
    async fn a_closed_port_and_an_unknown_name_are_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let guard = Guard::for_tests_allowing_loopback();
        let closed = guard.connect("127.0.0.1", port).await.unwrap_err();
        assert_eq!(closed.reason(), "ConnectionFailed");
        let unknown = guard
            .connect("no-such-host.invalid", 443)
            .await
            .unwrap_err();
        assert_eq!(unknown.reason(), "DnsFailure");
    }

    #[tokio::test]
    async fn the_api_server_is_known_by_address_or_name() {
        let v4: IpAddr = "10.96.0.1".parse().unwrap();
        assert_eq!(api_server_ips(Some("10.96.0.1")).await, vec![v4]);
        let v6: IpAddr = "fd00::1".parse().unwrap();
        assert_eq!(api_server_ips(Some("[fd00::1]")).await, vec![v6]);
        assert!(api_server_ips(None).await.is_empty());
        let refused = Guard::new(vec![v4])
            .connect("10.96.0.1", 443)
            .await
            .unwrap_err();
        assert!(
            refused.to_string().contains("Kubernetes API server"),
            "{refused}"
        );
    }
}
