//! The supervisor: one detached process per cluster that starts the parts, starts them again when they end, relays
//! the host's ports and stops everything when told to.

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
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::layout::Layout;
use super::part::{Part, Spec, plan_hash};
use super::state::{PartPhase, PartState, Phase, Settings, State};
use super::{files, netns, plan, relay};

/// A part that is told to stop may take this long; then it is killed. Nothing here loses data by a kill.
const STOP_GRACE: Duration = Duration::from_secs(3);
/// Between two readiness checks of a part.
const PROBE_INTERVAL: Duration = Duration::from_millis(100);
/// The first and the longest delay before a part that ended is started again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));
/// A log beyond this is moved aside when its part starts.
const LOG_LIMIT: u64 = 20 << 20;

/// Holds the supervisor's lock; `None` when another process does, which means that a supervisor runs.
///
/// # Errors
/// When the lock file cannot be opened.
pub fn try_lock(layout: &Layout) -> anyhow::Result<Option<File>> {
    std::fs::create_dir_all(&layout.run)
        .with_context(|| format!("creating {} (root is needed)", layout.run.display()))?;
    let path = layout.run.join("supervisor.lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("opening {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("locking {}", path.display()))
        }
    }
}

/// Process id of the supervisor that holds the lock.
///
/// # Errors
/// When the file is there and holds no process id.
pub fn pid(layout: &Layout) -> anyhow::Result<Option<i32>> {
    match std::fs::read_to_string(layout.run.join("supervisor.pid")) {
        Ok(text) => Ok(Some(
            text.trim()
                .parse()
                .context("reading the supervisor's process id")?,
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context("reading the supervisor's process id"),
    }
}

/// Runs until SIGTERM. Called in a fresh process that has no other thread.
///
/// # Errors
/// When a namespace, a port or a part cannot be had; the state file says so too.
pub fn run(layout: &Layout) -> anyhow::Result<()> {
    nix::unistd::setsid().context("leaving the caller's session")?;
    let Some(_lock) = try_lock(layout)? else {
        bail!("a supervisor of {} runs already", layout.name);
    };
    let own = std::process::id().to_string();
    files::write_public(&layout.run.join("supervisor.pid"), own.as_bytes())?;
    let outcome = prepare_and_supervise(layout);
    if let Err(error) = &outcome {
        let mut state = State::read(layout)?.unwrap_or_else(|| new_state(&[], String::new()));
        state.phase = Phase::Failed;
        state.message = Some(format!("{error:#}"));
        state.write(layout)?;
    }
    outcome
}

fn prepare_and_supervise(layout: &Layout) -> anyhow::Result<()> {
    let settings = Settings::read(layout)?
        .context("no settings: the supervisor is started by `cluster up`")?;
    let specs = plan::specs(layout)?;
    new_state(&specs, plan_hash(&specs)).write(layout)?;
    let relays = relay::open(&settings.ports)?;
    netns::make_cgroups(layout)?;
    netns::enter(layout)?;
    netns::configure()?;
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    runtime.block_on(async {
        for relay in relays {
            relay.start()?;
        }
        Supervisor::new(layout, specs).run().await
    })
}

fn new_state(specs: &[Spec], plan: String) -> State {
    let waiting = || PartState {
        phase: PartPhase::Waiting,
        pid: None,
        restarts: 0,
        message: None,
        since: Timestamp::now(),
    };
    State {
        phase: Phase::Starting,
        message: None,
        plan,
        parts: specs
            .iter()
            .map(|spec| (spec.part.as_str().to_owned(), waiting()))
            .collect(),
    }
}

/// Everything the parts' tasks share.
struct Supervisor {
    layout: Layout,
    specs: Vec<Spec>,
    state: Arc<Mutex<State>>,
}

impl Supervisor {
    fn new(layout: &Layout, specs: Vec<Spec>) -> Self {
        let state = Arc::new(Mutex::new(new_state(&specs, plan_hash(&specs))));
        Self {
            layout: layout.clone(),
            specs,
            state,
        }
    }

    async fn run(self) -> anyhow::Result<()> {
        let (stop, stopping) = watch::channel(false);
        let (ready, readiness) = watch::channel(Vec::<Part>::new());
        let ready = Arc::new(ready);
        let wanted = self.specs.len();
        let mut tasks = JoinSet::new();
        for spec in self.specs {
            let keeper = Keeper {
                spec,
                layout: self.layout.clone(),
                state: Arc::clone(&self.state),
                ready: Arc::clone(&ready),
                stopping: stopping.clone(),
            };
            tasks.spawn(keeper.keep());
        }
        let outcome =
            Self::watch_over(&self.layout, &self.state, &mut tasks, readiness, wanted).await;
        stop.send_replace(true);
        while tasks.join_next().await.is_some() {}
        let phase = if outcome.is_ok() {
            Phase::Stopped
        } else {
            Phase::Failed
        };
        change(&self.state, &self.layout, |state| state.phase = phase);
        outcome
    }

    /// Returns when asked to stop, or with the error of the first part that does not become ready.
    async fn watch_over(
        layout: &Layout,
        state: &Mutex<State>,
        tasks: &mut JoinSet<anyhow::Result<()>>,
        mut readiness: watch::Receiver<Vec<Part>>,
        wanted: usize,
    ) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                Some(ended) = tasks.join_next() => ended.context("a part's task")??,
                Ok(()) = readiness.changed() => {
                    if readiness.borrow().len() == wanted {
                        change(state, layout, |state| state.phase = Phase::Ready);
                    }
                }
            }
        }
    }
}

