//! Extractor for the IP address and user agent of the client.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;

use axum::extract::{ConnectInfo, FromRequestParts};
use http::header;
use http::request::Parts;

use super::state::App;
use crate::accounts::Caller;
use crate::http::client_address;

/// Extractor of the client's IP address and user agent, which are used for throttling, in sessions and in the audit
/// log.
#[derive(Debug)]
pub struct Client(pub Caller);

impl FromRequestParts<App> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| {
                peer.ip()
            });
        let forwarded: Vec<&str> = parts
            .headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        let joined = (!forwarded.is_empty()).then(|| forwarded.join(","));
        let trusted = &app.trusted_proxies;
        if joined.is_some() && !trusted.iter().any(|net| net.contains(&peer.to_canonical())) {
            warn_once(app);
        }
        let user_agent = parts
            .headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        Ok(Self(Caller {
            address: client_address::resolve(peer, joined.as_deref(), trusted),
            user_agent: user_agent.chars().take(200).collect(),
        }))
    }
}

/// Logs that the header `X-Forwarded-For` is ignored because it was sent by an untrusted address. Logs this only once
/// per process. Without `TRUSTED_PROXIES`, all clients behind a proxy share one sign-in limit.
fn warn_once(app: &App) {
    if !app.proxy_warning_given.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "X-Forwarded-For came from an untrusted address and is ignored: if that is your proxy, set TRUSTED_PROXIES to its network"
        );
    }
}
