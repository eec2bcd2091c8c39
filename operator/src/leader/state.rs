//! The rules of the lease as values: what a candidate does next, given what it saw and when.
//!
//! They are client-go's. A lease of somebody else's is over when its record has not changed for its whole length on
//! *our* clock: times written in it are for people and never compared. Ours counts from the moment before the renewal
//! was *sent*, so we think it over before anybody else can. Nothing here reads a clock.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A record's own length is believed up to here. Anything else is a person's edit and counts as this: long enough to
/// be safe, short enough that a takeover comes.
const MOST_SECONDS: i32 = 60;

/// The times that follow from the length of the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Length of the lease in whole seconds, as the record has it.
    pub seconds: u16,
}

impl Timing {
    /// The length.
    pub fn lease(self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }

    /// What no write may use at the end of the lease: clocks that run apart, and writes on their way.
    pub fn margin(self) -> Duration {
        self.lease() / 5
    }

    /// From one renewal to the next.
    pub fn renew_every(self) -> Duration {
        self.lease() / 3
    }

    /// One call about the lease may take so long.
    pub fn attempt(self) -> Duration {
        self.lease() / 4
    }

    /// From a failed call to the next one: `jitter` (0 to 1) spreads the candidates.
    pub fn retry(self, jitter: f64) -> Duration {
        (self.lease() / 20).mul_f64(1.0 + jitter.clamp(0.0, 1.0))
    }
}

/// What the lease says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who holds it; empty: nobody.
    pub holder: String,
    /// Its length in seconds.
    pub seconds: i32,
    /// Since when the holder has it, for people.
    pub acquired: Timestamp,
    /// The last renewal, for people.
    pub renewed: Timestamp,
    /// How often it changed hands.
    pub transitions: i32,
}

impl Record {
    fn lease(&self) -> Duration {
        let given = Some(self.seconds).filter(|s| (1..=MOST_SECONDS).contains(s));
        Duration::from_secs(given.unwrap_or(MOST_SECONDS).unsigned_abs().into())
    }
}

/// The lease as the API server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its content.
    pub record: Record,
    /// Its resourceVersion.
    pub version: String,
    /// Its UID: one that was deleted and made anew is another.
    pub uid: String,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing, before this moment or a report of the watch.
    Wait(Instant),
    /// Read the lease.
    Read,
    /// Create it; one that exists is an answer too.
    Create(Record),
    /// Replace exactly the version that was seen.
    Update(Found),
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done; the lease as it is now.
    Done(Found),
    /// Refused: it is not, or no longer, what we saw (409, 404).
    Changed,
    /// Whether it was done is not known.
    Unknown,
}

/// When writes may go: not before, not after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// From here.
    pub from: Instant,
    /// To here.
    pub until: Instant,
}

#[derive(Clone, Debug)]
struct Seen {
    found: Found,
    /// When this version was first seen, on our clock.
    at: Instant,
    /// When it was last read from the API server itself.
    read: Instant,
}

/// One of those who want the lease.
#[derive(Clone, Debug)]
pub struct Candidate {
    identity: String,
    timing: Timing,
    seen: Option<Seen>,
    /// The API server was asked, and there is no lease.
    absent: bool,
    /// What was seen may have changed by a write of ours whose answer is missing, or was a refusal.
    doubtful: bool,
    grant: Option<Grant>,
    /// Where the lease is one that we made, no write goes before this.
    not_before: Option<Instant>,
    renew_at: Option<Instant>,
    retry_at: Option<Instant>,
}

impl Candidate {
    /// Knows nothing yet. `identity` must be no other process's, a restarted one's included.
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

    /// Who this is.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Until when writes may go, while the lease is ours.
    pub fn grant(&self) -> Option<Grant> {
        self.grant
    }

    /// What to do at `now`. `wall` is only written into the record.
    pub fn next(&self, now: Instant, wall: Timestamp) -> Step {
        if let Some(retry) = self.retry_at.filter(|retry| now < *retry) {
            return Step::Wait(retry);
        }
        if self.doubtful {
            return Step::Read;
        }
        let Some(seen) = &self.seen else {
            return if self.absent {
                Step::Create(self.record(wall, 0))
            } else {
                Step::Read
            };
        };
        if let Some(renew) = self.renew_at.filter(|renew| now < *renew) {
            return Step::Wait(renew);
        }
        let record = &seen.found.record;
        if record.holder == self.identity {
            return Step::Update(self.renewal(seen, wall));
        }
        let over = if record.holder.is_empty() {
            seen.at
        } else {
            seen.at + record.lease()
        };
        if now < over {
            Step::Wait(over)
        } else if seen.read < over {
            // The watch may have been silent for reasons of its own.
            Step::Read
        } else {
            Step::Update(Found {
                record: self.record(wall, record.transitions.saturating_add(1)),
                ..seen.found.clone()
            })
        }
    }

