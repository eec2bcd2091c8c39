//! Fence around writes to the API server. It determines if this replica may write now, and how long a write may take.
//!
//! The elector opens and closes the fence. `KubeIo` checks it before each write call, the client's layer for each write
//! request, and the socket for each write to the network. Writes to the Lease are not checked. A check only compares
//! times. A process that was suspended therefore finds the fence closed when it resumes, even before it receives a
//! message.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::state::Grant;

tokio::task_local! {
    /// Number of the term (period of leadership) in which the current reconcile began.
    static TERM: u64;
}

/// Error for a write that is not allowed, because this replica does not lead, or because the reconcile began in an
/// earlier term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this replica does not lead, so it writes nothing")]
pub struct NotLeading;

/// Fence shared by the elector and all code that writes. Clones share their state.
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
    /// Period in which writes are allowed. `None` allows them always, for an operator without other replicas and for
    /// tests.
    grant: Option<Grant>,
    term: u64,
    since: Option<Timestamp>,
    /// Cancelled when the current term ends.
    over: CancellationToken,
    in_progress: usize,
    /// Time at which a write last ended without a response; `None` if that has not happened yet.
    abandoned: Option<Instant>,
}

impl Fence {
    /// Returns a fence that is always open, for an operator without other replicas.
    pub fn always() -> Self {
        Self::new(None, CancellationToken::new())
    }

    /// Returns a fence that is closed until [`Self::open`] is called.
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

    /// Opens the fence for the period `grant`, which begins a new term or extends the current one. Returns true if a
    /// new term began.
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

    /// Returns the maximum duration of a write that starts now.
    ///
    /// # Errors
    /// [`NotLeading`] if writes are not allowed, or if the caller's reconcile began in an earlier term.
    pub fn left(&self) -> Result<Duration, NotLeading> {
        self.state().left()
    }

    /// Registers a write, which is in progress until the returned guard is dropped. Also returns the maximum duration
    /// of the write.
    ///
    /// # Errors
    /// [`NotLeading`] under the same conditions as for [`Self::left`].
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

    /// Returns true if this replica may write now.
    pub fn is_open(&self) -> bool {
        self.left().is_ok()
    }

    /// Returns the time at which this replica last began to lead. `None` if it has never led, and for a fence from
    /// [`Self::always`].
    pub fn since(&self) -> Option<Timestamp> {
        self.state().since
    }

    /// Runs `work` in the current term. If the term ends first, `work` is dropped.
    ///
    /// # Errors
    /// [`NotLeading`] if there is no current term, or if the term ended before `work` did.
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

    /// Waits until no write of this replica can take effect any more. A write that ended without a response may still
    /// reach the API server for the time `margin`.
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

/// Guard for a write in progress. If it is dropped without a call of [`Self::answered`], the write counts as ended
/// without a response.
#[derive(Debug)]
pub struct WriteInProgress {
    fence: Fence,
    answered: bool,
}

impl WriteInProgress {
    /// Ends the write and records that the API server responded, so the write cannot take effect later.
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
