//! Probe results in the form in which reconciles read them.

use jiff::Timestamp;
use serde::Serialize;

use super::interval::max_gap;

/// Result of one probe of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ProbeOutcome {
    /// The site responded with a status from 200 to 399.
    Good {
        /// Time from connecting to the end of the response, in milliseconds.
        latency_ms: u32,
    },
    /// The probe failed, and the site is at fault.
    Bad(SiteFault),
    /// The probe allows no conclusion about the site.
    Unknown(UnknownCause),
}

/// Fault of the site that made a probe fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SiteFault {
    /// The connection was refused, or reset before it was established.
    Refused,
    /// The site did not respond within 2 s, or its host could not be reached.
    Timeout,
    /// The status of the response is below 200 or at least 400. The kubelet's probes reject these statuses too.
    Status(u16),
    /// The response is not valid HTTP, or the connection broke.
    Protocol,
}

impl std::fmt::Display for SiteFault {
    /// Writes the fault as the predicate of a sentence whose subject is "the site".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused => f.write_str("refuses connections"),
            Self::Timeout => f.write_str("does not answer within 2 s"),
            Self::Status(status) => write!(f, "answers with status {status}"),
            Self::Protocol => f.write_str("breaks off or does not answer in HTTP"),
        }
    }
}

/// Reason why a probe allows no conclusion about the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum UnknownCause {
    /// No probe has finished recently. Or all probes so far have failed, but they are too few to confirm a failure.
    Starting,
    /// The connection to the Service timed out or its host was unreachable, and no earlier probe reached it. The site
    /// may be down, or a network policy may block the connection.
    NotReached,
    /// The probe got no response, and the operator cannot reach the API server either.
    OwnNetwork,
    /// The operator cannot open network connections.
    OwnSockets,
    /// The operator's process was suspended or got no CPU time during the probe.
    Stalled,
    /// The Service has an IP address to which the operator never connects.
    Address,
}

impl std::fmt::Display for UnknownCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Starting => "too few probes have ended recently to tell",
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

/// Verdict on a site from its most recent probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ProbeVerdict {
    /// The site responds. Fewer than three successive failed probes do not change this verdict.
    Answering,
    /// At least three successive probes failed, which confirms a failure. Two successive good probes end it.
    Failing(Failing),
    /// The current state of the site is unknown. Contains the cause.
    Unmeasured(UnknownCause),
}

/// Failure of a site that several successive probes confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// Time of the first failed probe.
    pub since: Timestamp,
    /// Fault found by the first failed probe.
    pub bad: SiteFault,
    /// Number of the release to blame: the only release that could respond to the last three or more successive failed
    /// probes. `None` if there is no such release.
    pub release: Option<i64>,
}

/// Period of measured time. Within it, successive probes are at most two intervals (4 s) apart, and the time between
/// them is all of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Time of the first probe of the span.
    pub from: Timestamp,
    /// Time of the last probe of the span.
    pub to: Timestamp,
    /// Number of the only release that could respond during the span.
    pub release: i64,
    /// Kind of the time in the span.
    pub kind: SpanKind,
}

/// Kind of the time between two successive probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SpanKind {
    /// Both probes succeeded. The time counts towards the soak.
    Good,
    /// The second probe failed. The time counts as failed.
    Bad,
    /// The first probe failed and the second succeeded. The time counts neither towards the soak nor as failed.
    Recovering,
}

/// Response latency of a site, measured by probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// 95th percentile of the latency in milliseconds. A timeout counts as 2,000 ms.
    pub p95_ms: u32,
    /// 95th percentile of the latency of the probes that got a response, in milliseconds; 0 if there was none.
    pub answered_p95_ms: u32,
    /// Number of probes from which the percentile is computed.
    pub samples: usize,
}

/// Probe results of one environment, as used by reconciles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeSummary {
    /// Time at which probing of the environment began.
    pub began: Timestamp,
    /// Time of the newest probe with a good or bad result; `None` if there was none.
    pub last: Option<Timestamp>,
    /// Verdict on the site from its most recent probes.
    pub verdict: ProbeVerdict,
    /// Number of the only release that can respond; see [`super::Target::release`].
    pub release: Option<i64>,
    /// Measured spans, oldest first. Only the newest 64 are kept.
    pub spans: Vec<Span>,
    /// Latency over the most recent [`super::Target::latency_over`], without probes from before the last change of
    /// `release`. `None` if there are no samples.
    pub latency: Option<Latency>,
}

impl ProbeSummary {
    /// Returns the end of the period whose measured and unmeasured time is final. This is the time of the last result
    /// if it is recent, because the next probe may still count the time since then as measured. Otherwise it is `now`,
    /// because the time since the last result then counts as unmeasured.
    pub fn measured_until(&self, now: Timestamp) -> Timestamp {
        self.last
            .filter(|last| now.duration_since(*last) <= max_gap())
            .map_or(now, |last| last.min(now))
    }
}
