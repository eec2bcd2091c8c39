//! Options of a cluster.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// What provides the Kubernetes cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A kind cluster of our own name: needs a Docker or Podman engine.
    Kind,
    /// A control plane and node built from Go modules: needs Linux and root.
    Local,
    /// The caller's current kubeconfig context, which must be named `crokodial-…`.
    Current,
}

impl Mode {
    /// The value on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Local => "local",
            Self::Current => "current",
        }
    }

    /// The mode in the environment variable `CLUSTER`; `None` if the variable is not set.
    ///
    /// # Errors
    /// When the value is not a mode.
    pub fn from_environment() -> anyhow::Result<Option<Self>> {
        match std::env::var("CLUSTER") {
            Ok(text) if !text.is_empty() => {
                let parsed = <Self as clap::ValueEnum>::from_str(&text, false);
                parsed.map(Some).map_err(|_| {
                    anyhow::anyhow!("CLUSTER={text:?} is unknown: use kind, local or current")
                })
            }
            _ => Ok(None),
        }
    }

    /// The default mode of a machine. The parameters say whether a container engine answers, `kind` is in PATH, and the
    /// user is root on Linux.
    ///
    /// # Errors
    /// When the machine cannot run a cluster; the error says what to do.
    pub fn detect(engine: bool, kind: bool, linux_root: bool) -> anyhow::Result<Self> {
        match (engine && kind, linux_root) {
            (true, _) => Ok(Self::Kind),
            (false, true) => Ok(Self::Local),
            (false, false) if engine => bail!(
                "a container engine answers but `kind` is not in PATH: install kind, or set CLUSTER=local on Linux as root, or CLUSTER=current for a cluster of your own"
            ),
            (false, false) => bail!(
                "no way to run a cluster here: start Docker or Podman and install kind, or run on Linux as root (CLUSTER=local), or set CLUSTER=current for a cluster of your own"
            ),
        }
    }
}

/// Ports on 127.0.0.1 of this machine that are forwarded into the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// Kubernetes API server.
    pub api: u16,
    /// HTTPS edge (Traefik).
    pub https: u16,
    /// HTTP edge, which redirects to HTTPS.
    pub http: u16,
    /// Image registry, plain HTTP.
    pub registry: u16,
    /// MongoDB-protocol server.
    pub mongo: u16,
}

impl Default for Ports {
    /// The fixed ports that `make up` uses and the documentation mentions.
    fn default() -> Self {
        Self {
            api: 6443,
            https: 8443,
            http: 8080,
            registry: 5000,
            mongo: 27017,
        }
    }
}

impl Ports {
    /// Five unused ports.
    ///
    /// # Errors
    /// When the machine has no free port left.
    pub fn free() -> anyhow::Result<Self> {
        // All listeners stay open until the last port is chosen, so that no port is chosen twice.
        let mut held = Vec::new();
        let mut next = || -> anyhow::Result<u16> {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .context("finding a free port on 127.0.0.1")?;
            let port = listener.local_addr()?.port();
            held.push(listener);
            Ok(port)
        };
        Ok(Self {
            api: next()?,
            https: next()?,
            http: next()?,
            registry: next()?,
            mongo: next()?,
        })
    }

    /// `127.0.0.1:port`.
    #[must_use]
    pub fn local(port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
    }
}

/// Options of a cluster.
#[derive(Clone, Debug)]
pub struct Options {
    /// State directory, with kubeconfig, certificates, data, logs and binaries.
    pub dir: PathBuf,
    /// Root of the checkout, with `tests/parts`, `charts`, `operator` and `dialer`.
    pub checkout: PathBuf,
    /// What provides the cluster; `None` for this machine's default.
    pub mode: Option<Mode>,
    /// Fixed host ports; `None` for free ones, chosen by the first `up`.
    pub ports: Option<Ports>,
    /// Program that is started as the supervisor: see [`crate::supervisor::is_supervisor`].
    pub supervisor: PathBuf,
}

impl Options {
    /// Options of the cluster of `make up`: fixed ports, state in `target/cluster`. The current program is also started
    /// as the supervisor.
    ///
    /// # Errors
    /// When the checkout or this program's path cannot be found.
    pub fn of_checkout() -> anyhow::Result<Self> {
        let checkout = checkout_root()?;
        Ok(Self {
            dir: checkout.join("target/cluster"),
            checkout,
            mode: None,
            ports: Some(Ports::default()),
            supervisor: current_program()?,
        })
    }

    /// Options of a cluster for tests: free ports, state in `dir`. It can run alongside the cluster of `make up`.
    ///
    /// # Errors
    /// When the checkout or this program's path cannot be found.
    pub fn for_tests(dir: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            dir: dir.to_path_buf(),
            checkout: checkout_root()?,
            mode: Mode::from_environment()?,
            ports: None,
            supervisor: current_program()?,
        })
    }
}

fn current_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("reading this program's own path")
}

/// Root of the checkout that contains the working directory, or of the checkout from which this program was built.
///
/// # Errors
/// When neither exists.
pub fn checkout_root() -> anyhow::Result<PathBuf> {
    let is_root = |path: &Path| path.join("tests/parts/cluster/go.mod").is_file();
    let here = std::env::current_dir().context("reading the working directory")?;
    if let Some(found) = here.ancestors().find(|path| is_root(path)) {
        return Ok(found.to_path_buf());
    }
    let mut built_from = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    match built_from.find(|path| is_root(path)) {
        Some(found) => Ok(found.to_path_buf()),
        None => bail!("no Crokodial checkout here: run this inside one, where tests/parts/ is"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_with_kind_wins_then_linux_root() {
        assert_eq!(Mode::detect(true, true, true).unwrap(), Mode::Kind);
        assert_eq!(Mode::detect(true, false, true).unwrap(), Mode::Local);
        assert_eq!(Mode::detect(false, true, true).unwrap(), Mode::Local);
        let refused = Mode::detect(true, false, false).unwrap_err().to_string();
        assert!(refused.contains("install kind"), "{refused}");
        assert!(Mode::detect(false, false, false).is_err());
    }

    #[test]
    fn free_ports_are_five_different_ones() {
        let ports = Ports::free().unwrap();
        let mut all = vec![
            ports.api,
            ports.https,
            ports.http,
            ports.registry,
            ports.mongo,
        ];
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 5);
        assert!(all.iter().all(|port| *port != 0));
    }
}