/// Changes the shared state and writes it down. The file is for people and `up`: a full disk must not stop the cluster.
fn change(state: &Mutex<State>, layout: &Layout, edit: impl FnOnce(&mut State)) {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    edit(&mut state);
    if let Err(error) = state.write(layout) {
        tracing::warn!(error = format!("{error:#}"), "cannot write the state");
    }
}

/// Keeps one part running.
struct Keeper {
    spec: Spec,
    layout: Layout,
    state: Arc<Mutex<State>>,
    ready: Arc<watch::Sender<Vec<Part>>>,
    stopping: watch::Receiver<bool>,
}

impl Keeper {
    async fn keep(mut self) -> anyhow::Result<()> {
        if self.wait_for_dependencies().await {
            return Ok(());
        }
        let mut backoff = BACKOFF.0;
        loop {
            let mut child = self.spawn()?;
            self.record(PartPhase::Starting, child.id(), None);
            let started = Instant::now();
            let end = self.attend(&mut child).await?;
            self.stop(&mut child).await;
            let Some(reason) = end else {
                return Ok(());
            };
            tracing::warn!(
                part = self.spec.part.as_str(),
                reason,
                "ended; starting it again"
            );
            self.record(PartPhase::Restarting, None, Some(reason));
            // One that served for a while starts over with the shortest delay.
            if started.elapsed() > BACKOFF.1 * 2 {
                backoff = BACKOFF.0;
            }
            let mut stopping = self.stopping.clone();
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return Ok(()),
                () = tokio::time::sleep(backoff) => {}
            }
            backoff = (backoff * 2).min(BACKOFF.1);
        }
    }

    /// True when told to stop meanwhile.
    async fn wait_for_dependencies(&mut self) -> bool {
        let mut readiness = self.ready.subscribe();
        let after = self.spec.after.clone();
        let mut stopping = self.stopping.clone();
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => true,
            _ = readiness.wait_for(|ready| after.iter().all(|part| ready.contains(part))) => false,
        }
    }

    /// Until the part ends by itself (the reason) or the cluster stops (`None`).
    async fn attend(&self, child: &mut Child) -> anyhow::Result<Option<String>> {
        let mut stopping = self.stopping.clone();
        let became_ready = tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return Ok(None),
            ended = child.wait() => Err(describe(ended)),
            ready = self.until_ready() => ready,
        };
        let known = self.ready.borrow().contains(&self.spec.part);
        match became_ready {
            Ok(()) => self.announce_ready(child.id()),
            // During the first start nothing depends on it yet: say it at once instead of trying for minutes.
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
        Command::new(&spec.program)
            .args(&spec.args)
            // Nothing of the caller's shell: a proxy setting would send the parts outside.
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
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {name}: {}", spec.program.display()))
    }

    /// The whole process group: containerd's shims leave it, so pods outlive a restart of containerd.
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
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() > LOG_LIMIT) {
        std::fs::rename(path, path.with_extension("log.1")).context("moving a long log aside")?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("opening {}", path.display()))
}

/// The last lines of a log, for an error message.
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

    #[test]
    fn one_supervisor_per_cluster() {
        let dir = tempfile::tempdir().unwrap();
        let mut layout = Layout::new(dir.path()).unwrap();
        layout.run = dir.path().join("run");
        let held = try_lock(&layout).unwrap();
        assert!(held.is_some());
        assert!(try_lock(&layout).unwrap().is_none());
        drop(held);
        assert!(try_lock(&layout).unwrap().is_some());
    }
}
