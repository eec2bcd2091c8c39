//! Reaps orphaned processes. containerd's shims detach from their parent, so that PID 1 would have to reap them. In
//! some containers PID 1 does not reap, and every pod would leave a zombie.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

/// Interval at which orphans are collected in addition to SIGCHLD, because the kernel may merge several signals.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Reaps orphans that were re-parented to this process. Children that this process started are left to the code that
/// awaits them.
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

    /// Does nothing: on other systems PID 1 reaps orphans.
    ///
    /// # Errors
    /// Never.
    #[cfg(not(target_os = "linux"))]
    pub fn start() -> anyhow::Result<Self> {
        Ok(Self::default())
    }

    /// Starts and registers a process that the caller will await. A lock keeps [`Self::collect`] from running before
    /// the child is registered.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let mut own = self.own();
        let child = command.spawn()?;
        own.extend(child.id().and_then(|id| i32::try_from(id).ok()));
        Ok(child)
    }

    /// Unregisters a child that was awaited, because an orphan may reuse its process id.
    pub fn awaited(&self, pid: i32) {
        self.own().remove(&pid);
    }

    /// Reaps orphans until the task is dropped.
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

    /// Reaps the orphans that have exited and returns their number.
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

    /// Does nothing: on other systems PID 1 reaps orphans.
    #[cfg(not(target_os = "linux"))]
    pub fn collect(&self) -> usize {
        0
    }

    fn own(&self) -> MutexGuard<'_, BTreeSet<i32>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
