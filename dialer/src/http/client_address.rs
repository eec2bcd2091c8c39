//! Determines the IP address of a client that connects through reverse proxies.

use std::net::IpAddr;

use ipnet::IpNet;

/// Returns the IP address of the client: the rightmost address that does not belong to a trusted proxy. `peer` is the
/// address of the TCP connection, and `forwarded` the values of all `X-Forwarded-For` headers, joined with commas.
///
/// `forwarded` is used only if `peer` is trusted. It is read from right to left, up to the first entry that is
/// untrusted or invalid. Clients can forge the entries further to the left. If no untrusted address was read, the last
/// trusted one is returned.
pub fn resolve(peer: IpAddr, forwarded: Option<&str>, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let mut client = peer.to_canonical();
    let mut hops = forwarded.unwrap_or_default().rsplit(',');
    while is_trusted(client) {
        let Some(Ok(hop)) = hops.next().map(|hop| hop.trim().parse::<IpAddr>()) else {
            return client;
        };
        client = hop.to_canonical();
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn table() {
        let proxies = [
            "10.0.0.0/8".parse::<IpNet>().unwrap(),
            "fd00::/8".parse::<IpNet>().unwrap(),
        ];
        for (peer, header, client) in [
            ("203.0.113.9", None, "203.0.113.9"),
            ("203.0.113.9", Some("198.51.100.1"), "203.0.113.9"),
            ("10.1.1.1", None, "10.1.1.1"),
            ("10.1.1.1", Some("198.51.100.1"), "198.51.100.1"),
            ("10.1.1.1", Some("1.2.3.4, 198.51.100.1"), "198.51.100.1"),
            ("10.1.1.1", Some("198.51.100.1, 10.2.2.2"), "198.51.100.1"),
            ("10.1.1.1", Some("198.51.100.1, nonsense"), "10.1.1.1"),
            ("10.1.1.1", Some("10.3.3.3,10.2.2.2"), "10.3.3.3"),
            ("::ffff:10.1.1.1", Some("198.51.100.1"), "198.51.100.1"),
            ("fd00::1", Some("2001:db8::5"), "2001:db8::5"),
        ] {
            assert_eq!(
                resolve(ip(peer), header, &proxies),
                ip(client),
                "{peer} {header:?}"
            );
        }
    }

    #[test]
    fn without_trusted_proxies_the_header_is_never_believed() {
        assert_eq!(
            resolve(ip("10.1.1.1"), Some("1.2.3.4"), &[]),
            ip("10.1.1.1")
        );
    }

    proptest! {
        #[test]
        fn a_client_cannot_choose_its_address(prefix in "[0-9., a-z]{0,60}") {
            let proxies = ["10.0.0.0/8".parse::<IpNet>().unwrap()];
            let header = format!("{prefix},198.51.100.7");
            prop_assert_eq!(resolve(ip("10.1.1.1"), Some(&header), &proxies), ip("198.51.100.7"));
        }
    }
}
