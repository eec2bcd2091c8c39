//! The supervisor: one detached process per cluster. It starts the cluster's processes, restarts those that exit,
//! forwards the host's ports, and stops everything on SIGTERM.

mod handle;
pub(crate) mod netns;
mod part_runner;
pub mod reaper;
pub mod relay;

use std::fs::{File, OpenOptions};
use std::sync::{Arc, Mutex};

use anyhow::{Context, bail};
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use self::handle::{SupervisorHandle, is_supervisor};
use self::part_runner::{PartRunner, change};
use self::reaper::Reaper;
use crate::layout::Layout;
use crate::parts::spec::{Part, PartSpec, plan_hash};
use crate::settings::Settings;
use crate::state::{PartPhase, PartState, Phase, State};
use crate::{files, leftovers, parts};

/// Tries to take the supervisor's lock. Returns the lock file, which holds the lock until it is dropped. Returns
/// `None` if the lock is held already, which means that a supervisor is running.
///
/// # Errors
/// When the run directory or the lock file cannot be created, for example because the user is not root.
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

/// Reads the process id that the supervisor wrote at its start; `None` if the file does not exist.
///
/// # Errors
/// When the file exists but cannot be read or does not contain a process id.
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

/// Runs the processes of the cluster until SIGTERM or SIGINT. Must be called in a new process, before any other thread
/// starts.
///
/// # Errors
/// When another supervisor of the cluster runs, a namespace or port is not available, or a process does not become
/// ready. Except in the first case, the message is also stored in the state file.
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
    let specs = parts::plan::specs(layout)?;
    new_state(&specs, plan_hash(&specs)).write(layout)?;
    let relays = relay::open(&settings.ports)?;
    netns::make_cgroups(layout)?;
    netns::enter(layout)?;
    netns::configure()?;
    let reaper = Reaper::start()?;
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    runtime.block_on(async {
        for relay in relays {
            relay.start()?;
        }
        tokio::spawn(reaper.clone().run());
        let outcome = Supervisor::new(layout, specs, reaper.clone()).run().await;
        // Pods are killed here rather than by `down`, because this process still reaps them.
        leftovers::kill_processes(layout)?;
        reaper.collect();
        outcome
    })
}

fn new_state(specs: &[PartSpec], plan: String) -> State {
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

/// The processes to supervise, and the state that their tasks share.
struct Supervisor {
    layout: Layout,
    specs: Vec<PartSpec>,
    state: Arc<Mutex<State>>,
    reaper: Reaper,
}

impl Supervisor {
    fn new(layout: &Layout, specs: Vec<PartSpec>, reaper: Reaper) -> Self {
        let state = Arc::new(Mutex::new(new_state(&specs, plan_hash(&specs))));
        Self {
            layout: layout.clone(),
            specs,
            state,
            reaper,
        }
    }

    async fn run(self) -> anyhow::Result<()> {
        let (stop, stopping) = watch::channel(false);
        let (ready, readiness) = watch::channel(Vec::<Part>::new());
        let ready = Arc::new(ready);
        let wanted = self.specs.len();
        let mut tasks = JoinSet::new();
        for spec in self.specs {
            let runner = PartRunner {
                spec,
                layout: self.layout.clone(),
                state: Arc::clone(&self.state),
                reaper: self.reaper.clone(),
                ready: Arc::clone(&ready),
                stopping: stopping.clone(),
            };
            tasks.spawn(runner.run());
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

    /// Waits for SIGTERM or SIGINT, or returns the first error of a [`PartRunner`]. Sets the phase of the cluster to
    /// `Ready` after `wanted` processes have become ready.
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

#[cfg(test)]
mod tests {
    use super::*;

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
