//! Runs smoke checks: requests the pages of a candidate pod and the assets of these pages.
//!
//! The pod runs untested code. Whatever it responds, requests are sent only to its own address, and time and memory are
//! bounded. Messages contain statuses and paths, but no other part of a response.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderName, LOCATION};
use http::{HeaderValue, Request, Response};
use http_body_util::Empty;
use tokio::time::timeout;
use url::Url;

use super::assets::{self, Asset, on_site};
use super::plan::{Check, SmokePlan, Statuses};
use crate::net::{Endpoint, Exchange, HttpClient, NetError, Scheme};

/// Maximum number of redirects that are followed per page or asset.
const MAX_REDIRECTS: usize = 5;
/// Maximum number of assets that are requested, summed over all pages of a plan.
const MAX_ASSETS: usize = 200;
/// Maximum number of concurrent requests for assets. It is low, because a candidate is a single pod.
const MAX_CONCURRENT: usize = 4;
/// Maximum length of a path in a message, in characters.
const MAX_SHOWN_PATH: usize = 120;

/// Candidate pod, and the site that it must serve.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SmokeTarget {
    /// IP address of the pod, from its status.
    pub ip: String,
    /// Port of the pod.
    pub port: u16,
    /// Domain of the site, for the Host header.
    pub domain: String,
    /// True if users connect by HTTPS. The requests then contain `X-Forwarded-Proto: https`, as if they came through
    /// the reverse proxy.
    pub https: bool,
}

/// Result of running a smoke plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmokeResult {
    /// All pages and assets responded as expected.
    Passed {
        /// Number of requested pages.
        pages: usize,
        /// Number of requested assets.
        assets: usize,
    },
    /// A page or an asset did not respond as expected.
    Failed {
        /// Description of the failure, as a sentence without a trailing period.
        message: String,
    },
    /// The pod could not be reached, for example because it does not exist any more or the network blocks the
    /// connection.
    Unreachable {
        /// Description of the failure, as a sentence without a trailing period.
        message: String,
    },
}

/// Time and size limits of running a smoke plan.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Timeout of one page or asset, including its redirects and the reading of its body.
    pub request: Duration,
    /// Timeout of the whole plan.
    pub overall: Duration,
    /// Maximum size in bytes of a page whose content is examined for assets or for a text. A larger page fails the
    /// check.
    pub page: usize,
    /// Number of bytes that are read of an asset, and of a page whose content is not examined. The rest is not awaited.
    pub asset: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(5),
            overall: Duration::from_secs(60),
            page: 5 * 1024 * 1024,
            asset: 1024 * 1024,
        }
    }
}

/// Runs smoke plans against candidate pods.
#[derive(Clone, Debug)]
pub struct SmokeProbe {
    client: HttpClient,
    limits: Limits,
}

/// Page that responded as expected.
struct Page {
    /// URL of the page after redirects.
    url: Url,
    /// Body of the page if it is HTML and its assets must be checked; `None` otherwise.
    html: Option<Bytes>,
}

impl SmokeProbe {
    /// Returns a probe that sends requests with `client`. The client should be guarded, so that it refuses loopback,
    /// link-local and API server addresses.
    pub fn new(client: HttpClient, limits: Limits) -> Self {
        Self { client, limits }
    }

    /// Runs a plan against a pod. Takes at most [`Limits::overall`].
    pub async fn run(&self, target: &SmokeTarget, plan: &SmokePlan) -> SmokeResult {
        let run = Run {
            probe: self,
            target,
        };
        match timeout(self.limits.overall, Box::pin(run.all(plan))).await {
            Ok(Ok(result) | Err(result)) => result,
            Err(_) => SmokeResult::Failed {
                message: format!(
                    "the pages and their assets were not all answered within {} s",
                    self.limits.overall.as_secs()
                ),
            },
        }
    }
}

struct Run<'a> {
    probe: &'a SmokeProbe,
    target: &'a SmokeTarget,
}

