//! Prometheus metrics of the operator.
//!
//! Label values are defined by the enums in this module, except the version of the operator. Object names and error
//! messages are never used as labels, so the number of time series is bounded. Metric names begin with `crokodial_`,
//! except that of the process's memory.

mod memory;

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use self::memory::ResidentMemory;
use crate::uptime::{ProbeOutcome, SiteFault};

/// Content-Type of the text that [`Metrics::render`] returns.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the histogram of reconcile durations, in seconds. A reconcile without changes takes milliseconds.
const DURATION_BUCKETS: [f64; 9] = [0.005, 0.02, 0.05, 0.1, 0.25, 1.0, 2.5, 5.0, 10.0];

/// Upper bounds of the histogram of probe latencies, in seconds. Only good probes are recorded, and a probe times out
/// after 2 s.
const LATENCY_BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0];

/// Kind of custom resource, as the value of the label `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Reconciled {
    /// Environment of the application, which users write.
    CrokodialEnvironment,
    /// Record of one release, which the operator writes.
    CrokodialRelease,
}

/// Class of the error with which a reconcile failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum FailureClass {
    /// Transient failure, which a retry may resolve.
    Retry,
    /// Failure that persists until the user changes something.
    Invalid,
    /// The reconcile did not finish before its deadline.
    Deadline,
    /// The reconcile panicked because of an error in the operator.
    Panic,
}

/// Type of write request to the Kubernetes API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Verb {
    /// POST that creates an object.
    Create,
    /// Server-side apply of an object.
    Apply,
    /// PATCH of any other type than server-side apply.
    Patch,
    /// PUT that replaces an object.
    Replace,
    /// Write to the status subresource, with any HTTP method.
    Status,
    /// DELETE of an object.
    Delete,
}

/// Kind of an object that the operator writes, as the value of the label `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(missing_docs)] // Kubernetes' own names.
pub enum WrittenKind {
    ConfigMap,
    CrokodialEnvironment,
    CrokodialRelease,
    Deployment,
    Ingress,
    Job,
    Lease,
    NetworkPolicy,
    PodDisruptionBudget,
    Secret,
    Service,
    ServiceAccount,
}

/// Final outcome of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ReleaseOutcome {
    /// The release passed its bake.
    Good,
    /// The release failed before all pods ran it.
    Rejected,
    /// The release failed during its bake.
    RolledBack,
    /// A newer spec or a pin superseded the release.
    Superseded,
}

/// Outcome of resolving an image at its registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ImageOutcome {
    /// The registry returned a digest.
    Resolved,
    /// The registry has no such repository or tag.
    NotFound,
    /// The registry denied access with the given credentials, or without credentials.
    Unauthorized,
    /// The registry could not be reached, or its response was unusable.
    Unreachable,
}

/// Result of one probe of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ProbeResult {
    /// The site responded with a status from 200 to 399.
    Good,
    /// The site refused the TCP connection.
    Refused,
    /// The site did not respond before the timeout, or its host could not be reached.
    Timeout,
    /// The site responded with a status below 200, or of at least 400.
    Status,
    /// The connection broke, or the response is not valid HTTP.
    Protocol,
    /// The probe could not determine the state of the site.
    Unknown,
}

