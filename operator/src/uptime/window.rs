//! The last results of one environment in a fixed size. Pure: time is an argument.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use super::summary::{
    Bad, Failing, Latency, Outcome, ProbeSummary, Span, SpanKind, Verdict, Why, reach,
};

/// Failed probes in a row that confirm a failure. One may be a lost packet and two a pod that was just replaced;
/// three are four seconds at least, and still leave most of a minute for putting the last good release back.
pub const CONFIRM: u32 = 3;

/// Good probes in a row that end a confirmed failure, so that a site that answers now and then does not flap.
pub const RECOVER: u32 = 2;

/// Without a good or bad result for this long nothing is known any more: five intervals.
const STALE: SignedDuration = SignedDuration::from_secs(10);

/// Latencies kept: three minutes of brisk probing, the longest span that is asked for.
const MOST_LATENCIES: usize = 180;

/// Spans kept. A steady site is one; one that fails every other probe makes one a probe, and is persisted each
/// minute.
const MOST_SPANS: usize = 64;

/// What a time-out counts as in latencies.
const TIMEOUT_MS: u32 = 2_000;

/// The results of one environment: at most 64 spans of 48 bytes and 180 latencies of 16, so 8 KiB
/// with what rings leave free.
#[derive(Clone, Debug)]
pub struct Window {
    began: Timestamp,
    release: Option<i64>,
    /// What may have answered has changed since the last result.
    broken: bool,
    last: Option<(Timestamp, Known)>,
    known_at: Option<Timestamp>,
    unknown: Option<Why>,
    streak: Streak,
    failing: Option<Failing>,
    /// A probe was good once.
    answered: bool,
    spans: VecDeque<Span>,
    /// Unix milliseconds, latency.
    latencies: VecDeque<(i64, u32)>,
    told: Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Good,
    Bad,
    Not,
}

#[derive(Clone, Copy, Debug, Default)]
struct Streak {
    good: u32,
    bad: u32,
    first_bad: Option<(Timestamp, Bad)>,
    /// Of those, the newest that fell to the release that is there now.
    of_release: u32,
}

/// The part of a verdict whose change is news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Answering,
    Failing(Option<i64>),
    Unmeasured,
}

impl Window {
    /// Nothing measured yet.
    pub fn new(began: Timestamp) -> Self {
        Self {
            began,
            release: None,
            broken: false,
            last: None,
            known_at: None,
            unknown: None,
            streak: Streak::default(),
            failing: None,
            answered: false,
            spans: VecDeque::new(),
            latencies: VecDeque::new(),
            told: Told::Unmeasured,
        }
    }

    /// The one release that can answer from now on.
    pub fn serve(&mut self, release: Option<i64>) {
        if self.release == release {
            return;
        }
        self.release = release;
        self.broken = true;
        self.streak.of_release = 0;
        self.latencies.clear();
    }

    /// True once a probe got through to somebody.
    pub fn reached(&self) -> bool {
        self.known_at.is_some()
    }

    /// Takes in the result of the probe that was sent at `at`. True when the verdict is another than was last told.
    pub fn record(&mut self, at: Timestamp, outcome: Outcome) -> bool {
        let known = match outcome {
            Outcome::Good { latency_ms } => {
                self.good(at, latency_ms);
                Known::Good
            }
            Outcome::Bad(bad) => {
                self.bad(at, bad);
                Known::Bad
            }
            Outcome::Unknown(why) => {
                self.unknown = Some(why);
                Known::Not
            }
        };
        self.span(at, known);
        self.last = Some((at, known));
        self.broken = false;
        let told = told(self.verdict(at));
        std::mem::replace(&mut self.told, told) != told
    }

    fn good(&mut self, at: Timestamp, latency_ms: u32) {
        self.known_at = Some(at);
        self.unknown = None;
        self.answered = true;
        self.streak = Streak {
            good: self.streak.good.saturating_add(1),
            ..Streak::default()
        };
        if self.streak.good >= RECOVER {
            self.failing = None;
        }
        self.latency(at, latency_ms);
    }