impl Run<'_> {
    async fn all(&self, plan: &SmokePlan) -> Result<SmokeResult, SmokeResult> {
        let (mut known, mut named) = (BTreeSet::new(), Vec::new());
        for check in &plan.checks {
            let page = self.page(check, plan.assets).await?;
            let html = page.html.unwrap_or_default();
            for asset in assets::assets(&html, &page.url, MAX_ASSETS) {
                if known.len() < MAX_ASSETS && known.insert(asset.path.clone()) {
                    named.push((check.path.clone(), asset));
                }
            }
        }
        let assets = named.len();
        stream::iter(named)
            .map(|(page, asset)| async move { self.asset(&page, &asset).await })
            .buffered(MAX_CONCURRENT)
            .try_collect::<()>()
            .await?;
        Ok(SmokeResult::Passed {
            pages: plan.checks.len(),
            assets,
        })
    }

    async fn page(&self, check: &Check, with_assets: bool) -> Result<Page, SmokeResult> {
        let path = shown(&check.path);
        let work = async {
            let (url, exchange) = self
                .follow(&check.path, check.status, "text/html, */*;q=0.8")
                .await?;
            let html = with_assets && is_html(exchange.head());
            if !html && check.contains.is_none() {
                exchange
                    .drain(self.probe.limits.asset)
                    .await
                    .map_err(|e| blame(&e, &path))?;
                return Ok(Page { url, html: None });
            }
            if exchange.head().headers().contains_key(CONTENT_ENCODING) {
                return Err(failed(format!(
                    "{path} was answered compressed, though that was not asked for"
                )));
            }
            let limit = self.probe.limits.page;
            let body = exchange
                .into_bytes(limit)
                .await
                .map_err(|e| blame(&e, &path))?;
            if let Some(text) = &check.contains
                && !String::from_utf8_lossy(&body).contains(text.as_str())
            {
                return Err(failed(format!(
                    "the answer to {path} does not contain the text that smoke asks for"
                )));
            }
            Ok(Page {
                url,
                html: html.then_some(body),
            })
        };
        self.in_time(&path, work).await
    }

    async fn asset(&self, page: &str, asset: &Asset) -> Result<(), SmokeResult> {
        let path = shown(&asset.path);
        let work = async {
            let ok = Statuses::ONLY_OK;
            let (_, exchange) = self.follow(&asset.path, ok, "*/*").await?;
            // The server of a single-page application may answer any unknown path with its HTML page.
            if is_html(exchange.head()) {
                return Err(failed(format!("{path} was answered with an HTML page")));
            }
            exchange
                .drain(self.probe.limits.asset)
                .await
                .map_err(|e| blame(&e, &path))
        };
        let done = self.in_time(&path, work).await;
        done.map_err(|result| match result {
            SmokeResult::Failed { message } => failed(format!(
                "page {} names the {} {path}: {message}",
                shown(page),
                asset.kind.as_str()
            )),
            other => other,
        })
    }

    async fn in_time<T>(
        &self,
        path: &str,
        work: impl Future<Output = Result<T, SmokeResult>>,
    ) -> Result<T, SmokeResult> {
        let limit = self.probe.limits.request;
        timeout(limit, work).await.unwrap_or_else(|_| {
            Err(failed(format!(
                "{path} was not answered within {} s",
                limit.as_secs()
            )))
        })
    }

    /// Requests `path` from the pod and follows redirects within the site, until the status is in `wanted`. Returns the
    /// final URL and its response.
    async fn follow(
        &self,
        path: &str,
        wanted: Statuses,
        accept: &'static str,
    ) -> Result<(Url, Exchange), SmokeResult> {
        let scheme = if self.target.https { "https" } else { "http" };
        let site = format!("{scheme}://{}/", self.target.domain);
        let bad = || failed(format!("{} is no path", shown(path)));
        let site = Url::parse(&site).map_err(|_| bad())?;
        let mut url = site.join(path).map_err(|_| bad())?;
        for _ in 0..=MAX_REDIRECTS {
            let here = on_site(&url, &site).ok_or_else(bad)?;
            let exchange = self.get(&here, accept).await?;
            let status = exchange.head().status();
            if wanted.accept(status.as_u16()) {
                return Ok((url, exchange));
            }
            let target = redirect(exchange.head()).filter(|_| status.is_redirection());
            let (here, status) = (shown(&here), status.as_u16());
            let Some(target) = target else {
                return Err(failed(format!(
                    "{here} was answered with status {status}, expected {wanted}"
                )));
            };
            url = url
                .join(&target)
                .ok()
                .filter(|url| on_site(url, &site).is_some())
                .ok_or_else(|| {
                    failed(format!(
                        "{here} was answered with status {status}, a redirect to another site, expected {wanted}"
                    ))
                })?;
        }
        Err(failed(format!(
            "{} redirects more than {MAX_REDIRECTS} times",
            shown(path)
        )))
    }

    /// Sends a GET request and waits for the response head. Retries once if the connection breaks before that or the
    /// response is not HTTP. If the pod has terminated, the retry cannot connect, and the result is `Unreachable`.
    async fn get(&self, path: &str, accept: &'static str) -> Result<Exchange, SmokeResult> {
        match self.send(path, accept).await {
            Err(NetError::Protocol { .. }) => self.send(path, accept).await,
            other => other,
        }
        .map_err(|error| blame(&error, &shown(path)))
    }

    async fn send(&self, path: &str, accept: &'static str) -> Result<Exchange, NetError> {
        let SmokeTarget {
            ip,
            port,
            domain,
            https,
        } = self.target;
        let endpoint = Endpoint {
            scheme: Scheme::Http,
            dial: ip.clone(),
            port: *port,
            name: domain.clone(),
        };
        let proto = HeaderValue::from_static(if *https { "https" } else { "http" });
        let request: Request<Empty<Bytes>> = Request::get(path)
            .header(HOST, domain)
            .header(ACCEPT, accept)
            .header(HeaderName::from_static("x-forwarded-proto"), proto)
            .body(Empty::new())
            .map_err(|_| NetError::Protocol {
                host: domain.clone(),
            })?;
        self.probe.client.send(&endpoint, request).await
    }
}

