//! Asks a candidate pod for its pages and their assets.
//!
//! The pod runs code that nobody has tried yet: whatever it answers, only its own address is dialled, and time and
//! memory are bounded. Nothing of an answer but statuses and paths gets into a message.

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

/// Redirects followed from one request on.
const MOST_REDIRECTS: usize = 5;
/// Assets of all pages together. A page of the dialer names five.
const MOST_ASSETS: usize = 200;
/// Assets asked for at a time: a candidate has the resources of one pod.
const AT_A_TIME: usize = 4;
/// A path in a message is cut after so many characters.
const LONGEST_PATH: usize = 120;

/// The pod, and the site it is to be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SmokeTarget {
    /// Address of the pod, from its status.
    pub ip: String,
    /// Its port.
    pub port: u16,
    /// The site's name: what a user's request would ask for.
    pub domain: String,
    /// Users come by https; the application is told so, as the edge does.
    pub https: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmokeResult {
    /// Everything was answered as it should be.
    Passed {
        /// Pages asked for.
        pages: usize,
        /// Assets asked for.
        assets: usize,
    },
    /// An answer was not as it should be.
    Failed {
        /// Which path, what was expected and what was seen; a sentence without its full stop.
        message: String,
    },
    /// The pod could not be asked: it is gone, or something is in the way.
    Unreachable {
        /// What was tried.
        message: String,
    },
}

/// Bounds of a run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of one request, from the connection to the end of what is read.
    pub request: Duration,
    /// Of everything together.
    pub overall: Duration,
    /// Bytes of a page that is looked into; a larger one fails.
    pub page: usize,
    /// Bytes of an asset that are read; the rest is not waited for.
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

/// Runs smoke plans.
#[derive(Clone, Debug)]
pub struct SmokeProbe {
    client: HttpClient,
    limits: Limits,
}

/// A page that was answered as it should be.
struct Page {
    /// Where it was found, redirects followed.
    url: Url,
    /// Its body, where it is an HTML page whose assets matter.
    html: Option<Bytes>,
}

impl SmokeProbe {
    /// A probe over a guarded client, which refuses to dial loopback, link-local and API-server addresses.
    pub fn new(client: HttpClient, limits: Limits) -> Self {
        Self { client, limits }
    }

    /// Runs a plan. Ends within [`Limits::overall`].
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
            for asset in assets::assets(&html, &page.url, MOST_ASSETS) {
                if known.len() < MOST_ASSETS && known.insert(asset.path.clone()) {
                    named.push((check.path.clone(), asset));
                }
            }
        }
        let assets = named.len();
        stream::iter(named)
            .map(|(page, asset)| async move { self.asset(&page, &asset).await })
            .buffered(AT_A_TIME)
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
            // A single-page application's server answers any unknown path with its page.
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

    /// Asks for `path` and what it redirects to, as long as that is on the site.
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
        for _ in 0..=MOST_REDIRECTS {
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
            "{} redirects more than {MOST_REDIRECTS} times",
            shown(path)
        )))
    }

    /// A connection that breaks is tried once more: the pod may have ended, and then nobody accepts the second.
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

/// Whose fault it is that there is no answer.
fn blame(error: &NetError, path: &str) -> SmokeResult {
    match error {
        NetError::TooLarge { limit, .. } => {
            failed(format!("the answer to {path} is larger than {limit} bytes"))
        }
        NetError::Protocol { .. } => failed(format!(
            "the connection broke off, or the answer to {path} is not HTTP"
        )),
        NetError::Dns { .. }
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

/// A path for a message: without its query, which may hold a secret, and of bearable length.
fn shown(path: &str) -> String {
    let bare = path.split('?').next().unwrap_or_default();
    let mut shown: String = bare.chars().take(LONGEST_PATH).collect();
    if shown.len() < bare.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
