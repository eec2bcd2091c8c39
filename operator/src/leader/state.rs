//! Rules of the election: what a candidate does next, given what it observed and when. Pure; nothing here reads a clock.
//!
//! The rules are those of client-go. Another replica's lease has expired when its record has not changed for its whole
//! duration on *our* clock: the times in it are for people and are never compared. Our own lease counts from the moment
//! before the renewal was *sent*, so it expires for us before it can for anybody else.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Maximum lease duration in seconds that is accepted from a record. Any other value was edited by a person and counts
/// as this one: long enough to be safe, short enough for a takeover.
const MAX_LEASE_SECONDS: i32 = 60;

/// Times that follow from the lease duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Lease duration in whole seconds, as in the record.
    pub seconds: u16,
}

impl Timing {
    /// The lease duration.
    pub fn lease(self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }

    /// Time at the end of the lease in which no write may be made, for clock drift and writes in transit.
    pub fn margin(self) -> Duration {
        self.lease() / 5
    }

    /// Interval of renewals.
    pub fn renew_every(self) -> Duration {
        self.lease() / 3
    }

    /// Timeout of one call about the lease.
    pub fn attempt(self) -> Duration {
        self.lease() / 4
    }

    /// Delay between a failed call and the next one; `jitter` (0 to 1) spreads the candidates.
    pub fn retry(self, jitter: f64) -> Duration {
        (self.lease() / 20).mul_f64(1.0 + jitter.clamp(0.0, 1.0))
    }
}

/// Content of the Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRecord {
    /// Identity of the holder; empty: nobody.
    pub holder: String,
    /// Lease duration in seconds.
    pub seconds: i32,
    /// When the holder acquired it; for people only.
    pub acquired: Timestamp,
    /// When it was last renewed; for people only.
    pub renewed: Timestamp,
    /// Number of changes of the holder.
    pub transitions: i32,
}

impl LeaseRecord {
    fn lease(&self) -> Duration {
        let given = Some(self.seconds).filter(|s| (1..=MAX_LEASE_SECONDS).contains(s));
        Duration::from_secs(given.unwrap_or(MAX_LEASE_SECONDS).unsigned_abs().into())
    }
}

/// The Lease as stored at the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedLease {
    /// Its content.
    pub record: LeaseRecord,
    /// Its resourceVersion.
    pub version: String,
    /// Its UID, which changes when it is deleted and created again.
    pub uid: String,
}

/// Next action of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseAction {
    /// Wait until this time or an event of the watch.
    Wait(Instant),
    /// Read the Lease.
    Read,
    /// Create the Lease; that it exists already is a valid outcome.
    Create(LeaseRecord),
    /// Replace exactly the version that was observed.
    Update(ObservedLease),
}

/// Outcome of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// Applied; the Lease as it is now.
    Done(ObservedLease),
    /// Refused: the Lease differs from the version observed (409, 404).
    Changed,
    /// Unknown whether it was applied.
    Unknown,
}

/// Time in which writes are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its start.
    pub from: Instant,
    /// Its end.
    pub until: Instant,
}

#[derive(Clone, Debug)]
struct Observation {
    found: ObservedLease,
    /// When this version was first observed, on our clock.
    at: Instant,
    /// When it was last read from the API server itself.
    read: Instant,
}

/// A replica that takes part in the election.
#[derive(Clone, Debug)]
pub struct Candidate {
    identity: String,
    timing: Timing,
    seen: Option<Observation>,
    /// The API server was asked, and there is no Lease.
    absent: bool,
    /// What was observed may be outdated, because a write of ours was refused or has no response.
    doubtful: bool,
    grant: Option<Grant>,
    /// Earliest time of a write, where we created the Lease.
    not_before: Option<Instant>,
    renew_at: Option<Instant>,
    retry_at: Option<Instant>,
}

impl Candidate {
    /// A candidate that has observed nothing. `identity` must be unique per process, including restarts.
    pub fn new(identity: String, timing: Timing) -> Self {
        Self {
            identity,
            timing,
            seen: None,
            absent: false,
            doubtful: false,
            grant: None,
            not_before: None,
            renew_at: None,
            retry_at: None,
        }
    }

    /// The candidate's identity.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// When writes are allowed, while the lease is ours.
    pub fn grant(&self) -> Option<Grant> {
        self.grant
    }

    /// The next action at `now`. `wall` is only written into the record.
    pub fn next(&self, now: Instant, wall: Timestamp) -> LeaseAction {
        if let Some(retry) = self.retry_at.filter(|retry| now < *retry) {
            return LeaseAction::Wait(retry);
        }
        if self.doubtful {
            return LeaseAction::Read;
        }
        let Some(seen) = &self.seen else {
            return if self.absent {
                LeaseAction::Create(self.record(wall, 0))
            } else {
                LeaseAction::Read
            };
        };
        if let Some(renew) = self.renew_at.filter(|renew| now < *renew) {
            return LeaseAction::Wait(renew);
        }
        let record = &seen.found.record;
        if record.holder == self.identity {
            return LeaseAction::Update(self.renewal(seen, wall));
        }
        let over = if record.holder.is_empty() {
            seen.at
        } else {
            seen.at + record.lease()
        };
        if now < over {
            LeaseAction::Wait(over)
        } else if seen.read < over {
            // The watch may have missed a renewal.
            LeaseAction::Read
        } else {
            LeaseAction::Update(ObservedLease {
                record: self.record(wall, record.transitions.saturating_add(1)),
                ..seen.found.clone()
            })
        }
    }