fn is_html(head: &Response<()>) -> bool {
    let kind = head.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    ["text/html", "application/xhtml+xml"]
        .iter()
        .any(|html| kind.eq_ignore_ascii_case(html))
}

fn redirect(head: &Response<()>) -> Option<String> {
    let target = head.headers().get(LOCATION)?;
    target.to_str().ok().map(str::to_owned)
}

/// Converts an error to a result: `Failed` if the release is to blame, `Unreachable` if the network is.
fn blame(error: &NetError, path: &str) -> SmokeResult {
    match error {
        NetError::TooLarge { limit, .. } => {
            failed(format!("the answer to {path} is larger than {limit} bytes"))
        }
        NetError::Protocol { .. } => failed(format!(
            "the connection broke off, or the answer to {path} is not HTTP"
        )),
        NetError::Dns { .. }
        | NetError::DnsUnanswered { .. }
        | NetError::Refused { .. }
        | NetError::Connect { .. }
        | NetError::Tls { .. }
        | NetError::Deadline { .. } => SmokeResult::Unreachable {
            message: format!(
                "the candidate pod could not be asked ({}): check that no network policy is in the way",
                error.reason()
            ),
        },
    }
}

fn failed(message: String) -> SmokeResult {
    SmokeResult::Failed { message }
}

/// Returns the path for use in a message: truncated, and without the query, which may contain a secret.
fn shown(path: &str) -> String {
    let bare = path.split('?').next().unwrap_or_default();
    let mut shown: String = bare.chars().take(MAX_SHOWN_PATH).collect();
    if shown.len() < bare.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
