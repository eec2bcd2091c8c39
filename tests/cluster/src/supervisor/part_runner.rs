//! Runs one process of the cluster: start, readiness check, restart with exponential backoff, and stop.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use jiff::Timestamp;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::reaper::Reaper;
use crate::files;
use crate::layout::Layout;
use crate::parts::spec::{Part, PartSpec};
use crate::state::{PartPhase, State};

/// Time between SIGTERM and SIGKILL when a process is stopped. It is short, because the data of the cluster is
/// disposable.
const STOP_GRACE: Duration = Duration::from_secs(3);
/// Time between two readiness checks of a process.
const PROBE_INTERVAL: Duration = Duration::from_millis(100);
/// Delay before the first restart of a process that exited. It doubles with each further restart, and is reset if the
/// process ran for more than twice [`MAX_BACKOFF`] before it exited.
const MIN_BACKOFF: Duration = Duration::from_millis(500);
/// Maximum delay before a restart of a process that exited.
const MAX_BACKOFF: Duration = Duration::from_secs(15);
/// Size of the log of a process, in bytes, above which the log is rotated when the process starts.
const MAX_LOG_BYTES: u64 = 20 << 20;

/// Changes the shared state and writes it to the state file. A write error, such as a full disk, is only logged,
/// because it must not stop the cluster.
pub(super) fn change(state: &Mutex<State>, layout: &Layout, edit: impl FnOnce(&mut State)) {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    edit(&mut state);
    if let Err(error) = state.write(layout) {
        tracing::warn!(error = format!("{error:#}"), "cannot write the state");
    }
}

/// Runner of one process of the cluster.
pub(super) struct PartRunner {
    pub(super) spec: PartSpec,
    pub(super) layout: Layout,
    pub(super) state: Arc<Mutex<State>>,
    pub(super) reaper: Reaper,
    pub(super) ready: Arc<watch::Sender<Vec<Part>>>,
    pub(super) stopping: watch::Receiver<bool>,
}

