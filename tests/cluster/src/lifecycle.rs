//! Creation and removal of a cluster: the commands `up` and `down`.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::image_builder::{self, ImageBuild};
use crate::layout::Layout;
use crate::options::{Mode, Options, Ports};
use crate::parts::{plan, spec::plan_hash};
use crate::settings::Settings;
use crate::state::{PartPhase, Phase, State};
use crate::supervisor::{self, SupervisorHandle};
use crate::wait::{Progress, until};
use crate::{bootstrap, disk, go, kind, kubeconfig, leftovers, mongo, pki};

/// Timeout for all processes of the cluster to become ready. Each process also has a shorter timeout of its own.
const START_TIMEOUT: Duration = Duration::from_secs(300);
/// Timeout for the supervisor to stop the cluster's processes. Processes that still run afterwards are killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
/// Files and folders of the state directory that `down` removes. The folders `bin` and `logs` are kept.
const REMOVED_BY_DOWN: &[&str] = &[
    "buildah",
    "config",
    "containerd",
    "etcd",
    "kubelet",
    "mongo",
    "pki",
    "pod-logs",
    "registry",
    "images",
    "kubeconfig",
    "ca.crt",
    "mongo-admin-uri",
    "mongo-accounts.json",
    "settings.json",
    "state.json",
    "helm.content",
    "demo-user.json",
];

/// A cluster that `up` has started.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Names and paths of the cluster.
    pub layout: Layout,
    /// Mode and host ports of the cluster.
    pub settings: Settings,
    /// Root of the checkout from which images and programs are built.
    pub checkout: PathBuf,
}

impl Cluster {
    /// Starts the cluster, or completes an interrupted `up`. A running cluster is restarted only if its programs or
    /// their configuration have changed. In mode `current`, this function only checks that the API server responds.
    ///
    /// # Errors
    /// When this machine does not meet a requirement, `options` contradict the settings of an earlier `up`, a program
    /// cannot be built, a host port is in use, or a process of the cluster does not become ready.
    pub async fn up(options: &Options, progress: &Progress) -> anyhow::Result<Self> {
        let layout = Layout::new(&options.dir)?;
        // If `up` runs twice at the same time, the second one waits here and then finds the cluster running.
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(layout.path("up.lock"))
            .context("opening up.lock")?;
        lock.lock().context("locking up.lock")?;
        let known = Settings::read(&layout)?.map(|settings| settings.mode);
        // A kind cluster counts as running, because its published ports cannot change until `down`.
        let running = known == Some(Mode::Kind)
            || known == Some(Mode::Local) && supervisor::try_lock(&layout)?.is_none();
        let settings = Settings::choose(options, &layout, running)?;
        let cluster = Self {
            layout,
            settings,
            checkout: options.checkout.clone(),
        };
        match settings.mode {
            Mode::Local => cluster.up_local(options, progress).await?,
            Mode::Kind => cluster.up_kind(progress).await?,
            Mode::Current => cluster.check_current().await?,
        }
        Ok(cluster)
    }

    /// Opens the cluster that an earlier `up` started.
    ///
    /// # Errors
    /// When `up` has not started a cluster in the state directory.
    pub fn open(options: &Options) -> anyhow::Result<Self> {
        let layout = Layout::new(&options.dir)?;
        let Some(settings) = Settings::read(&layout)? else {
            bail!(
                "no cluster in {}: run `make up` (or `cluster up`) first",
                layout.dir.display()
            );
        };
        Ok(Self {
            layout,
            settings,
            checkout: options.checkout.clone(),
        })
    }

    async fn up_local(&self, options: &Options, progress: &Progress) -> anyhow::Result<()> {
        if !nix::unistd::geteuid().is_root() {
            bail!(
                "CLUSTER=local needs root (namespaces, mounts, containers): run it with sudo, or start Docker and use CLUSTER=kind"
            );
        }
        go::ensure(&self.checkout, &self.layout, go::PROGRAMS, progress)?;
        go::ensure_kubectl(&self.checkout, &self.layout, progress)?;
        disk::check(&self.layout.dir)?;
        pki::ensure(&self.layout.path("pki"))?;
        let accounts = mongo::Accounts::ensure(&self.layout, &self.settings.ports)?;
        kubeconfig::write_all(&self.layout, self.settings.mode, &self.settings.ports)?;
        let supervisor = self.start_supervisor(options, progress)?;
        self.wait_for_apiserver(&supervisor, progress).await?;
        let client = self.client().await?;
        bootstrap::apply(&client).await?;
        self.wait_for_parts(&supervisor, progress).await?;
        let pause = plan::pause_image(&self.layout)?;
        image_builder::ensure_pause(&self.layout, &self.settings.ports, &self.checkout, &pause)
            .await?;
        accounts
            .create_users(Mode::Local, &self.settings.ports, progress)
            .await?;
        bootstrap::wait_for_node(&client, progress).await?;
        progress.say("the cluster is ready");
        Ok(())
    }

