//! The fence: whether this replica may write now, and how long a write may take.
//!
//! The elector opens and closes the fence. Every write checks it three times: in `KubeIo` before the call, in the
//! client's layer per request, and in the socket per write to the network. The check compares times only. A process
//! that was suspended therefore finds the fence closed when it resumes, before any message reaches it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::state::Grant;

tokio::task_local! {
    /// Number of the term in which the current reconcile began.
    static TERM: u64;
}

/// Writes are not allowed, because another replica leads or this one shuts down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this replica does not lead, so it writes nothing")]
pub struct NotLeading;

/// The fence, shared by the elector and everything that writes. Clones share their state.
#[derive(Clone, Debug)]
pub struct Fence(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// Notified whenever a write ends, with or without a response.
    ended: Notify,
}

#[derive(Debug)]
struct State {
    /// Time in which writes are allowed. `None`: always, which is only for operators without replicas and for tests.
    grant: Option<Grant>,
    term: u64,
    since: Option<Timestamp>,
    /// Cancelled when the current term ends.
    over: CancellationToken,
    in_progress: usize,
    /// When a write last ended without a response.
    abandoned: Option<Instant>,
}

impl Fence {
    /// A fence that is always open, for an operator without other replicas.
    pub fn always() -> Self {
        Self::new(None, CancellationToken::new())
    }

    /// A fence that is closed until [`Self::open`] is called.
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

    /// Opens the fence for a new term, or extends the current term. Returns true if a term began.
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

    /// Closes the fence. Returns true if a term ended.
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

    /// How long a write that starts now may take.
    ///
    /// # Errors
    /// [`NotLeading`] if writes are not allowed, or if the caller's reconcile began in an earlier term.
    pub fn left(&self) -> Result<Duration, NotLeading> {
        self.state().left()
    }

    /// Registers a write, which is in progress until the returned guard is dropped. Also returns how long the write may
    /// take.
    ///
    /// # Errors
    /// [`NotLeading`], as for [`Self::left`].
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

    /// True while this replica may write.
    pub fn is_open(&self) -> bool {
        self.left().is_ok()
    }

    /// When this replica last began to lead; `None` if it never led, and for [`Self::always`].
    pub fn since(&self) -> Option<Timestamp> {
        self.state().since
    }

    /// Runs `work` in the current term. If the term ends first, `work` is dropped.
    ///
    /// # Errors
    /// [`NotLeading`] if there is no current term, or it ended before `work` did.
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

    /// Waits until no write can take effect any more. A write without a response may still arrive for `margin`.
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

/// A write in progress. If it is dropped before [`Self::answered`], it counts as a write without a response.
#[derive(Debug)]
pub struct WriteInProgress {
    fence: Fence,
    answered: bool,
}

impl WriteInProgress {
    /// Records that the API server responded, so the write cannot take effect later.
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
