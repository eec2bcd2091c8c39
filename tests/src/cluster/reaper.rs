//! Ends what has lost its parent. containerd's shims leave their parent on purpose and would be PID 1's to collect; in
//! a sandbox PID 1 may not do that, and every pod would leave a zombie.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

/// Signals of several ends may fold into one, so it also looks by itself.
const LOOK: Duration = Duration::from_secs(1);

/// Collects the ended processes that fell to this one. Those that it started itself belong to who awaits them.
#[derive(Clone, Debug, Default)]
pub struct Reaper {
    own: Arc<Mutex<BTreeSet<i32>>>,
}

impl Reaper {
    /// From now on orphans below this process fall to it instead of PID 1.
    ///
    /// # Errors
    /// When the kernel refuses.
    #[cfg(target_os = "linux")]
    pub fn start() -> anyhow::Result<Self> {
        nix::sys::prctl::set_child_subreaper(true).context("becoming the parent of orphans")?;
        Ok(Self::default())
    }

    /// Elsewhere PID 1 collects them.
    ///
    /// # Errors
    /// Never.
    #[cfg(not(target_os = "linux"))]
    pub fn start() -> anyhow::Result<Self> {
        Ok(Self::default())
    }

    /// Starts a process that the caller awaits. None is started while the ended are looked at, so that it is known
    /// before it can be met.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let mut own = self.own();
        let child = command.spawn()?;
        own.extend(child.id().and_then(|id| i32::try_from(id).ok()));
        Ok(child)
    }

    /// The caller has awaited it: its number may come back as an orphan's.
    pub fn awaited(&self, pid: i32) {
        self.own().remove(&pid);
    }

    /// Collects for ever.
    ///
    /// # Errors
    /// When signals cannot be listened for.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut ended = signal(SignalKind::child()).context("listening for SIGCHLD")?;
        let mut looks = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                _ = ended.recv() => {}
                _ = looks.tick() => {}
            }
            self.collect();
        }
    }

    /// Collects the orphans that have ended; returns how many.
    #[cfg(target_os = "linux")]
    pub fn collect(&self) -> usize {
        use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
        let own = self.own();
        let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let mut collected = 0;
        while let Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _)) =
            waitid(Id::All, peek)
        {
            // One of our own hides those behind it until it was awaited, which is a moment.
            if own.contains(&pid.as_raw()) || waitpid(pid, Some(WaitPidFlag::WNOHANG)).is_err() {
                break;
            }
            collected += 1;
        }
        collected
    }

    /// Elsewhere there is nothing to collect.
    #[cfg(not(target_os = "linux"))]
    pub fn collect(&self) -> usize {
        0
    }

    fn own(&self) -> MutexGuard<'_, BTreeSet<i32>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
