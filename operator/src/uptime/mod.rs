//! Probes of sites, independent of reconciles, which only read a [`ProbeSummary`].
//!
//! `prober` probes (I/O, one loop per environment), `window` keeps the last results in a fixed size, `soak` and `bake`
//! judge them; everything except `probe` and `prober` is pure. Probes go to the Service from inside the cluster: the
//! edge and DNS are not measured here.

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

/// What is probed. Every reconcile sets it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Namespace of the environment.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID: measurements of an earlier environment of this name do not count.
    pub uid: String,
    /// The Service's address, so that no DNS lookup is needed, and a fault of DNS is not a result.
    pub address: IpAddr,
    /// The Service's port.
    pub port: u16,
    /// The health path.
    pub path: String,
    /// Host header: the domain.
    pub host: String,
    /// The only release that can answer, as no other has a ready pod.
    pub release: Option<i64>,
    /// A release bakes: probe at [`BAKE_INTERVAL`].
    pub baking: bool,
    /// Time span of [`ProbeSummary::latency`].
    pub latency_over: SignedDuration,
}

/// Probes environments, and requests a reconcile of one whose verdict has changed.
pub trait Probes: Send + Sync {
    /// Starts to probe an environment, or changes how it is probed.
    fn watch(&self, target: Target);
    /// Stops probing an environment and drops its results.
    fn forget(&self, namespace: &str, name: &str);
    /// Stops probing all environments: another replica leads now, and which release answers is no longer known here.
    fn forget_all(&self);
    /// What is known about an environment; `None` where it is not probed.
    fn summary(&self, namespace: &str, name: &str, now: Timestamp) -> Option<ProbeSummary>;
}
