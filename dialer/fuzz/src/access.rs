//! Who calls, from where: headers, sockets, origins.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crokodial_dialer::domain::socket::Said;
use crokodial_dialer::http::client_address::resolve;
use crokodial_dialer::http::cors::{self as origins, Origins};
use crokodial_dialer::security::pending_sockets::{
    Doorway, MOST_WAITING, MOST_WAITING_PER_ADDRESS,
};
use crokodial_dialer::security::token::from_header;
use ipnet::IpNet;
use serde_json::json;

use crate::input::{halves, text};

/// Each may be a burst of hundreds.
const MOST_STEPS: usize = 64;

/// Pages that may call without being configured, at port 3005.
const ALLOWED: [&str; 6] = [
    "https://crokodial.com",
    "https://www.crokodial.com",
    "http://localhost:5173",
    "http://localhost:3005",
    "http://127.0.0.1:5173",
    "http://127.0.0.1:3005",
];

/// The peer's address and X-Forwarded-For, a line each.
pub fn client_address(data: &[u8]) {
    let text = text(data);
    let (peer, header) = halves(&text);
    let proxy = IpAddr::from([10, 1, 1, 1]);
    let peer = peer.trim().parse().unwrap_or(proxy);
    let trusted: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"]
        .iter()
        .filter_map(|net| net.parse().ok())
        .collect();
    let trusts = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let client = resolve(peer, Some(header), &trusted);
    assert_eq!(client, client.to_canonical());
    let named = header.split(',').filter_map(|hop| hop.trim().parse().ok());
    let named: Vec<IpAddr> = named.map(|hop: IpAddr| hop.to_canonical()).collect();
    let peer = peer.to_canonical();
    assert!(client == peer || trusts(&peer) && named.contains(&client));
    assert_eq!(resolve(peer, Some(header), &[]), peer);
    assert_eq!(
        resolve(peer, None, &trusted),
        resolve(peer, Some(""), &trusted)
    );
    // Whatever a client writes, the proxy's own entry stands right of it.
    let stranger = IpAddr::from([203, 0, 113, 7]);
    let appended = format!("{header},{stranger}");
    assert_eq!(resolve(proxy, Some(&appended), &trusted), stranger);
}

/// An origin and the host that was called, a line each.
pub fn cors(data: &[u8]) {
    let text = text(data);
    let (origin, host) = halves(&text);
    assert_eq!(
        Origins::new(3005, None).allow(origin),
        ALLOWED.contains(&origin)
    );
    let own = Origins::new(3005, Some(host));
    assert!(own.allow(host));
    assert_eq!(
        own.allow(origin),
        ALLOWED.contains(&origin) || origin == host
    );
    let same = ["http://", "https://"].iter().any(|scheme| {
        let rest = origin.strip_prefix(scheme);
        rest.is_some_and(|rest| !rest.is_empty() && rest.eq_ignore_ascii_case(host))
    });
    assert_eq!(origins::same_host(origin, host), same);
}

pub fn token_header(data: &[u8]) {
    let value = text(data);
    let Some(token) = from_header(&value) else {
        return;
    };
    assert!(!token.is_empty() && token.trim() == token);
    assert!(value.trim().ends_with(token));
    for scheme in ["Bearer", "bearer", "BEARER "] {
        assert_eq!(from_header(&format!("{scheme} {token}")), Some(token));
    }
    if !token.contains(' ') {
        assert_eq!(from_header(token), Some(token));
    }
}

/// A message of a client.
pub fn socket(data: &[u8]) {
    let said = Said::read(data);
    let padded = [b" \r\n", data, b"\t\n"].concat();
    assert_eq!(Said::read(&padded), said);
    let json = serde_json::from_slice::<serde_json::Value>(data).is_ok();
    assert_eq!(said == Said::NotJson, !json);
    if let Said::Authenticate(token) = said {
        let again = json!({ "type": "authenticate", "token": token }).to_string();
        assert_eq!(Said::read(again.as_bytes()), Said::Authenticate(token));
    }
}

/// Comings and goings, two bytes each: what, and whose.
pub fn doorway(data: &[u8]) {
    let mut door = Doorway::default();
    let mut there: HashMap<IpAddr, usize> = HashMap::new();
    for step in data.chunks_exact(2).take(MOST_STEPS) {
        let [what, who] = step else { continue };
        // Some are neighbours in one network, and count as one.
        let address = match who % 3 {
            0 => IpAddr::V4(Ipv4Addr::new(192, 0, 2, *who)),
            1 => IpAddr::V6(Ipv4Addr::new(192, 0, 2, who.wrapping_sub(1)).to_ipv6_mapped()),
            _ => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(*who))),
        };
        if what % 4 == 0 {
            door.leave(address);
            let here = there.entry(network(address)).or_default();
            *here = here.saturating_sub(1);
        } else {
            // A burst reaches the bounds.
            for _ in 0..*what {
                let all: usize = there.values().sum();
                let here = there.entry(network(address)).or_default();
                let full = all >= MOST_WAITING || *here >= MOST_WAITING_PER_ADDRESS;
                assert_eq!(door.enter(address), !full);
                *here += usize::from(!full);
            }
        }
        assert_eq!(door.waiting(), there.values().sum::<usize>());
    }
}

/// All IPv6 addresses of the target are of one network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}
