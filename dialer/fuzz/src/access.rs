//! Fuzz targets for data from HTTP clients: forwarded addresses, authentication headers, and WebSocket messages.

use std::net::IpAddr;

use crokodial_dialer::domain::socket::ClientMessage;
use crokodial_dialer::http::client_address::resolve;
use crokodial_dialer::security::token::from_header;
use ipnet::IpNet;
use serde_json::json;

use crate::input::{halves, text};

/// Fuzzes the detection of a client's IP address. The first line of the input is the address of the peer, and the rest
/// is the value of `X-Forwarded-For`.
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
    // A trusted proxy appends the address of its client, so nothing that the client wrote before it may matter.
    let stranger = IpAddr::from([203, 0, 113, 7]);
    let appended = format!("{header},{stranger}");
    assert_eq!(resolve(proxy, Some(&appended), &trusted), stranger);
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

/// Fuzzes the parser for WebSocket messages from clients. The input is one message.
pub fn socket(data: &[u8]) {
    let said = ClientMessage::read(data);
    let padded = [b" \r\n", data, b"\t\n"].concat();
    assert_eq!(ClientMessage::read(&padded), said);
    let json = serde_json::from_slice::<serde_json::Value>(data).is_ok();
    assert_eq!(said == ClientMessage::NotJson, !json);
    if let ClientMessage::Authenticate(token) = said {
        let again = json!({ "type": "authenticate", "token": token }).to_string();
        assert_eq!(
            ClientMessage::read(again.as_bytes()),
            ClientMessage::Authenticate(token)
        );
    }
}
