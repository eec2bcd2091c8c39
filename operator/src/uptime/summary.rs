//! Results of probes as reconciles read them. Plain data.

use jiff::Timestamp;
use serde::Serialize;

use super::interval::max_gap;

/// Result of one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ProbeOutcome {
    /// The site answered well.
    Good {
        /// Time from the first packet to the end of the response.
        latency_ms: u32,
    },
    /// The site failed.
    Bad(SiteFault),
    /// Nothing is known about the site.
    Unknown(UnknownCause),
}

/// How a site fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SiteFault {
    /// Nothing listens, or the connection was reset before it was used.
    Refused,
    /// No response in time.
    Timeout,
    /// A status that is not healthy for the kubelet either (below 200, or 400 and above).
    Status(u16),
    /// Not HTTP, or a broken connection.
    Protocol,
}

impl std::fmt::Display for SiteFault {
    /// Continues a sentence that begins with the site.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused => f.write_str("refuses connections"),
            Self::Timeout => f.write_str("does not answer within 2 s"),
            Self::Status(status) => write!(f, "answers with status {status}"),
            Self::Protocol => f.write_str("breaks off or does not answer in HTTP"),
        }
    }
}

/// Why a probe says nothing about the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum UnknownCause {
    /// No probe has finished yet.
    Starting,
    /// No connection to this Service ever succeeded: a network policy looks the same as a site that is down.
    NotReached,
    /// The API server cannot be reached either.
    OwnNetwork,
    /// The operator's own sockets fail.
    OwnSockets,
    /// The operator's process was not running for a while.
    Stalled,
    /// An address that the operator never connects to.
    Address,
}

impl std::fmt::Display for UnknownCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Starting => "no probe has ended yet",
            Self::NotReached => {
                "no connection from the operator to the Service has succeeded yet; a NetworkPolicy may forbid it"
            }
            Self::OwnNetwork => "the operator does not reach the API server either",
            Self::OwnSockets => "the operator cannot open connections",
            Self::Stalled => "the operator's process gets no time to run",
            Self::Address => "the Service's address is one that the operator never dials",
        })
    }
}

/// Verdict of the last probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ProbeVerdict {
    /// The site answers. A single failed probe does not change that.
    Answering,
    /// A confirmed failure.
    Failing(Failing),
    /// Unknown; why.
    Unmeasured(UnknownCause),
}

/// A confirmed failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// Time of the first failed probe.
    pub since: Timestamp,
    /// How that probe failed.
    pub bad: SiteFault,
    /// The release to blame: the only one with pods during as many failed probes as confirm a failure.
    pub release: Option<i64>,
}

/// Consecutive probes that are close enough together to count for the time between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Time of the first probe.
    pub from: Timestamp,
    /// Time of the last probe.
    pub to: Timestamp,
    /// The only release that was ready throughout.
    pub release: i64,
    /// What the probes showed.
    pub kind: SpanKind,
}

/// Kind of the time between two probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SpanKind {
    /// Both were good: it counts towards the soak.
    Good,
    /// The second one failed.
    Bad,
    /// The first one failed and the second was good: it counts neither as soak nor as failure.
    Recovering,
}

/// Latency of the serving release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// 95th percentile in milliseconds. A timeout counts as two seconds.
    pub p95_ms: u32,
    /// Number of probes.
    pub samples: usize,
}

/// Everything known about one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeSummary {
    /// When probing began.
    pub began: Timestamp,
    /// Time of the newest probe that was good or bad.
    pub last: Option<Timestamp>,
    /// Verdict of the last probes.
    pub verdict: ProbeVerdict,
    /// The only release that is ready.
    pub release: Option<i64>,
    /// Measured spans, oldest first, as far as the ring buffer holds them.
    pub spans: Vec<Span>,
    /// Latency of `release` over [`super::Target::latency_over`]; `None` without a sample.
    pub latency: Option<Latency>,
}

impl ProbeSummary {
    /// Time up to which the site was measured: the last result where it is recent, else `now`, as nothing is known about
    /// the time since.
    pub fn measured_until(&self, now: Timestamp) -> Timestamp {
        self.last
            .filter(|last| now.duration_since(*last) <= max_gap())
            .map_or(now, |last| last.min(now))
    }
}
