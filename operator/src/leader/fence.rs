//! The fence: whether a write is allowed now, and how long it may take.
//!
//! The elector opens and closes it; every write checks it three times: `KubeIo` before the call, the client's layer when
//! it takes the request, and the socket when it takes the bytes. It depends on time alone, so a process that was
//! suspended finds it closed when it resumes, before it has received any message.

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

/// No write is allowed: another replica leads, or this one shuts down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this replica does not lead, so it writes nothing")]
pub struct NotLeading;

/// The fence, shared by the elector and everything that writes. Clones share their state.
#[derive(Clone, Debug)]
pub struct Fence(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// Notified when a write ends.
    ended: Notify,
}

#[derive(Debug)]
struct State {
    /// `None`: always open. Only where there can be no other operator, as in a test.
    grant: Option<Grant>,
    term: u64,
    since: Option<Timestamp>,
    /// Cancelled when the term ends.
    over: CancellationToken,
    in_progress: usize,
    /// When a write was last abandoned without a response.
    abandoned: Option<Instant>,
}

impl Fence {
    /// A fence that is always open, for the only operator.
    pub fn always() -> Self {
        Self::new(None, CancellationToken::new())
    }

    /// A fence that is closed until [`Self::open`].
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
            in_progress: 0,
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

    /// Opens the fence for a new term, or extends the current one. True when a term began.
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

    /// Closes the fence. True when a term ended.
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

    /// Maximum duration of a write that is made now.
    ///
    /// # Errors
    /// [`NotLeading`] when no write is allowed, or the caller's reconcile began in an earlier term.
    pub fn left(&self) -> Result<Duration, NotLeading> {
        self.state().left()
    }

    /// Begins a write, which counts as in progress until the returned guard is dropped. Also returns the maximum
    /// duration of the write.
    ///
    /// # Errors
    /// [`NotLeading`], as [`Self::left`].
    pub fn begin(&self) -> Result<(WriteInProgress, Duration), NotLeading> {
        let mut state = self.state();
        let left = state.left()?;
        state.in_progress += 1;
        let in_progress = WriteInProgress {
            fence: self.clone(),
            answered: false,
        };
        Ok((in_progress, left))
    }

    /// True while writes are allowed.
    pub fn is_open(&self) -> bool {
        self.left().is_ok()
    }

    /// When this replica last began to lead; `None` for [`Self::always`].
    pub fn since(&self) -> Option<Timestamp> {
        self.state().since
    }

    /// Runs `work` in the current term and drops it when the term ends.
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

    /// Waits until no write is in progress or in transit: an abandoned one may still arrive within `margin`.
    pub async fn quiet(&self, margin: Duration) {
        loop {
            let ended = self.0.ended.notified();
            let (in_progress, abandoned) = {
                let state = self.state();
                (state.in_progress, state.abandoned)
            };
            let settled = abandoned.map(|at| at + margin);
            match settled.filter(|at| Instant::now() < *at) {
                _ if in_progress > 0 => ended.await,
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

/// A write in progress. Dropped without a response it counts as abandoned.
#[derive(Debug)]
pub struct WriteInProgress {
    fence: Fence,
    answered: bool,
}

impl WriteInProgress {
    /// The API server responded, so the write cannot take effect later.
    pub fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for WriteInProgress {
    fn drop(&mut self) {
        let mut state = self.fence.state();
        state.in_progress = state.in_progress.saturating_sub(1);
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
