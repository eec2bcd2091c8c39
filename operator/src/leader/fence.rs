//! The fence: whether a write may go now, and how long it may take.
//!
//! The elector opens and closes it; every write asks it three times: `KubeIo` before it makes the call, the layer
//! of the client when it takes the request, and the socket when it takes the bytes. It is a matter of time alone, so
//! a process that was stopped finds it closed when it goes on, before anybody told it anything.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::state::Grant;

tokio::task_local! {
    /// The term under which a reconcile runs.
    static TERM: u64;
}

/// No write may go: another replica leads, or this one stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this replica does not lead, so it writes nothing")]
pub struct NotLeading;

/// Shared by the elector and everything that writes.
#[derive(Clone, Debug)]
pub struct Fence(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// A write ended.
    ended: Notify,
}

#[derive(Debug)]
struct State {
    /// `None`: for ever. Only where there is one operator by construction, as in a test.
    grant: Option<Grant>,
    term: u64,
    since: Option<Timestamp>,
    /// Cancelled when the term ends.
    over: CancellationToken,
    under_way: usize,
    /// When a write was last given up without its answer.
    abandoned: Option<Instant>,
}

impl Fence {
    /// Open for ever: the only operator there is.
    pub fn always() -> Self {
        Self::new(None, CancellationToken::new())
    }

    /// Closed until [`Self::open`].
    pub fn closed() -> Self {
        let over = CancellationToken::new();
        over.cancel();
        let never = Instant::now();
        let grant = Grant {
            from: never,
            until: never,
        };
        Self::new(Some(grant), over)
    }

    fn new(grant: Option<Grant>, over: CancellationToken) -> Self {
        let state = State {
            grant,
            term: 0,
            since: None,
            over,
            under_way: 0,
            abandoned: None,
        };
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            ended: Notify::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens it for a new term, or moves the end of the one that runs. True when a term began.
    pub fn open(&self, grant: Grant, now: Timestamp) -> bool {
        let mut state = self.state();
        state.grant = Some(grant);
        let begins = state.over.is_cancelled();
        if begins {
            state.term += 1;
            state.since = Some(now);
            state.over = CancellationToken::new();
        }
        begins
    }

    /// Closes it. True when a term ended.
    pub fn close(&self) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        state.grant = Some(Grant {
            from: now,
            until: now,
        });
        let ends = !state.over.is_cancelled();
        state.over.cancel();
        ends
    }

    /// How long a write that is made now may take.
    ///
    /// # Errors
    /// [`NotLeading`] when none may be made, or the caller's reconcile began in an earlier term.
    pub fn left(&self) -> Result<Duration, NotLeading> {
        self.state().left()
    }

    /// Counts a write that goes now, until the return value is dropped; with it, how long it may take.
    ///
    /// # Errors
    /// [`NotLeading`], as [`Self::left`].
    pub fn begin(&self) -> Result<(UnderWay, Duration), NotLeading> {
        let mut state = self.state();
        let left = state.left()?;
        state.under_way += 1;
        let under_way = UnderWay {
            fence: self.clone(),
            answered: false,
        };
        Ok((under_way, left))
    }

    /// True while writes may go.
    pub fn is_open(&self) -> bool {
        self.left().is_ok()
    }

    /// When this replica last began to lead; `None` where it always did.
    pub fn since(&self) -> Option<Timestamp> {
        self.state().since
    }

    /// Runs `work` under the present term and drops it when the term ends.
    ///
    /// # Errors
    /// [`NotLeading`] when there is no term, or it ended first.
    pub async fn while_leading<T>(&self, work: impl Future<Output = T>) -> Result<T, NotLeading> {
        self.left()?;
        let (term, over) = {
            let state = self.state();
            (state.term, state.over.clone())
        };
        tokio::select! {
            biased;
            () = over.cancelled() => Err(NotLeading),
            done = TERM.scope(term, work) => Ok(done),
        }
    }

    /// Waits until no write is on its way, nor can be: one that was given up may still arrive for so long as `margin`.
    pub async fn quiet(&self, margin: Duration) {
        loop {
            let ended = self.0.ended.notified();
            let (under_way, abandoned) = {
                let state = self.state();
                (state.under_way, state.abandoned)
            };
            let settled = abandoned.map(|at| at + margin);
            match settled.filter(|at| Instant::now() < *at) {
                _ if under_way > 0 => ended.await,
                Some(at) => tokio::time::sleep_until(at).await,
                None => return,
            }
        }
    }
}

impl State {
    fn left(&self) -> Result<Duration, NotLeading> {
        let Some(grant) = self.grant else {
            return Ok(Duration::MAX);
        };
        let now = Instant::now();
        let left = grant.until.saturating_duration_since(now);
        let mine = TERM.try_with(|term| *term == self.term).unwrap_or(true);
        if mine && grant.from <= now && !left.is_zero() {
            Ok(left)
        } else {
            Err(NotLeading)
        }
    }
}

/// A write on its way. Dropped without an answer it counts as given up.
#[derive(Debug)]
pub struct UnderWay {
    fence: Fence,
    answered: bool,
}

impl UnderWay {
    /// The API server answered, so nothing of it will happen later.
    pub fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.fence.state();
        state.under_way = state.under_way.saturating_sub(1);
        if !self.answered {
            state.abandoned = Some(Instant::now());
        }
        drop(state);
        self.fence.0.ended.notify_waiters();
    }
}

#[cfg(test)]
#[path = "fence_tests.rs"]
mod tests;
