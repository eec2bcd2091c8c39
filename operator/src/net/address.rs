//! Rules for IP addresses to which a user's resource must not make the operator connect. The rules are pure functions
//! without I/O.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv6 addresses of cloud metadata services outside the link-local network: of AWS (EC2 user guide, "instance metadata
/// service"), Google Cloud (Compute Engine, "metadata server"), Oracle Cloud ("instance metadata service", IPv6) and
/// Scaleway ("instance metadata").
pub const METADATA_SERVICES_V6: [Ipv6Addr; 4] = [
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254),
    Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254),
    Ipv6Addr::new(0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    Ipv6Addr::new(0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042),
];

/// IPv4 addresses of cloud metadata services outside the link-local network: of Alibaba Cloud ("instance metadata"),
/// Oracle Cloud (the address of its Classic service) and Azure ("virtual public IP 168.63.129.16", the address of the
/// host agent).
const METADATA_SERVICES_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
];

/// Returns true if the operator must not connect to `ip`. `api_server_ips` are the addresses of the Kubernetes API
/// server.
pub fn is_refused(ip: IpAddr, api_server_ips: &[IpAddr]) -> bool {
    refusal(ip, api_server_ips).is_some()
}

/// Returns the kind of forbidden address that `ip` is, such as `loopback` or `link-local`; `None` if the operator may
/// connect to it.
///
/// Private networks are allowed, because registries and load balancers may be there. An IPv6 address that embeds an
/// IPv4 address (mapped, compatible, NAT64 64:ff9b::/96, 6to4 2002::/16) is treated as that IPv4 address.
/// `api_server_ips` are the addresses of the Kubernetes API server, which are forbidden too.
pub fn refusal(ip: IpAddr, api_server_ips: &[IpAddr]) -> Option<&'static str> {
    let ip = effective(ip);
    if api_server_ips.iter().any(|api| effective(*api) == ip) {
        return Some("Kubernetes API server");
    }
    match ip {
        IpAddr::V4(v4) => refusal_v4(v4),
        IpAddr::V6(v6) => refusal_v6(v6),
    }
}

fn refusal_v4(ip: Ipv4Addr) -> Option<&'static str> {
    if ip.is_loopback() {
        Some("loopback")
    } else if ip.is_link_local() {
        Some("link-local")
    } else if ip.octets()[0] == 0 {
        // 0.0.0.0/8 is "this host" (RFC 1122 3.2.1.3). Linux connects 0.0.0.0 to loopback.
        Some("unspecified")
    } else if ip.is_multicast() {
        Some("multicast")
    } else if ip.is_broadcast() {
        Some("broadcast")
    } else if METADATA_SERVICES_V4.contains(&ip) {
        Some("metadata service")
    } else {
        None
    }
}

fn refusal_v6(ip: Ipv6Addr) -> Option<&'static str> {
    if ip.is_loopback() {
        Some("loopback")
    } else if ip.is_unspecified() {
        Some("unspecified")
    } else if ip.is_multicast() {
        Some("multicast")
    } else if ip.is_unicast_link_local() {
        Some("link-local")
    } else if METADATA_SERVICES_V6.contains(&ip) {
        Some("metadata service")
    } else {
        None
    }
}

/// Returns the address that a packet to `ip` reaches: the embedded IPv4 address if `ip` contains one, otherwise `ip`.
fn effective(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => embedded_v4(v6).map_or(ip, IpAddr::V4),
    }
}

fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match ip.segments() {
        // `::` and `::1` contain no IPv4 address.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Some(join(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "10.96.0.1";

    fn judged(ip: &str) -> Option<&'static str> {
        refusal(ip.parse().unwrap(), &[API.parse().unwrap()])
    }

    #[test]
    fn forbidden_addresses_are_refused_by_kind() {
        let table = [
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::127.0.0.1", "loopback"),
            ("64:ff9b::7f00:1", "loopback"),
            ("2002:7f00:1::", "loopback"),
            ("169.254.0.0", "link-local"),
            ("169.254.169.254", "link-local"),
            ("169.254.255.255", "link-local"),
            ("::ffff:169.254.169.254", "link-local"),
            ("64:ff9b::a9fe:a9fe", "link-local"),
            ("fe80::1", "link-local"),
            ("febf:ffff::1", "link-local"),
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("::", "unspecified"),
            ("::ffff:0.0.0.0", "unspecified"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("ff02::1", "multicast"),
            ("255.255.255.255", "broadcast"),
            ("fd00:ec2::254", "metadata service"),
            ("fd20:ce::254", "metadata service"),
            ("fd00:c1::a9fe:a9fe", "metadata service"),
            ("fd00:42::42", "metadata service"),
            ("100.100.100.200", "metadata service"),
            ("192.0.0.192", "metadata service"),
            ("168.63.129.16", "metadata service"),
            ("::ffff:100.100.100.200", "metadata service"),
            ("64:ff9b::a83f:8110", "metadata service"),
            ("10.96.0.1", "Kubernetes API server"),
            ("::ffff:10.96.0.1", "Kubernetes API server"),
        ];
        for (ip, kind) in table {
            assert_eq!(judged(ip), Some(kind), "{ip}");
            assert!(
                is_refused(ip.parse().unwrap(), &[API.parse().unwrap()]),
                "{ip}"
            );
        }
    }

    #[test]
    fn neighbours_of_forbidden_ranges_and_private_networks_are_dialled() {
        for ip in [
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "223.255.255.255",
            "1.0.0.0",
            "10.0.0.1",
            "10.96.0.2",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "100.100.100.201",
            "192.0.0.191",
            "168.63.129.17",
            "fd00:42::43",
            "::ffff:10.0.0.1",
            "fec0::1",
            "fd00::1",
            "2606:4700::1111",
            "64:ff9b::a00:1",
        ] {
            assert_eq!(judged(ip), None, "{ip}");
        }
    }

    #[test]
    fn an_ipv6_api_server_is_refused_and_none_means_no_api_rule() {
        let api: IpAddr = "fd00:1::1".parse().unwrap();
        assert!(is_refused(api, &[api]));
        assert!(!is_refused(api, &[]));
    }
}
