//! Whether sites answer, measured beside reconciling and met there only as a [`ProbeSummary`].
//!
//! `prober` asks (I/O, one loop an environment), `window` keeps the last results in a fixed size, `soak` and `bake`
//! judge them; all but `probe` and `prober` is pure. Asked is the Service from inside the cluster: what the edge and
//! DNS make of it is not measured here.

pub mod bake;
pub mod probe;
pub mod prober;
pub mod soak;
pub mod summary;
pub mod window;

use std::net::IpAddr;

use futures::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};

pub use summary::{Bad, Failing, Latency, Outcome, ProbeSummary, Span, SpanKind, Verdict, Why};

/// Time between two probes of one environment.
pub const INTERVAL: SignedDuration = SignedDuration::from_secs(2);

/// The same during a bake: half a minute of it must hold twenty samples ([`bake::LEAST_SAMPLES`]).
pub const BRISK_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

/// What is probed. The reconcile says it anew each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Namespace of the environment.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID: what was measured for an earlier one of this name says nothing about it.
    pub uid: String,
    /// The Service's address: dialling it asks no DNS, so a fault of DNS is no result.
    pub address: IpAddr,
    /// The Service's port.
    pub port: u16,
    /// The health path.
    pub path: String,
    /// Host header: the domain.
    pub host: String,
    /// The one release that can have answered: no pod of another is ready.
    pub release: Option<i64>,
    /// Probe at [`BRISK_INTERVAL`].
    pub brisk: bool,
    /// Span of [`ProbeSummary::latency`].
    pub latency_over: SignedDuration,
}

/// Measures environments.
pub trait Probes: Send + Sync {
    /// From now on the environment is probed so.
    fn watch(&self, target: Target);
    /// The environment is no longer probed, and what was measured is dropped.
    fn forget(&self, namespace: &str, name: &str);
    /// Nothing is probed any more: another replica leads, and under it releases come and go that this one does not
    /// hear of.
    fn forget_all(&self);
    /// What is known of an environment; `None` where it is not probed.
    fn summary(&self, namespace: &str, name: &str, now: Timestamp) -> Option<ProbeSummary>;
    /// Names of a namespace's environments whose verdict has changed, as it does.
    fn changes(&self, namespace: &str) -> BoxStream<'static, String>;
}
