//! Reaps orphaned processes. containerd's shims detach from their parent, so PID 1 would have to reap them. In some
//! containers PID 1 does not reap orphans, and every pod would leave a zombie process.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

/// Time between periodic collections of orphans. They supplement SIGCHLD, because the kernel may merge several signals
/// into one.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Reaper of orphans that were re-parented to this process. Child processes that [`Reaper::spawn`] started are left to
/// the caller that waits for them.
#[derive(Clone, Debug, Default)]
pub struct Reaper {
    own: Arc<Mutex<BTreeSet<i32>>>,
}

impl Reaper {
    /// Makes this process a subreaper: orphaned descendants get this process as their parent instead of PID 1.
    ///
    /// # Errors
    /// When the kernel refuses.
    #[cfg(target_os = "linux")]
    pub fn start() -> anyhow::Result<Self> {
        nix::sys::prctl::set_child_subreaper(true).context("becoming the parent of orphans")?;
        Ok(Self::default())
    }

    /// Creates a reaper that does nothing, because PID 1 reaps orphans on systems other than Linux.
    ///
    /// # Errors
    /// Never.
    #[cfg(not(target_os = "linux"))]
    pub fn start() -> anyhow::Result<Self> {
        Ok(Self::default())
    }

    /// Starts and registers a process for which the caller will wait. A lock keeps [`Self::collect`] from running
    /// before the process is registered.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let mut own = self.own();
        let child = command.spawn()?;
        own.extend(child.id().and_then(|id| i32::try_from(id).ok()));
        Ok(child)
    }

    /// Unregisters a process after the caller has waited for it, because an orphan may reuse its process id.
    pub fn awaited(&self, pid: i32) {
        self.own().remove(&pid);
    }

    /// Reaps orphans until this future is dropped.
    ///
    /// # Errors
    /// When no handler for SIGCHLD can be installed.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut ended = signal(SignalKind::child()).context("listening for SIGCHLD")?;
        let mut ticks = tokio::time::interval(POLL_INTERVAL);
        loop {
            tokio::select! {
                _ = ended.recv() => {}
                _ = ticks.tick() => {}
            }
            self.collect();
        }
    }

    /// Reaps orphans that have exited and returns their number. Stops at an exited child that [`Self::spawn`] started
    /// and that is still registered; the orphans after it are left to the next call.
    #[cfg(target_os = "linux")]
    pub fn collect(&self) -> usize {
        use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
        let own = self.own();
        let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let mut collected = 0;
        while let Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _)) =
            waitid(Id::All, peek)
        {
            // An exited child that is not yet awaited hides the orphans after it; the next call collects them.
            if own.contains(&pid.as_raw()) || waitpid(pid, Some(WaitPidFlag::WNOHANG)).is_err() {
                break;
            }
            collected += 1;
        }
        collected
    }

    /// Does nothing and returns 0, because PID 1 reaps orphans on systems other than Linux.
    #[cfg(not(target_os = "linux"))]
    pub fn collect(&self) -> usize {
        0
    }

    fn own(&self) -> MutexGuard<'_, BTreeSet<i32>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