    fn record(&self, wall: Timestamp, transitions: i32) -> Record {
        Record {
            holder: self.identity.clone(),
            seconds: self.timing.seconds.into(),
            acquired: wall,
            renewed: wall,
            transitions,
        }
    }

    /// The time in it always moves, whatever the wall clock does: an update that changes nothing makes no new version,
    /// and the others would see no renewal.
    fn renewal(&self, seen: &Seen, wall: Timestamp) -> Found {
        let last = seen.found.record.renewed;
        let later = last.checked_add(SignedDuration::from_micros(1));
        let record = Record {
            seconds: self.timing.seconds.into(),
            renewed: later.map_or(wall, |later| wall.max(later)),
            ..seen.found.record.clone()
        };
        Found {
            record,
            ..seen.found.clone()
        }
    }

    /// The lease was read at `now`, the answer's time: what it shows was so at the latest then.
    pub fn read(&mut self, found: Option<Found>, now: Instant) {
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

    /// The watch showed the lease. Only somebody who waits listens: what a leader's own watch would show may be older
    /// than its last renewal.
    pub fn watched(&mut self, found: Option<Found>, now: Instant) {
        if self.grant.is_some() {
            return;
        }
        match found {
            Some(found) => self.see(found, now, None),
            // Deleted, or so it seems: ask.
            None => self.doubtful = true,
        }
    }

    /// Another version restarts the wait, whatever changed in it.
    fn see(&mut self, found: Found, now: Instant, read: Option<Instant>) {
        let new = |seen: &Seen| seen.found.uid != found.uid;
        if found.record.holder != self.identity {
            self.lose();
        } else if self.seen.as_ref().is_none_or(new) {
            // A create of ours made it: just now, or one that was given up and arrived late, after others had come and
            // gone. Whoever held the lease before may think for one length more that it is theirs.
            self.lose();
            self.not_before = Some(now + self.timing.lease());
        }
        let known = self
            .seen
            .as_ref()
            .filter(|seen| seen.found.version == found.version);
        let (at, before) = known.map_or((now, now), |seen| (seen.at, seen.read));
        self.seen = Some(Seen {
            found,
            at,
            read: read.unwrap_or(before),
        });
    }

    /// A create or update is sent: until it is answered, what we know may be old.
    pub fn sending(&mut self) {
        self.doubtful = true;
    }

    /// True when the lease may be another than the one we know.
    pub fn doubts(&self) -> bool {
        self.doubtful
    }

    /// A create or update that was sent at `sent` was answered, or not, by `now`.
    pub fn wrote(&mut self, sent: Instant, answer: Answer, now: Instant, jitter: f64) {
        self.renew_at = None;
        self.retry_at = None;
        match answer {
            Answer::Done(found) => {
                self.absent = false;
                self.doubtful = false;
                self.see(found, now, Some(now));
                self.renew_at = Some(sent + self.timing.renew_every());
                self.grant = Some(self.granted(sent, now));
            }
            Answer::Changed => self.doubtful = true,
            Answer::Unknown => {
                self.doubtful = true;
                self.retry_at = Some(now + self.timing.retry(jitter));
            }
        }
    }

    /// Counted from before the write was sent: the API server may have done it as early as that.
    fn granted(&self, sent: Instant, now: Instant) -> Grant {
        let held = self.grant.filter(|grant| now < grant.until);
        let begins = self.not_before.map_or(now, |first| first.max(now));
        Grant {
            from: held.map_or(begins, |grant| grant.from),
            until: sent + self.timing.lease().saturating_sub(self.timing.margin()),
        }
    }

    /// A read or a watch failed: not again at once.
    pub fn pause(&mut self, now: Instant, jitter: f64) {
        self.retry_at = Some(now + self.timing.retry(jitter));
    }

    /// Gives up a grant that has run out. True when it had.
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

    /// What to write to let the next one in at once: nobody's, and over in a second for those who do not know that.
    /// `None` when there is nothing to give, or somebody before us may still think that it is theirs.
    pub fn release(&self, now: Instant, wall: Timestamp) -> Option<Found> {
        let seen = self.seen.as_ref()?;
        let settled = self.not_before.is_none_or(|first| first <= now);
        (settled && seen.found.record.holder == self.identity).then(|| Found {
            record: Record {
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