    fn record(&self, wall: Timestamp, transitions: i32) -> LeaseRecord {
        LeaseRecord {
            holder: self.identity.clone(),
            seconds: self.timing.seconds.into(),
            acquired: wall,
            renewed: wall,
            transitions,
        }
    }

    /// The record of a renewal. Its time always advances, whatever the wall clock does: an update without a change
    /// creates no new version, and the others would not notice the renewal.
    fn renewal(&self, seen: &Observation, wall: Timestamp) -> ObservedLease {
        let last = seen.found.record.renewed;
        let later = last.checked_add(SignedDuration::from_micros(1));
        let record = LeaseRecord {
            seconds: self.timing.seconds.into(),
            renewed: later.map_or(wall, |later| wall.max(later)),
            ..seen.found.record.clone()
        };
        ObservedLease {
            record,
            ..seen.found.clone()
        }
    }

    /// Takes in a read of the Lease, answered at `now`: its content is that old at least.
    pub fn read(&mut self, found: Option<ObservedLease>, now: Instant) {
        self.retry_at = None;
        self.doubtful = false;
        self.absent = found.is_none();
        match found {
            Some(found) => self.see(found, now, Some(now)),
            None => {
                self.seen = None;
                self.lose();
            }
        }
    }

    /// Takes in an event of the watch. Ignored by a leader: its own watch may be older than its last renewal.
    pub fn watched(&mut self, found: Option<ObservedLease>, now: Instant) {
        if self.grant.is_some() {
            return;
        }
        match found {
            Some(found) => self.see(found, now, None),
            // It seems deleted: read it.
            None => self.doubtful = true,
        }
    }

    /// Takes in a version of the Lease. A new one restarts the wait, whatever changed.
    fn see(&mut self, found: ObservedLease, now: Instant, read: Option<Instant>) {
        let new = |seen: &Observation| seen.found.uid != found.uid;
        if found.record.holder != self.identity {
            self.lose();
        } else if self.seen.as_ref().is_none_or(new) {
            // We created it: just now, or by a request that timed out and arrived late, after others had held it. The
            // previous holder may believe for one more lease duration that it leads.
            self.lose();
            self.not_before = Some(now + self.timing.lease());
        }
        let known = self
            .seen
            .as_ref()
            .filter(|seen| seen.found.version == found.version);
        let (at, before) = known.map_or((now, now), |seen| (seen.at, seen.read));
        self.seen = Some(Observation {
            found,
            at,
            read: read.unwrap_or(before),
        });
    }

    /// A create or update is being sent: until its response, what we know may be outdated.
    pub fn sending(&mut self) {
        self.doubtful = true;
    }

    /// True when the Lease may differ from what we know.
    pub fn doubts(&self) -> bool {
        self.doubtful
    }

    /// Takes in the outcome at `now` of a create or update that was sent at `sent`.
    pub fn wrote(&mut self, sent: Instant, answer: WriteOutcome, now: Instant, jitter: f64) {
        self.renew_at = None;
        self.retry_at = None;
        match answer {
            WriteOutcome::Done(found) => {
                self.absent = false;
                self.doubtful = false;
                self.see(found, now, Some(now));
                self.renew_at = Some(sent + self.timing.renew_every());
                self.grant = Some(self.granted(sent, now));
            }
            WriteOutcome::Changed => self.doubtful = true,
            WriteOutcome::Unknown => {
                self.doubtful = true;
                self.retry_at = Some(now + self.timing.retry(jitter));
            }
        }
    }

    /// The grant of a write. It counts from before the write was sent: the API server may have applied it that early.
    fn granted(&self, sent: Instant, now: Instant) -> Grant {
        let held = self.grant.filter(|grant| now < grant.until);
        let begins = self.not_before.map_or(now, |first| first.max(now));
        Grant {
            from: held.map_or(begins, |grant| grant.from),
            until: sent + self.timing.lease().saturating_sub(self.timing.margin()),
        }
    }

    /// Delays the next call after a failed read or watch.
    pub fn pause(&mut self, now: Instant, jitter: f64) {
        self.retry_at = Some(now + self.timing.retry(jitter));
    }

    /// Ends a grant that has expired. True when it had.
    pub fn expire(&mut self, now: Instant) -> bool {
        let over = self.grant.is_some_and(|grant| grant.until <= now);
        if over {
            self.lose();
        }
        over
    }

    fn lose(&mut self) {
        self.grant = None;
        self.renew_at = None;
    }

    /// The update that releases the lease at once: no holder, and a duration of a second for clients that do not know what
    /// that means. `None` when the lease is not ours, or the previous holder may still believe that it leads.
    pub fn release(&self, now: Instant, wall: Timestamp) -> Option<ObservedLease> {
        let seen = self.seen.as_ref()?;
        let settled = self.not_before.is_none_or(|first| first <= now);
        (settled && seen.found.record.holder == self.identity).then(|| ObservedLease {
            record: LeaseRecord {
                holder: String::new(),
                seconds: 1,
                acquired: wall,
                renewed: wall,
                transitions: seen.found.record.transitions,
            },
            ..seen.found.clone()
        })
    }
}