    fn bad(&mut self, at: Timestamp, bad: Bad) {
        self.known_at = Some(at);
        self.unknown = None;
        let streak = &mut self.streak;
        streak.good = 0;
        streak.bad = streak.bad.saturating_add(1);
        streak.of_release = streak.of_release.saturating_add(1);
        let (since, bad_first) = *streak.first_bad.get_or_insert((at, bad));
        let blamed = self.release.filter(|_| streak.of_release >= CONFIRM);
        if let Some(failing) = &mut self.failing {
            failing.release = blamed;
        } else if streak.bad >= CONFIRM {
            self.failing = Some(Failing {
                since,
                bad: bad_first,
                release: blamed,
            });
        }
        if bad == Bad::Timeout {
            self.latency(at, TIMEOUT_MS);
        }
    }

    fn latency(&mut self, at: Timestamp, latency_ms: u32) {
        if self.latencies.len() >= MOST_LATENCIES {
            self.latencies.pop_front();
        }
        self.latencies.push_back((at.as_millisecond(), latency_ms));
    }

    /// The time since the last result, if both speak for it.
    fn span(&mut self, at: Timestamp, known: Known) {
        let (Some((from, before)), Some(release)) = (self.last, self.release) else {
            return;
        };
        let kind = match (before, known) {
            (Known::Not, _) | (_, Known::Not) => return,
            (Known::Good, Known::Good) => SpanKind::Good,
            (_, Known::Bad) => SpanKind::Bad,
            (Known::Bad, Known::Good) => SpanKind::Recovering,
        };
        // A clock that was set back measures nothing.
        if self.broken || at <= from || at.duration_since(from) > reach() {
            return;
        }
        if let Some(newest) = self.spans.back_mut()
            && newest.to == from
            && newest.release == release
            && newest.kind == kind
        {
            newest.to = at;
            return;
        }
        if self.spans.len() >= MOST_SPANS {
            self.spans.pop_front();
        }
        self.spans.push_back(Span {
            from,
            to: at,
            release,
            kind,
        });
    }

    /// What the last probes come to at `now`.
    pub fn verdict(&self, now: Timestamp) -> Verdict {
        let fresh = self
            .known_at
            .is_some_and(|at| now.duration_since(at) <= STALE);
        match self.failing {
            _ if !fresh => Verdict::Unmeasured(self.unknown.unwrap_or(Why::Starting)),
            Some(failing) => Verdict::Failing(failing),
            None if self.answered => Verdict::Answering,
            // The first failures of a process that has seen nothing else yet.
            None => Verdict::Unmeasured(Why::Starting),
        }
    }

    /// All of it as a reconcile sees it; `latency_over` is the span of the latency.
    pub fn summary(&self, latency_over: SignedDuration, now: Timestamp) -> ProbeSummary {
        ProbeSummary {
            began: self.began,
            last: self.known_at,
            verdict: self.verdict(now),
            release: self.release,
            spans: self.spans.iter().copied().collect(),
            latency: self.p95(latency_over, now),
        }
    }

    /// The nearest-rank percentile of what was measured in the last `over`.
    fn p95(&self, over: SignedDuration, now: Timestamp) -> Option<Latency> {
        let since = now.saturating_sub(over).unwrap_or(Timestamp::MIN);
        let recent = self
            .latencies
            .iter()
            .filter(|(at, _)| *at > since.as_millisecond());
        let mut sorted: Vec<u32> = recent.map(|(_, ms)| *ms).collect();
        sorted.sort_unstable();
        let samples = sorted.len();
        let rank = samples.saturating_mul(95).div_ceil(100);
        let p95_ms = *sorted.get(rank.checked_sub(1)?)?;
        Some(Latency { p95_ms, samples })
    }
}

fn told(verdict: Verdict) -> Told {
    match verdict {
        Verdict::Answering => Told::Answering,
        Verdict::Failing(failing) => Told::Failing(failing.release),
        Verdict::Unmeasured(_) => Told::Unmeasured,
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
