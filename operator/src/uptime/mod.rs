//! Availability probes of the environments' sites. They run independently of reconciles, which set the targets and read
//! the resulting [`ProbeSummary`].
//!
//! `prober` runs one probe loop per environment, and `probe` sends a single request. The other modules do no I/O:
//! `window` stores the most recent results in bounded memory, `soak` counts the time for which a release served well,
//! and `bake` judges a new release. `interval` and `summary` contain constants and types that they share.
//!
//! Probes are sent from inside the cluster to the Service, so they do not cover ingress and DNS.

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

/// Target of the probes of one environment. Reconciles keep it up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Namespace of the environment.
    pub namespace: String,
    /// Name of the environment.
    pub name: String,
    /// UID of the environment. If it changes, all results are dropped, because they belong to a deleted environment of
    /// the same name.
    pub uid: String,
    /// IP address of the Service. Probes need no DNS lookup, so a DNS failure does not affect the result.
    pub address: IpAddr,
    /// Port of the Service.
    pub port: u16,
    /// Path of the probe request: the application's health path.
    pub path: String,
    /// Value of the Host header: the environment's domain.
    pub host: String,
    /// Number of the only release that can respond: the release of all ready pods that are not terminating or, if
    /// there are none, of all pods. `None` if there are no such pods, or if they do not all belong to one release.
    pub release: Option<i64>,
    /// True if as many pods as are wanted are where they can serve. While it is false, for example because a pod was
    /// evicted or its node is lost, failed probes are not counted against the release.
    pub all_in_place: bool,
    /// True if a release is in its bake. The probes then use [`BAKE_INTERVAL`].
    pub baking: bool,
    /// Length of the most recent period over which [`ProbeSummary::latency`] is computed.
    pub latency_over: SignedDuration,
}

/// Availability probes of environments. If the verdict on an environment changes, a reconcile of the environment is
/// requested.
pub trait Probes: Send + Sync {
    /// Starts probing an environment, or updates its target.
    fn watch(&self, target: Target);
    /// Stops probing an environment and drops its results.
    fn forget(&self, namespace: &str, name: &str);
    /// Stops probing all environments and drops their results. It is called when this replica stops leading.
    fn forget_all(&self);
    /// Returns the probe results of an environment at `now`; `None` if it is not probed.
    fn summary(&self, namespace: &str, name: &str, now: Timestamp) -> Option<ProbeSummary>;
}
