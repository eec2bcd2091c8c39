//! What the operator counts, in a registry that `main` owns.
//!
//! Label values come from the enums of this file alone, never from object names, messages or `Debug` output: the
//! number of series is fixed by the code. Every name starts with `crokodial_` but for the process's own.

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
use crate::uptime::{Bad, Outcome};

/// Media type of [`Metrics::render`].
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds of a reconcile's duration: a no-op takes milliseconds, a registry up to 10 s.
const DURATION_BUCKETS: [f64; 9] = [0.005, 0.02, 0.05, 0.1, 0.25, 1.0, 2.5, 5.0, 10.0];

/// Upper bounds in seconds of a good probe's latency; a probe has two seconds.
const LATENCY_BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0];

/// Kinds that are reconciled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Reconciled {
    /// The user's resource.
    CrokodialEnvironment,
    /// The record of a release.
    CrokodialRelease,
}

/// Why a reconcile failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum FailureClass {
    /// Trying again may help.
    Retry,
    /// Only a person's edit helps.
    Invalid,
    /// The reconcile was not over within its deadline.
    Deadline,
}

/// What was done at the API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Verb {
    /// POST.
    Create,
    /// Server-side apply.
    Apply,
    /// Any other PATCH.
    Patch,
    /// PUT.
    Replace,
    /// A write to the status subresource.
    Status,
    /// DELETE.
    Delete,
}

/// Kinds that the operator writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(missing_docs)] // Kubernetes' own names.
pub enum Written {
    ConfigMap,
    CrokodialEnvironment,
    CrokodialRelease,
    Deployment,
    Event,
    Ingress,
    Job,
    Lease,
    NetworkPolicy,
    PodDisruptionBudget,
    Secret,
    Service,
    ServiceAccount,
}

/// How a release ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ReleaseOutcome {
    /// It baked and is good.
    Good,
    /// It never fully rolled out.
    Rejected,
    /// It failed after it had rolled out.
    RolledBack,
    /// A newer spec replaced it.
    Superseded,
}

/// How an image look-up ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ImageOutcome {
    /// The digest is known.
    Resolved,
    /// The registry has no such image.
    NotFound,
    /// The registry wants other credentials.
    Unauthorized,
    /// The registry gave no usable answer.
    Unreachable,
}

/// How a probe of a site ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ProbeResult {
    /// The site answered well.
    Good,
    /// It refused the connection.
    Refused,
    /// It did not answer in time.
    Timeout,
    /// It answered with an error.
    Status,
    /// It broke off, or what it answered is no HTTP.
    Protocol,
    /// Nothing was learnt about the site.
    Unknown,
}

impl From<Outcome> for ProbeResult {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Good { .. } => Self::Good,
            Outcome::Bad(Bad::Refused) => Self::Refused,
            Outcome::Bad(Bad::Timeout) => Self::Timeout,
            Outcome::Bad(Bad::Status(_)) => Self::Status,
            Outcome::Bad(Bad::Protocol) => Self::Protocol,
            Outcome::Unknown(_) => Self::Unknown,
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
    kind: Written,
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

/// All metrics of one process. Cloning shares them.
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
    terms: Counter,
}

/// Registers each metric as it is made.
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
    /// A fresh registry, with the version of this build.
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
            terms: ours.add(
                "leader_transitions",
                "Times that this replica began to lead",
            ),
            registry,
        };
        Self(Arc::new(inner))
    }

    /// Starts the clock of one reconcile. The run and its duration are counted when the timer is dropped, so that
    /// every way out is measured.
    pub fn start_reconcile(&self, kind: Reconciled) -> ReconcileTimer {
        ReconcileTimer {
            metrics: self.clone(),
            kind,
            started: Instant::now(),
        }
    }

    /// Counts a reconcile that failed.
    pub fn reconcile_failed(&self, kind: Reconciled, class: FailureClass) {
        self.0
            .failures
            .get_or_create(&FailureLabels { kind, class })
            .inc();
    }

    /// Counts a write sent to the API server, whatever became of it.
    pub fn api_write(&self, verb: Verb, kind: Written) {
        self.0
            .writes
            .get_or_create(&WriteLabels { verb, kind })
            .inc();
    }

    /// Counts an object that did not decode.
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

    /// Counts an image look-up.
    pub fn image_resolved(&self, outcome: ImageOutcome) {
        self.0.images.get_or_create(&ImageLabel { outcome }).inc();
    }

    /// Counts a probe, and the latency of a good one.
    pub fn probed(&self, outcome: Outcome) {
        let result = outcome.into();
        self.0.probes.get_or_create(&ProbeLabel { result }).inc();
        if let Outcome::Good { latency_ms } = outcome {
            self.0.probe_latencies.observe(f64::from(latency_ms) / 1e3);
        }
    }

    /// This replica leads now, or does not.
    pub fn leads(&self, leads: bool) {
        if leads {
            self.0.terms.inc();
        }
        self.0.leader.set(leads.into());
    }

    /// Everything in the OpenMetrics text format ([`OPENMETRICS`]).
    ///
    /// # Errors
    /// None in practice: formatting into a string cannot fail.
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

/// Measures one reconcile; see [`Metrics::start_reconcile`].
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
