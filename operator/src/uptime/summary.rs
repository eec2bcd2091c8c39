//! What a reconcile sees of the prober: plain values. The full prober fills in the same.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// One probe's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// Answered well.
    Good {
        /// From the first packet to the end of the answer.
        latency_ms: u32,
    },
    /// The site's fault.
    Bad(Bad),
    /// Nothing was learnt about the site.
    Unknown(Why),
}

/// How a site fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Bad {
    /// Nothing listens, or the connection was cut before it was used.
    Refused,
    /// No answer in time.
    Timeout,
    /// A status that the kubelet would not take for healthy either (below 200, from 400).
    Status(u16),
    /// Not HTTP, or broken off.
    Protocol,
}

impl std::fmt::Display for Bad {
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
pub enum Why {
    /// No probe has ended yet.
    Starting,
    /// No connection to this Service ever succeeded: a network policy looks the same as a site that is down.
    NotReached,
    /// The API server cannot be reached either.
    OwnNetwork,
    /// The operator's own sockets fail.
    OwnSockets,
    /// The operator's process stood still.
    Stalled,
    /// The address is one that the operator never dials.
    Address,
}

impl std::fmt::Display for Why {
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

/// What the last probes come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// The site answers. A single failed probe does not change that.
    Answering,
    /// The failure is confirmed.
    Failing(Failing),
    /// Not known.
    Unmeasured(Why),
}

/// A confirmed failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// The first of the failed probes.
    pub since: Timestamp,
    /// How that one failed.
    pub bad: Bad,
    /// The release whose pods alone were there for as many failed probes as confirm a failure.
    pub release: Option<i64>,
}

/// Probes in a row that lie close enough together to speak for the time between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The first probe.
    pub from: Timestamp,
    /// The last one.
    pub to: Timestamp,
    /// The release that alone was ready all along.
    pub release: i64,
    /// What they showed.
    pub kind: SpanKind,
}

/// What the time between two probes was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SpanKind {
    /// Both were good: it counts for the soak.
    Good,
    /// The second failed.
    Bad,
    /// The first failed, the second was good: neither soak nor failure.
    Recovering,
}

/// Latency of the serving release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// 95 of 100 answers took at most this long. A time-out counts with its two seconds.
    pub p95_ms: u32,
    /// Probes it is made of.
    pub samples: usize,
}

/// All that is known of one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeSummary {
    /// When probing began.
    pub began: Timestamp,
    /// The newest probe that was good or bad.
    pub last: Option<Timestamp>,
    /// What the last probes come to.
    pub verdict: Verdict,
    /// The release that alone is ready.
    pub release: Option<i64>,
    /// What was measured, oldest first; older ones than the ring holds are gone.
    pub spans: Vec<Span>,
    /// Latency of `release` over the span that its target asks for; `None` without a sample.
    pub latency: Option<Latency>,
}

impl ProbeSummary {
    /// The time up to which the site was measured: the last result where it is fresh, else `now`, as nothing says
    /// what happened since.
    pub fn measured_until(&self, now: Timestamp) -> Timestamp {
        self.last
            .filter(|last| now.duration_since(*last) <= reach())
            .map_or(now, |last| last.min(now))
    }
}

/// Two probes further apart than this say nothing about the time between them: two intervals.
pub fn reach() -> SignedDuration {
    super::INTERVAL.saturating_mul(2)
}