    async fn up_kind(&self, progress: &Progress) -> anyhow::Result<()> {
        go::ensure_kubectl(&self.checkout, &self.layout, progress)?;
        let ports = &self.settings.ports;
        let accounts = mongo::Accounts::ensure(&self.layout, ports)?;
        kind::start(&self.layout, ports, &accounts, progress)?;
        let client = self.client().await?;
        bootstrap::apply(&client).await?;
        kind::configure(&self.layout, ports, &client, progress).await?;
        accounts.create_users(Mode::Kind, ports, progress).await?;
        progress.say("the cluster is ready");
        Ok(())
    }

    /// Returns a handle to the running supervisor if the programs of the cluster and their configuration have not
    /// changed since its start. Otherwise stops it, if there is one, and starts a new one.
    fn start_supervisor(
        &self,
        options: &Options,
        progress: &Progress,
    ) -> anyhow::Result<SupervisorHandle> {
        let wanted = plan_hash(&plan::specs(&self.layout)?);
        let running = supervisor::try_lock(&self.layout)?.is_none();
        let state = State::read(&self.layout)?;
        if running {
            if state.as_ref().is_some_and(|state| state.plan == wanted) {
                return Ok(SupervisorHandle::Found);
            }
            progress.say("the parts or their configuration changed: starting them again");
            self.stop_supervisor(progress)?;
        } else if !leftovers::list(&self.layout)?
            .iter()
            .all(|line| line.starts_with("directory"))
        {
            progress.say("removing what an interrupted run left");
        }
        leftovers::remove(&self.layout)?;
        let _ = std::fs::remove_file(State::path(&self.layout));
        progress.say("starting the cluster");
        SupervisorHandle::start(&options.supervisor, &self.layout)
    }

    async fn wait_for_apiserver(
        &self,
        supervisor: &SupervisorHandle,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        self.wait_for_state(supervisor, progress, "the API server", |state| {
            state
                .parts
                .get("kube-apiserver")
                .is_some_and(|part| part.phase == PartPhase::Ready)
        })
        .await
    }

    async fn wait_for_parts(
        &self,
        supervisor: &SupervisorHandle,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        self.wait_for_state(supervisor, progress, "all parts", |state| {
            state.phase == Phase::Ready
                && state
                    .parts
                    .values()
                    .all(|part| part.phase == PartPhase::Ready)
        })
        .await
    }

    async fn wait_for_state(
        &self,
        supervisor: &SupervisorHandle,
        progress: &Progress,
        what: &str,
        reached: impl Fn(&State) -> bool,
    ) -> anyhow::Result<()> {
        let failed = until(progress, what, START_TIMEOUT, || async {
            // Checked before the state is read: a supervisor that exits writes the reason into its state.
            let gone = supervisor.gone(&self.layout)?;
            let state = State::read(&self.layout)?;
            match (state, gone) {
                (Some(state), _) if matches!(state.phase, Phase::Failed | Phase::Stopped) => {
                    Ok(Some(state.message.unwrap_or_default()))
                }
                (_, Some(gone)) => Ok(Some(gone)),
                (None, None) => bail!("the supervisor did not report yet"),
                (Some(state), None) if reached(&state) => Ok(None),
                (Some(state), None) => {
                    let pending = state
                        .parts
                        .iter()
                        .filter(|(_, part)| part.phase != PartPhase::Ready);
                    let names: Vec<_> = pending.map(|(name, _)| name.as_str()).collect();
                    bail!("not ready: {}", names.join(", "))
                }
            }
        })
        .await?;
        match failed {
            None => Ok(()),
            Some(message) => {
                leftovers::remove(&self.layout)?;
                bail!(
                    "the cluster did not start: {message}\nlogs are in {}",
                    self.layout.path("logs").display()
                )
            }
        }
    }

