//! Results of probes as reconciles read them. Plain data.

use jiff::Timestamp;
use serde::Serialize;

use super::interval::max_gap;

/// Result of one probe of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ProbeOutcome {
    /// The site answered with a healthy status.
    Good {
        /// Time from connecting to the end of the response, in milliseconds.
        latency_ms: u32,
    },
    /// The site is at fault.
    Bad(SiteFault),
    /// The probe says nothing about the site.
    Unknown(UnknownCause),
}

/// Why a probe counts against the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SiteFault {
    /// Nothing listens, or the connection was reset at once.
    Refused,
    /// No response within 2 s.
    Timeout,
    /// The status is below 200 or at least 400, which the kubelet's probes do not accept either.
    Status(u16),
    /// The response is not HTTP, or the connection broke.
    Protocol,
}

impl std::fmt::Display for SiteFault {
    /// Written as the rest of a sentence that begins with "the site".
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
    /// No connection to this Service has ever succeeded. A network policy that forbids it looks the same as a site that
    /// is down.
    NotReached,
    /// The probe got no response, and the API server cannot be reached either.
    OwnNetwork,
    /// The operator cannot open connections.
    OwnSockets,
    /// The operator's process was not running for part of the probe.
    Stalled,
    /// The Service has an address that the operator never connects to.
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
    /// The site answers. A single failed probe does not change this verdict.
    Answering,
    /// Several failed probes in a row have confirmed a failure.
    Failing(Failing),
    /// Nothing is known about the site; with the cause.
    Unmeasured(UnknownCause),
}

/// A failure that several probes confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// Time of the first of the failed probes.
    pub since: Timestamp,
    /// How the first failed probe failed.
    pub bad: SiteFault,
    /// The release to blame: the only one that could serve during the failed probes that confirm the failure. `None` if
    /// it is unknown.
    pub release: Option<i64>,
}

/// Measured time: successive probes of one kind, each at most two intervals after the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Time of the first probe of the span.
    pub from: Timestamp,
    /// Time of the last probe of the span.
    pub to: Timestamp,
    /// The only release that could answer during the span.
    pub release: i64,
    /// What the probes of the span showed.
    pub kind: SpanKind,
}

/// Kind of the time between two successive probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SpanKind {
    /// Both probes were good: the time counts towards the soak.
    Good,
    /// The second probe failed: the time counts as failed.
    Bad,
    /// The first probe failed and the second was good: the time counts neither towards the soak nor as failed.
    Recovering,
}

/// Latency of the probes of the serving release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// 95th percentile in milliseconds. A timeout counts as 2,000 ms.
    pub p95_ms: u32,
    /// Number of probes that the percentile is computed from.
    pub samples: usize,
}

/// All probe results of one environment that reconciles use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeSummary {
    /// When probing of the environment began.
    pub began: Timestamp,
    /// Time of the newest probe that was good or bad.
    pub last: Option<Timestamp>,
    /// Verdict of the last probes.
    pub verdict: ProbeVerdict,
    /// The only release that can answer; see [`super::Target::release`].
    pub release: Option<i64>,
    /// Measured spans, oldest first; only the newest 64 are stored.
    pub spans: Vec<Span>,
    /// Latency of `release` over [`super::Target::latency_over`]; `None` without samples.
    pub latency: Option<Latency>,
}

impl ProbeSummary {
    /// End of the time that is known to be measured or unmeasured: the last result if it is recent. Otherwise it is
    /// `now`, because the time since the last result is then unmeasured.
    pub fn measured_until(&self, now: Timestamp) -> Timestamp {
        self.last
            .filter(|last| now.duration_since(*last) <= max_gap())
            .map_or(now, |last| last.min(now))
    }
}