impl PartRunner {
    /// Runs the process until the cluster stops, and restarts it whenever it exits.
    ///
    /// # Errors
    /// When the process cannot be started or does not become ready after its first start.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        if self.wait_for_dependencies().await {
            return Ok(());
        }
        let mut backoff = MIN_BACKOFF;
        loop {
            let mut child = self.spawn()?;
            let pid = child.id();
            self.record(PartPhase::Starting, child.id(), None);
            let started = Instant::now();
            let end = self.watch_process(&mut child).await?;
            self.stop(&mut child).await;
            if let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()) {
                self.reaper.awaited(pid);
            }
            let Some(reason) = end else {
                return Ok(());
            };
            tracing::warn!(
                part = self.spec.part.as_str(),
                reason,
                "ended; starting it again"
            );
            self.record(PartPhase::Restarting, None, Some(reason));
            // A part that ran for a while before it exited gets the shortest delay again.
            if started.elapsed() > MAX_BACKOFF * 2 {
                backoff = MIN_BACKOFF;
            }
            let mut stopping = self.stopping.clone();
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return Ok(()),
                () = tokio::time::sleep(backoff) => {}
            }
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }

    /// Waits until the processes on which this process depends are ready. Returns true if the cluster stops first.
    async fn wait_for_dependencies(&mut self) -> bool {
        let mut readiness = self.ready.subscribe();
        let after = self.spec.after.clone();
        let mut stopping = self.stopping.clone();
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => true,
            _ = readiness.wait_for(|ready| after.iter().all(|part| ready.contains(part))) => false,
        }
    }

    /// Waits until the process exits or fails to become ready, and returns the reason; `None` if the cluster stops
    /// first. If the process has never been ready, a failure is returned as an error.
    async fn watch_process(&self, child: &mut Child) -> anyhow::Result<Option<String>> {
        let mut stopping = self.stopping.clone();
        let became_ready = tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return Ok(None),
            ended = child.wait() => Err(describe(ended)),
            ready = self.until_ready() => ready,
        };
        let known = self.ready.borrow().contains(&self.spec.part);
        match became_ready {
            Ok(()) => self.announce_ready(child.id()),
            // A part that exits during its first start fails at once instead of being restarted for minutes.
            Err(reason) if !known => {
                let tail = log_tail(&self.layout.log(self.spec.part.as_str()));
                self.record(PartPhase::Restarting, None, Some(reason.clone()));
                self.stop(child).await;
                bail!(
                    "{} did not become ready: {reason}\nthe end of its log:\n{tail}",
                    self.spec.part.as_str()
                );
            }
            Err(reason) => return Ok(Some(reason)),
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => Ok(None),
            ended = child.wait() => Ok(Some(describe(ended))),
        }
    }

    async fn until_ready(&self) -> Result<(), String> {
        let started = Instant::now();
        loop {
            match self.spec.probe.check().await {
                Ok(()) => return Ok(()),
                Err(refusal) if started.elapsed() > self.spec.deadline => {
                    return Err(format!(
                        "not ready after {} s: {refusal:#}",
                        self.spec.deadline.as_secs()
                    ));
                }
                Err(_) => tokio::time::sleep(PROBE_INTERVAL).await,
            }
        }
    }

    fn announce_ready(&self, pid: Option<u32>) {
        self.record(PartPhase::Ready, pid, None);
        let part = self.spec.part;
        self.ready.send_if_modified(|ready| {
            let new = !ready.contains(&part);
            if new {
                ready.push(part);
            }
            new
        });
    }

    fn spawn(&self) -> anyhow::Result<Child> {
        let spec = &self.spec;
        let name = spec.part.as_str();
        for folder in &spec.folders {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("creating {}", folder.display()))?;
        }
        for (path, content) in &spec.files {
            files::write_private(path, content.as_bytes())?;
        }
        let log = open_log(&self.layout.log(name))?;
        let mut command = Command::new(&spec.program);
        command
            .args(&spec.args)
            // Parts inherit no environment variables: with the proxy settings of a shell they would use the proxy.
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", &self.layout.run)
            .envs(&spec.env)
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("opening a log")?)
            .stderr(log)
            .current_dir(&self.layout.dir)
            .process_group(0);
        self.reaper
            .spawn(&mut command)
            .with_context(|| format!("starting {name}: {}", spec.program.display()))
    }

    /// Stops the process group of `child`. containerd's shims are in other process groups, so pods survive a restart
    /// of containerd.
    async fn stop(&self, child: &mut Child) {
        let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()) else {
            return;
        };
        let group = Pid::from_raw(group);
        let _ = killpg(group, Signal::SIGTERM);
        if tokio::time::timeout(STOP_GRACE, child.wait())
            .await
            .is_err()
        {
            let _ = killpg(group, Signal::SIGKILL);
            let _ = child.wait().await;
        }
    }

    fn record(&self, phase: PartPhase, pid: Option<u32>, message: Option<String>) {
        change(&self.state, &self.layout, |state| {
            if let Some(part) = state.parts.get_mut(self.spec.part.as_str()) {
                if phase == PartPhase::Restarting {
                    part.restarts += 1;
                }
                if message.is_some() || phase == PartPhase::Ready {
                    part.message = message;
                }
                part.phase = phase;
                part.pid = pid;
                part.since = Timestamp::now();
            }
        });
    }
}

fn describe(ended: std::io::Result<std::process::ExitStatus>) -> String {
    match ended {
        Ok(status) => format!("it ended: {status}"),
        Err(error) => format!("waiting for it failed: {error}"),
    }
}

fn open_log(path: &Path) -> anyhow::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("creating {}", folder.display()))?;
    }
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() > MAX_LOG_BYTES) {
        std::fs::rename(path, path.with_extension("log.1")).context("moving a long log aside")?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("opening {}", path.display()))
}

/// Returns the last 15 lines of a log, for an error message.
fn log_tail(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().rev().take(15).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_its_last_lines_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        let lines: Vec<_> = (0..40).map(|line| line.to_string()).collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        let tail = log_tail(&path);
        assert!(tail.starts_with("25\n") && tail.ends_with("39"), "{tail}");
        assert_eq!(log_tail(&dir.path().join("none")), "");
    }
}