impl From<ProbeOutcome> for ProbeResult {
    fn from(outcome: ProbeOutcome) -> Self {
        match outcome {
            ProbeOutcome::Good { .. } => Self::Good,
            ProbeOutcome::Bad(SiteFault::Refused) => Self::Refused,
            ProbeOutcome::Bad(SiteFault::Timeout) => Self::Timeout,
            ProbeOutcome::Bad(SiteFault::Status(_)) => Self::Status,
            ProbeOutcome::Bad(SiteFault::Protocol) => Self::Protocol,
            ProbeOutcome::Unknown(_) => Self::Unknown,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: Reconciled,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    kind: Reconciled,
    class: FailureClass,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriteLabels {
    verb: Verb,
    kind: WrittenKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReleaseLabel {
    outcome: ReleaseOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ImageLabel {
    outcome: ImageOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProbeLabel {
    result: ProbeResult,
}

/// All metrics of the process. Clones share the same values.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    reconciles: Family<KindLabel, Counter>,
    failures: Family<FailureLabels, Counter>,
    durations: Family<KindLabel, Histogram, fn() -> Histogram>,
    writes: Family<WriteLabels, Counter>,
    undecodable: Family<KindLabel, Counter>,
    releases: Family<ReleaseLabel, Counter>,
    images: Family<ImageLabel, Counter>,
    probes: Family<ProbeLabel, Counter>,
    probe_latencies: Histogram,
    leader: Gauge,
    missing: Gauge,
    terms: Counter,
}

/// Registers metrics in a registry and returns them.
struct Registering<'a>(&'a mut Registry);

impl Registering<'_> {
    fn add<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        let metric = M::default();
        self.0.register(name, help, metric.clone());
        metric
    }

    fn seconds<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0
            .register_with_unit(name, help, Unit::Seconds, metric.clone());
        metric
    }
}

impl Metrics {
    /// Creates all metrics, including a build info metric with the version of the operator.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ResidentMemory));
        let durations: Family<KindLabel, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS));
        let latencies = Histogram::new(LATENCY_BUCKETS);
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);

        let ours = registry.sub_registry_with_prefix("crokodial");
        ours.register("build", "Version of this operator", version);
        let mut ours = Registering(ours);
        let inner = Inner {
            reconciles: ours.add("reconciles", "Reconciles that ended, failed ones included"),
            failures: ours.add("reconcile_failures", "Reconciles that failed, by class"),
            durations: ours.seconds("reconcile_duration", "Duration of a reconcile", durations),
            writes: ours.add("api_writes", "Writes sent to the Kubernetes API"),
            undecodable: ours.add(
                "undecodable_objects",
                "Objects that did not decode and were left alone",
            ),
            releases: ours.add("releases", "Releases that reached a final phase"),
            images: ours.add("image_resolutions", "Tags looked up at a registry"),
            probes: ours.add("probes", "Probes of sites through their Services"),
            probe_latencies: ours.seconds(
                "probe_latency",
                "Time of a good probe to the end of the answer",
                latencies,
            ),
            leader: ours.add("leader", "1 while this replica leads"),
            missing: ours.add(
                "missing_requirements",
                "CRDs, rights and other requirements that /readyz names as missing",
            ),
            terms: ours.add(
                "leader_transitions",
                "Times that this replica began to lead",
            ),
            registry,
        };
        Self(Arc::new(inner))
    }

    /// Starts measuring a reconcile. When the returned timer is dropped, the reconcile and its duration are recorded,
    /// so every way of exiting is measured.
    pub fn start_reconcile(&self, kind: Reconciled) -> ReconcileTimer {
        ReconcileTimer {
            metrics: self.clone(),
            kind,
            started: Instant::now(),
        }
    }

    /// Counts a failed reconcile.
    pub fn reconcile_failed(&self, kind: Reconciled, class: FailureClass) {
        self.0
            .failures
            .get_or_create(&FailureLabels { kind, class })
            .inc();
    }

    /// Counts a write request to the Kubernetes API, regardless of its outcome.
    pub fn api_write(&self, verb: Verb, kind: WrittenKind) {
        self.0
            .writes
            .get_or_create(&WriteLabels { verb, kind })
            .inc();
    }

    /// Counts an object of this kind that could not be deserialized.
    pub fn undecodable(&self, kind: Reconciled) {
        self.0.undecodable.get_or_create(&KindLabel { kind }).inc();
    }

    /// Counts a release that reached a final phase.
    pub fn release_ended(&self, outcome: ReleaseOutcome) {
        self.0
            .releases
            .get_or_create(&ReleaseLabel { outcome })
            .inc();
    }

    /// Counts an image lookup by its outcome.
    pub fn image_resolved(&self, outcome: ImageOutcome) {
        self.0.images.get_or_create(&ImageLabel { outcome }).inc();
    }

    /// Counts a probe by its result. Records the latency too if the probe was good.
    pub fn probed(&self, outcome: ProbeOutcome) {
        let result = outcome.into();
        self.0.probes.get_or_create(&ProbeLabel { result }).inc();
        if let ProbeOutcome::Good { latency_ms } = outcome {
            self.0.probe_latencies.observe(f64::from(latency_ms) / 1e3);
        }
    }

    /// Sets the metric that shows whether this replica is the leader. Each call with `true` counts as the start of a
    /// new term.
    pub fn leads(&self, leads: bool) {
        if leads {
            self.0.terms.inc();
        }
        self.0.leader.set(leads.into());
    }

    /// Sets the number of requirements that are missing.
    pub fn missing_requirements(&self, number: usize) {
        self.0
            .missing
            .set(i64::try_from(number).unwrap_or(i64::MAX));
    }

    /// Returns all metrics in the OpenMetrics text format ([`OPENMETRICS`]).
    ///
    /// # Errors
    /// Never fails in practice, because formatting into a `String` cannot fail.
    pub fn render(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.0.registry)?;
        Ok(out)
    }

    fn reconcile_ended(&self, kind: Reconciled, took: Duration) {
        let label = KindLabel { kind };
        self.0
            .durations
            .get_or_create(&label)
            .observe(took.as_secs_f64());
        self.0.reconciles.get_or_create(&label).inc();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Timer of one reconcile, which ends when it is dropped; see [`Metrics::start_reconcile`].
#[derive(Debug)]
#[must_use = "the duration is counted when this is dropped"]
pub struct ReconcileTimer {
    metrics: Metrics,
    kind: Reconciled,
    started: Instant,
}

impl Drop for ReconcileTimer {
    fn drop(&mut self) {
        self.metrics
            .reconcile_ended(self.kind, self.started.elapsed());
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
