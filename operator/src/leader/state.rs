//! Rules of the election: what a candidate does next, given its observations and their times. Pure; clocks are
//! arguments.
//!
//! The rules are those of client-go. Another replica's Lease has expired if its record did not change for a whole lease
//! duration, measured on the local clock. The times in the record are informational and never compared. This replica's
//! own Lease counts from before its renewal was sent, so it ends here before any other replica may take it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Longest lease duration in seconds that is accepted from a record. A larger value, or one below 1, can only come from
/// a user and counts as this one: long enough to be safe, short enough for a takeover.
const MAX_LEASE_SECONDS: i32 = 60;

/// The lease duration, and the other times of the election, which follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Lease duration in whole seconds, as in the Lease's `leaseDurationSeconds`.
    pub seconds: u16,
}

impl Timing {
    /// The lease duration as a [`Duration`].
    pub fn lease(self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }

    /// Time at the end of the lease in which nothing may be written, to allow for clock drift and writes in transit.
    pub fn margin(self) -> Duration {
        self.lease() / 5
    }

    /// Interval at which the leader renews the Lease.
    pub fn renew_every(self) -> Duration {
        self.lease() / 3
    }

    /// Timeout of one API call for the Lease.
    pub fn attempt(self) -> Duration {
        self.lease() / 4
    }

    /// Delay after a failed call. `jitter` (0 to 1) makes the delays of the candidates differ.
    pub fn retry(self, jitter: f64) -> Duration {
        (self.lease() / 20).mul_f64(1.0 + jitter.clamp(0.0, 1.0))
    }
}

/// Content of the Lease, from its `spec`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRecord {
    /// Identity of the holder; empty if nobody holds the Lease.
    pub holder: String,
    /// Lease duration in seconds.
    pub seconds: i32,
    /// When the holder acquired the Lease. Informational only.
    pub acquired: Timestamp,
    /// When the holder last renewed the Lease. Informational only.
    pub renewed: Timestamp,
    /// How often the holder has changed.
    pub transitions: i32,
}

impl LeaseRecord {
    fn lease(&self) -> Duration {
        let given = Some(self.seconds).filter(|s| (1..=MAX_LEASE_SECONDS).contains(s));
        Duration::from_secs(given.unwrap_or(MAX_LEASE_SECONDS).unsigned_abs().into())
    }
}

/// The Lease as stored by the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedLease {
    /// Content of the Lease.
    pub record: LeaseRecord,
    /// `metadata.resourceVersion` of the Lease.
    pub version: String,
    /// `metadata.uid` of the Lease. It changes if the Lease is deleted and created again.
    pub uid: String,
}

/// What a candidate does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseAction {
    /// Wait until this time or until the watch reports a change.
    Wait(Instant),
    /// Read the Lease from the API server.
    Read,
    /// Create the Lease. A conflict means that another replica has created it.
    Create(LeaseRecord),
    /// Replace the Lease, if it still has the observed resourceVersion.
    Update(ObservedLease),
}

/// Outcome of a create or replace request for the Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The request was applied; with the Lease as stored now.
    Done(ObservedLease),
    /// The request was refused, because the Lease is no longer the observed one (409, 404).
    Changed,
    /// It is unknown whether the request was applied.
    Unknown,
}

/// The time in which this replica may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Writes are allowed from this time on.
    pub from: Instant,
    /// Writes are allowed until this time.
    pub until: Instant,
}

#[derive(Clone, Debug)]
struct Observation {
    found: ObservedLease,
    /// When this resourceVersion was first observed, on the local clock.
    at: Instant,
    /// When it was last returned by a read or a write; events of a watch do not count.
    read: Instant,
}

/// State of one replica in the election.
#[derive(Clone, Debug)]
pub struct Candidate {
    identity: String,
    timing: Timing,
    seen: Option<Observation>,
    /// A read found no Lease.
    absent: bool,
    /// The observation may be outdated, because a write was sent and was refused, or has no response yet.
    doubtful: bool,
    grant: Option<Grant>,
    /// Earliest time at which this replica may write, if it created the Lease.
    not_before: Option<Instant>,
    renew_at: Option<Instant>,
    retry_at: Option<Instant>,
}

impl Candidate {
    /// A candidate without any observation. `identity` must be unique per process; a restart needs another one.
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

    /// Identity of the candidate, as written into the Lease.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// When this replica may write; `None` unless it holds the Lease.
    pub fn grant(&self) -> Option<Grant> {
        self.grant
    }

    /// The next action at `now`. `wall` is the wall clock time for the record; it is not compared with anything.
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
            // The watch may have missed a renewal, so the Lease is read before it is taken.
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

    /// The record of a renewal. Its renewal time always increases, even if the wall clock was set back: an update that
    /// changes nothing creates no new resourceVersion, and the other replicas would not notice the renewal.
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

    /// Handles the result of a read that ended at `now`; `None`: there is no Lease.
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

    /// Handles an event of the watch. A leader ignores it, because the event may be older than its last renewal.
    pub fn watched(&mut self, found: Option<ObservedLease>, now: Instant) {
        if self.grant.is_some() {
            return;
        }
        match found {
            Some(found) => self.see(found, now, None),
            // The Lease may be deleted; the next action reads it.
            None => self.doubtful = true,
        }
    }

    /// Stores an observed Lease. A new resourceVersion restarts the wait for expiry, whatever has changed.
    fn see(&mut self, found: ObservedLease, now: Instant, read: Option<Instant>) {
        let new = |seen: &Observation| seen.found.uid != found.uid;
        if found.record.holder != self.identity {
            self.lose();
        } else if self.seen.as_ref().is_none_or(new) {
            // The Lease has a new UID and names this replica as holder, so this replica created it. The create request
            // may have timed out and arrived late, after another replica had held the Lease. That replica may believe
            // for one more lease duration that it leads.
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

    /// Records that a create or replace request is being sent: until its response, the observation may be outdated.
    pub fn sending(&mut self) {
        self.doubtful = true;
    }

    /// True if the stored Lease may differ from the observation.
    pub fn doubts(&self) -> bool {
        self.doubtful
    }

    /// Handles the outcome of a create or replace request that was sent at `sent` and ended at `now`.
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

    /// The grant after a write. It counts from before the write was sent, because the API server may have applied it
    /// that early.
    fn granted(&self, sent: Instant, now: Instant) -> Grant {
        let held = self.grant.filter(|grant| now < grant.until);
        let begins = self.not_before.map_or(now, |first| first.max(now));
        Grant {
            from: held.map_or(begins, |grant| grant.from),
            until: sent + self.timing.lease().saturating_sub(self.timing.margin()),
        }
    }

    /// Delays the next call, after a read or a watch has failed.
    pub fn pause(&mut self, now: Instant, jitter: f64) {
        self.retry_at = Some(now + self.timing.retry(jitter));
    }

    /// Drops the grant if it has expired. Returns true if it had.
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

    /// The update that releases the Lease: no holder, and a duration of one second for clients that do not know that an
    /// empty holder means free. `None` if this replica does not hold the Lease, or if the previous holder may still
    /// believe that it leads.
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