    /// Stops the cluster, except in mode `current`, and removes its state, but not binaries and logs.
    ///
    /// # Errors
    /// When a resource cannot be removed; the error names it.
    pub fn down(&self, progress: &Progress) -> anyhow::Result<()> {
        remove(&self.layout, progress)
    }

    fn stop_supervisor(&self, progress: &Progress) -> anyhow::Result<()> {
        stop_supervisor(&self.layout, progress)
    }

    /// Returns the path of the administrator's kubeconfig, which `up` writes except in mode `current`.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.layout.kubeconfig()
    }

    /// Creates a Kubernetes client for the cluster's API server.
    ///
    /// # Errors
    /// When the kubeconfig cannot be read, or the name of its current context does not start with `crokodial-`.
    pub async fn client(&self) -> anyhow::Result<kube::Client> {
        let config = match self.settings.mode {
            Mode::Current => current_kubeconfig()?,
            Mode::Kind | Mode::Local => kube::config::Kubeconfig::read_from(self.kubeconfig())
                .with_context(|| format!("reading {}", self.kubeconfig().display()))?,
        };
        kubeconfig::refuse_foreign(config.current_context.as_deref())?;
        let options = kube::config::KubeConfigOptions::default();
        let mut config = kube::Config::from_custom_kubeconfig(config, &options)
            .await
            .context("the kubeconfig")?;
        // The library's default timeouts are several minutes.
        config.connect_timeout = Some(Duration::from_secs(5));
        config.read_timeout = Some(Duration::from_secs(60));
        kube::Client::try_from(config).context("making the API client")
    }

    /// Returns the ports on 127.0.0.1 that are forwarded into the cluster.
    #[must_use]
    pub fn ports(&self) -> Ports {
        self.settings.ports
    }

    /// Builds an image and pushes it to the cluster's registry. Returns the reference that pods use to pull the image.
    ///
    /// # Errors
    /// When the build or the push fails.
    pub fn build_image(&self, build: &ImageBuild) -> anyhow::Result<String> {
        image_builder::build_and_push(&self.layout, &self.settings.ports, build)
    }

    async fn check_current(&self) -> anyhow::Result<()> {
        let client = self.client().await?;
        let version = client
            .apiserver_version()
            .await
            .context("asking the current cluster")?;
        eprintln!(
            "using the current context, Kubernetes {}",
            version.git_version
        );
        Ok(())
    }
}

fn current_kubeconfig() -> anyhow::Result<kube::config::Kubeconfig> {
    kube::config::Kubeconfig::read().context("reading the current kubeconfig")
}

/// Stops the cluster of a state directory, except in mode `current`, and removes its state. Missing files are ignored.
///
/// # Errors
/// When a resource cannot be removed; the error names it.
pub fn remove(layout: &Layout, progress: &Progress) -> anyhow::Result<()> {
    let mode = Settings::read(layout)?.map(|settings| settings.mode);
    if mode == Some(Mode::Kind) {
        kind::remove(layout)?;
    } else if mode != Some(Mode::Current) {
        stop_supervisor(layout, progress)?;
        leftovers::remove(layout)?;
    }
    for name in REMOVED_BY_DOWN {
        let path = layout.path(name);
        let removed = match std::fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(&path),
            Ok(_) => std::fs::remove_file(&path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        removed.with_context(|| format!("removing {}", path.display()))?;
    }
    if matches!(mode, None | Some(Mode::Local)) {
        let left = leftovers::list(layout)?;
        if !left.is_empty() {
            bail!("still there: {}", left.join("; "));
        }
    }
    Ok(())
}

/// Sends SIGTERM to the supervisor and waits at most [`STOP_TIMEOUT`] until it has exited. It may still run afterwards.
fn stop_supervisor(layout: &Layout, progress: &Progress) -> anyhow::Result<()> {
    if !layout.run.exists() || supervisor::try_lock(layout)?.is_some() {
        return Ok(());
    }
    let Some(pid) = supervisor::pid(layout)? else {
        return Ok(());
    };
    progress.say("stopping the cluster");
    // The supervisor's lock is held, so the supervisor runs and the process id has not been reused.
    let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    let started = Instant::now();
    while supervisor::try_lock(layout)?.is_none() {
        if started.elapsed() > STOP_TIMEOUT {
            progress.say("the supervisor does not stop: killing it");
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
