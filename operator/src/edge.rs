//! HTTP requests to the cluster's edge, that is, its ingress controller. They measure the actual responses, which may
//! differ from what the Ingress objects request.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::LOCATION;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Empty;
use tokio::time::timeout;

use crate::net::{Endpoint, HttpClient, NetError, Scheme};

/// Timeout of one request, from the DNS lookup to the end of the response head.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Response of the edge to a plain HTTP request for a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlainHttpAnswer {
    /// The response is a redirect to an HTTPS URL.
    Redirects {
        /// HTTP status of the redirect, such as 308.
        status: u16,
    },
    /// The edge sent any other response, such as a redirect to an HTTP URL.
    DoesNotRedirect {
        /// HTTP status of the response.
        status: u16,
    },
    /// There was no response.
    Unreachable {
        /// Reason for the missing response.
        error: NetError,
    },
}

/// TCP port for plain HTTP at the edge.
const HTTP_PORT: u16 = 80;

/// Requests to the cluster's edge. A trait, so that tests can replace the implementation.
pub trait Edge: Send + Sync {
    /// Requests `http://<domain>/` at the edge's host name or IP address `address`, and reports whether the response
    /// redirects to HTTPS.
    fn https_forced(&self, address: String, domain: String) -> BoxFuture<'static, PlainHttpAnswer>;
}

/// Implementation of [`Edge`] that sends requests through the guarded HTTP client.
#[derive(Debug, Clone)]
pub struct EdgeProbe {
    client: HttpClient,
}

impl EdgeProbe {
    /// Creates a probe that sends its requests through `client`.
    pub fn new(client: HttpClient) -> Self {
        Self { client }
    }

    /// Requests `http://<domain>/` at `address`, which is a host name or an IP address. Does not follow redirects.
    /// Takes at most 5 s. `port` is 80 except in tests.
    pub async fn https_forced(&self, address: &str, port: u16, domain: &str) -> PlainHttpAnswer {
        let endpoint = Endpoint {
            scheme: Scheme::Http,
            dial: address.to_owned(),
            port,
            name: domain.to_owned(),
        };
        match self.ask(&endpoint).await {
            Ok(head) if redirects_to_https(&head) => PlainHttpAnswer::Redirects {
                status: head.status().as_u16(),
            },
            Ok(head) => PlainHttpAnswer::DoesNotRedirect {
                status: head.status().as_u16(),
            },
            Err(error) => PlainHttpAnswer::Unreachable { error },
        }
    }

    async fn ask(&self, endpoint: &Endpoint) -> Result<Response<()>, NetError> {
        let host = || endpoint.name.clone();
        let request: Request<Empty<Bytes>> = Request::get("/")
            .body(Empty::new())
            .map_err(|_| NetError::Protocol { host: host() })?;
        let exchange = timeout(REQUEST_TIMEOUT, self.client.send(endpoint, request)).await;
        let exchange = exchange.map_err(|_| NetError::Deadline {
            host: host(),
            after: REQUEST_TIMEOUT,
        })??;
        Ok(exchange.into_head())
    }
}

impl Edge for EdgeProbe {
    fn https_forced(&self, address: String, domain: String) -> BoxFuture<'static, PlainHttpAnswer> {
        let probe = self.clone();
        Box::pin(async move { Self::https_forced(&probe, &address, HTTP_PORT, &domain).await })
    }
}

fn redirects_to_https(head: &Response<()>) -> bool {
    let redirects = matches!(
        head.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let target = head
        .headers()
        .get(LOCATION)
        .and_then(|value| value.to_str().ok());
    let target = target.and_then(|text| text.parse::<Uri>().ok());
    redirects && target.is_some_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some())
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::HeaderMap;
    use axum::http::header::HOST;
    use axum::response::IntoResponse;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;
    use crate::net::{Guard, Trust};

    const DOMAIN: &str = "app.example.com";

    fn probe() -> EdgeProbe {
        EdgeProbe::new(HttpClient::new(
            Guard::for_tests_allowing_loopback(),
            Trust::platform().unwrap(),
        ))
    }

    /// Starts a server that sends `status` and the Location header `location` to requests for `DOMAIN`, and status 421
    /// to all others. Returns its port.
    async fn edge(status: u16, location: Option<&'static str>) -> u16 {
        let answer = async move |headers: HeaderMap| {
            let asked = headers.get(HOST).unwrap().to_str().unwrap().to_owned();
            let mut answer = StatusCode::from_u16(status).unwrap().into_response();
            if asked.split(':').next() != Some(DOMAIN) {
                *answer.status_mut() = StatusCode::MISDIRECTED_REQUEST;
            } else if let Some(location) = location {
                answer
                    .headers_mut()
                    .insert(LOCATION, location.parse().unwrap());
            }
            answer
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(
            async move { axum::serve(listener, Router::new().route("/", get(answer))).await },
        );
        port
    }

    #[tokio::test]
    async fn only_a_redirect_to_https_counts() {
        let table = [
            (301, Some("https://app.example.com/"), true),
            (302, Some("https://app.example.com/"), true),
            (307, Some("https://app.example.com/"), true),
            (308, Some("https://app.example.com:8443/"), true),
            (308, Some("HTTPS://app.example.com/"), true),
            (308, Some("http://app.example.com/login"), false),
            (308, Some("/login"), false),
            (308, Some("https:///"), false),
            (308, None, false),
            (200, Some("https://app.example.com/"), false),
            (404, None, false),
            (503, None, false),
        ];
        for (status, location, forced) in table {
            let port = edge(status, location).await;
            let expected = match forced {
                true => PlainHttpAnswer::Redirects { status },
                false => PlainHttpAnswer::DoesNotRedirect { status },
            };
            assert_eq!(
                probe().https_forced("127.0.0.1", port, DOMAIN).await,
                expected,
                "{status} {location:?}"
            );
        }
    }

    async fn reason(probe: &EdgeProbe, address: &str, port: u16) -> &'static str {
        match probe.https_forced(address, port, DOMAIN).await {
            PlainHttpAnswer::Unreachable { error } => error.reason(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn no_answer_is_not_an_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let guarded = EdgeProbe::new(HttpClient::new(
            Guard::new(Vec::new()),
            Trust::platform().unwrap(),
        ));
        assert_eq!(reason(&guarded, "127.0.0.1", port).await, "AddressRefused");
        assert_eq!(
            reason(&probe(), "169.254.169.254", 80).await,
            "AddressRefused"
        );
        assert_eq!(
            reason(&probe(), "no-such-host.invalid", 80).await,
            "DnsFailure"
        );
        // The listener accepts and never responds.
        assert_eq!(
            reason(&probe(), "127.0.0.1", port).await,
            "DeadlineExceeded"
        );
        drop(listener);
        assert_eq!(
            reason(&probe(), "127.0.0.1", port).await,
            "ConnectionFailed"
        );
    }
}
