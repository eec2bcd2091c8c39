//! Probes of sites. They run independently of reconciles, which only read their [`ProbeSummary`].
//!
//! `prober` runs one probe loop per environment, and `probe` sends one request. Everything else is pure: `window`
//! stores the last results in bounded memory, `soak` counts good time, and `bake` judges a new release. Probes go from
//! inside the cluster to the Service, so ingress and DNS are not measured.

pub mod bake;
pub mod interval;
pub mod probe;
pub mod prober;
pub mod soak;
pub mod summary;
pub mod window;

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

pub use interval::{BAKE_INTERVAL, INTERVAL};
pub use summary::{
    Failing, Latency, ProbeOutcome, ProbeSummary, ProbeVerdict, SiteFault, Span, SpanKind,
    UnknownCause,
};

/// What to probe. Every reconcile sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Namespace of the environment.
    pub namespace: String,
    /// Name of the environment.
    pub name: String,
    /// UID of the environment: measurements of an earlier environment with the same name do not count.
    pub uid: String,
    /// IP address of the Service. Probes need no DNS lookup, so a DNS failure does not affect the result.
    pub address: IpAddr,
    /// Port of the Service.
    pub port: u16,
    /// Health path of the application.
    pub path: String,
    /// Value of the Host header: the environment's domain.
    pub host: String,
    /// The only release that can answer: that of all ready pods or, if no pod is ready, of all pods. `None` if it is
    /// not a single release.
    pub release: Option<i64>,
    /// Whether a release is in its bake; probes then use [`BAKE_INTERVAL`].
    pub baking: bool,
    /// Time over which [`ProbeSummary::latency`] is computed.
    pub latency_over: SignedDuration,
}

/// Probes environments. When the verdict on an environment changes, its reconcile is requested.
pub trait Probes: Send + Sync {
    /// Starts to probe an environment, or replaces its target.
    fn watch(&self, target: Target);
    /// Stops probing an environment and drops its results.
    fn forget(&self, namespace: &str, name: &str);
    /// Stops probing all environments and drops the results, because another replica leads now.
    fn forget_all(&self);
    /// Results of an environment; `None` if it is not probed.
    fn summary(&self, namespace: &str, name: &str, now: Timestamp) -> Option<ProbeSummary>;
}
