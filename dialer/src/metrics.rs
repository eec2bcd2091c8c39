//! Prometheus metrics of the dialer. Label values are route templates and fixed words. They never contain the paths of
//! requests, addresses, ids or personal data.

use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry, Unit};

/// Media type of the output of [`Metrics::render`].
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the buckets of the latency histogram, in seconds. The last is 30 s, because all request handlers
/// except that of file uploads time out after 30 s.
const LATENCY_BUCKETS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Outcome of a request that a lead vendor sent to the webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum LeadResult {
    Created,
    /// The request added a purchase to an existing lead.
    Updated,
    /// The request concerned an existing lead and added no purchase. It may have changed other fields of the lead.
    Known,
    /// The request was rejected because of its body, which was stored so that the tenant can inspect it.
    Refused,
    /// The request exceeded a rate limit.
    Throttled,
}

/// Authentication state of a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum SocketState {
    /// The WebSocket is open but not authenticated yet.
    Waiting,
    Authenticated,
}

/// Reason why a notice was not delivered to some of the WebSockets of its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Dropped {
    /// A WebSocket was closed because its queue was full.
    SlowSocket,
    /// The notice could not be stored in the database, so other replicas did not receive it.
    NotStored,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SocketLabel {
    state: SocketState,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DroppedLabel {
    reason: Dropped,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LeadLabel {
    result: LeadResult,
}

/// All Prometheus metrics of this process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latency: Family<RouteLabel, Histogram, fn() -> Histogram>,
    sockets: Family<SocketLabel, Gauge>,
    delivered: Counter,
    dropped: Family<DroppedLabel, Counter>,
    logins_failed: Counter,
    leads: Family<LeadLabel, Counter>,
    mongo: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("dialer");
        let latency: Family<RouteLabel, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(LATENCY_BUCKETS));
        registry.register_with_unit(
            "request_duration",
            "Time from a request's headers to its answer's",
            Unit::Seconds,
            latency.clone(),
        );
        let r = &mut registry;
        Self {
            requests: counted(r, "requests", "Requests answered, by route template"),
            sockets: counted(r, "sockets", "WebSockets open"),
            delivered: counted(
                r,
                "notices_delivered",
                "Notices handed to a socket, each socket by itself",
            ),
            dropped: counted(
                r,
                "notices_dropped",
                "Notices that a socket or the other replicas missed",
            ),
            logins_failed: counted(
                r,
                "logins_failed",
                "Sign-ins with a wrong e-mail or password",
            ),
            leads: counted(
                r,
                "leads_received",
                "Messages of vendors, by what became of them",
            ),
            mongo: counted(r, "mongo_reachable", "1 if MongoDB answers"),
            latency,
            registry,
        }
    }
}

/// Creates a metric and registers it under `name`.
fn counted<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

impl Metrics {
    /// Counts a response and records its latency. `route` is the route template, such as `/api/leads/{id}`.
    pub fn answered(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        let labels = RequestLabels {
            route: route.to_owned(),
            method: known(method),
            status: class(status),
        };
        self.requests.get_or_create(&labels).inc();
        let label = RouteLabel {
            route: labels.route,
        };
        self.latency
            .get_or_create(&label)
            .observe(took.as_secs_f64());
    }

    /// Sets the number of open WebSockets in the given state.
    pub fn sockets(&self, state: SocketState, open: usize) {
        let open = i64::try_from(open).unwrap_or(i64::MAX);
        self.sockets.get_or_create(&SocketLabel { state }).set(open);
    }

    /// Adds `sockets`, the number of WebSockets to which a notice was delivered, to the counter of deliveries.
    pub fn notices_delivered(&self, sockets: usize) {
        self.delivered
            .inc_by(u64::try_from(sockets).unwrap_or_default());
    }

    /// Adds `count` failed deliveries to the counter of dropped notices.
    pub fn notices_dropped(&self, reason: Dropped, count: usize) {
        self.dropped
            .get_or_create(&DroppedLabel { reason })
            .inc_by(u64::try_from(count).unwrap_or_default());
    }

    pub fn login_failed(&self) {
        self.logins_failed.inc();
    }

    /// Counts a request that a lead vendor sent to the webhook.
    pub fn lead_received(&self, result: LeadResult) {
        self.leads.get_or_create(&LeadLabel { result }).inc();
    }

    /// Sets the MongoDB gauge to `mongo_reachable` and returns all metrics in the OpenMetrics text format.
    ///
    /// # Errors
    /// None in practice, because writing to a string cannot fail.
    pub fn render(&self, mongo_reachable: bool) -> Result<String, std::fmt::Error> {
        self.mongo.set(mongo_reachable.into());
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

/// Returns the HTTP method as a label value. Methods that are not in the list below become `other`, because clients can
/// send arbitrary method names.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Returns the class of a status code as a label value, such as `2xx`.
fn class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_shown() {
        let metrics = Metrics::default();
        let took = Duration::from_millis(20);
        metrics.answered("/api/leads/{id}", &Method::GET, StatusCode::OK, took);
        metrics.answered("/api/leads/{id}", &Method::GET, StatusCode::OK, took);
        let odd = Method::from_bytes(b"ANNLEE").unwrap();
        metrics.answered("(page)", &odd, StatusCode::METHOD_NOT_ALLOWED, took);
        metrics.sockets(SocketState::Authenticated, 3);
        metrics.sockets(SocketState::Authenticated, 2);
        metrics.notices_delivered(4);
        metrics.notices_dropped(Dropped::SlowSocket, 1);
        metrics.login_failed();
        metrics.lead_received(LeadResult::Created);
        let text = metrics.render(true).unwrap();
        for line in [
            r#"dialer_requests_total{route="/api/leads/{id}",method="GET",status="2xx"} 2"#,
            r#"dialer_requests_total{route="(page)",method="other",status="4xx"} 1"#,
            r#"dialer_request_duration_seconds_bucket{le="0.025",route="/api/leads/{id}"} 2"#,
            r#"dialer_sockets{state="Authenticated"} 2"#,
            "dialer_notices_delivered_total 4",
            r#"dialer_notices_dropped_total{reason="SlowSocket"} 1"#,
            "dialer_logins_failed_total 1",
            r#"dialer_leads_received_total{result="Created"} 1"#,
            "dialer_mongo_reachable 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        assert!(!text.contains("ANNLEE"));
        assert!(metrics.render(false).unwrap().contains("mongo_reachable 0"));
    }
}
