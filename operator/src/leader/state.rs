//! Rules of the leader election. They determine a candidate's next action from its observations of the Lease. The
//! module does no I/O, and all times are passed as arguments.
//!
//! The rules follow those of client-go. Another replica's Lease has expired if its resourceVersion has not changed for
//! a whole lease duration, measured on the local clock. The timestamps in the record are informational, so clocks need
//! not be synchronized. A replica counts its own lease duration from before it sent the renewal, so its leadership ends
//! before any other replica may take the Lease.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Maximum lease duration in seconds that is accepted from a record. A value above it or below 1 can only come from a
/// user, and is replaced by this maximum. It is long enough to be safe and short enough for a takeover.
const MAX_LEASE_SECONDS: i32 = 60;

/// Lease duration of the election. The methods derive the margin, intervals and timeouts from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Lease duration in whole seconds, as in the Lease's `leaseDurationSeconds`.
    pub seconds: u16,
}

impl Timing {
    /// Returns the lease duration as a [`Duration`].
    pub fn lease(self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }

    /// Returns the length of the period at the end of the lease in which nothing may be written: a fifth of the lease.
    /// It allows for clock drift and for writes in transit.
    pub fn margin(self) -> Duration {
        self.lease() / 5
    }

    /// Returns the interval at which the leader renews the Lease: a third of the lease duration.
    pub fn renew_every(self) -> Duration {
        self.lease() / 3
    }

    /// Returns the timeout of one API call for the Lease: a quarter of the lease duration.
    pub fn attempt(self) -> Duration {
        self.lease() / 4
    }

    /// Returns the delay after a failed call: a twentieth to a tenth of the lease duration. `jitter` (0 to 1) selects
    /// the value and makes the delays of the candidates differ.
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
    /// Time at which the holder acquired the Lease. Informational only.
    pub acquired: Timestamp,
    /// Time at which the holder last renewed the Lease. Informational only.
    pub renewed: Timestamp,
    /// Number of times that the holder has changed.
    pub transitions: i32,
}

impl LeaseRecord {
    fn lease(&self) -> Duration {
        let given = Some(self.seconds).filter(|s| (1..=MAX_LEASE_SECONDS).contains(s));
        Duration::from_secs(given.unwrap_or(MAX_LEASE_SECONDS).unsigned_abs().into())
    }
}

/// Lease as stored by the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedLease {
    /// Content of the Lease.
    pub record: LeaseRecord,
    /// `metadata.resourceVersion` of the Lease.
    pub version: String,
    /// `metadata.uid` of the Lease. It changes if the Lease is deleted and created again.
    pub uid: String,
}

/// Next action of a candidate in the election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseAction {
    /// Wait until this time, or until the watch reports a change.
    Wait(Instant),
    /// Read the Lease from the API server.
    Read,
    /// Create the Lease with this content. A conflict means that another replica has created it.
    Create(LeaseRecord),
    /// Replace the content of the Lease by the contained record, provided that the stored Lease still has the contained
    /// resourceVersion.
    Update(ObservedLease),
}

/// Outcome of a create or replace request for the Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The request was applied. Contains the Lease as it is stored now.
    Done(ObservedLease),
    /// The request was rejected, because the stored Lease differs from the observed one (409, 404).
    Changed,
    /// The request got no response or another error, so it may have been applied.
    Unknown,
}

/// Period in which this replica may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Start of the period, inclusive.
    pub from: Instant,
    /// End of the period, exclusive.
    pub until: Instant,
}

#[derive(Clone, Debug)]
struct Observation {
    found: ObservedLease,
    /// Time on the local clock at which this resourceVersion was first observed.
    at: Instant,
    /// Time at which a read or a write last returned this resourceVersion; initially the same as `at`. Watch events do
    /// not update it.
    read: Instant,
}

/// State of one replica in the election.
#[derive(Clone, Debug)]
pub struct Candidate {
    identity: String,
    timing: Timing,
    seen: Option<Observation>,
    /// True if the last read found no Lease.
    absent: bool,
    /// True if the observation may be outdated, because a write was rejected or has no response yet, or because the
    /// watch ended or reported a deletion.
    doubtful: bool,
    grant: Option<Grant>,
    /// Earliest time at which this replica may write; `None` unless this replica created the Lease.
    not_before: Option<Instant>,
    renew_at: Option<Instant>,
    retry_at: Option<Instant>,
}

impl Candidate {
    /// Returns a candidate without observations. `identity` must be unique per process, so a restarted process needs a
    /// new one.
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

    /// Returns the identity of the candidate, as written to the Lease.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Returns the period in which this replica may write; `None` if it does not lead.
    pub fn grant(&self) -> Option<Grant> {
        self.grant
    }

    /// Returns the next action at `now`. `wall` is the wall-clock time to write into the record. The choice of the
    /// action does not depend on it.
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

    /// Returns the Lease with a renewed record. Its renewal time always increases, even if the wall clock was set back.
    /// An update without a change would create no new resourceVersion, and the other replicas would not notice the
    /// renewal.
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

    /// Handles the result of a read that ended at `now`. If `found` is `None`, there is no Lease.
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

    /// Handles an event of the watch. If `found` is `None`, the Lease may have been deleted. A leader ignores the
    /// event, because it may be older than the leader's last renewal.
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

    /// Stores an observed Lease. `read` is the time of the read, or `None` for a watch event. A new resourceVersion
    /// restarts the wait for expiry, regardless of the change.
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

    /// Records that a create or replace request is being sent. Until its response arrives, the observation may be
    /// outdated.
    pub fn sending(&mut self) {
        self.doubtful = true;
    }

    /// Returns true if the stored Lease may differ from the observation.
    pub fn doubts(&self) -> bool {
        self.doubtful
    }

    /// Handles the outcome of a create or replace request that was sent at `sent` and ended at `now`. `jitter` (0 to 1)
    /// varies the delay before a retry.
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

    /// Returns the grant after a successful write. Its end is counted from the time at which the write was sent,
    /// because the API server may have applied it that early.
    fn granted(&self, sent: Instant, now: Instant) -> Grant {
        let held = self.grant.filter(|grant| now < grant.until);
        let begins = self.not_before.map_or(now, |first| first.max(now));
        Grant {
            from: held.map_or(begins, |grant| grant.from),
            until: sent + self.timing.lease().saturating_sub(self.timing.margin()),
        }
    }

    /// Delays the next API call after a read or a watch has failed. `jitter` (0 to 1) varies the delay.
    pub fn pause(&mut self, now: Instant, jitter: f64) {
        self.retry_at = Some(now + self.timing.retry(jitter));
    }

    /// Drops the grant if it has expired, and returns true in that case.
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

    /// Returns the update that releases the Lease: an empty holder, and a lease duration of one second for clients that
    /// do not treat an empty holder as free. `None` if this replica does not hold the Lease, or if the previous holder
    /// may still believe that it leads.
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
