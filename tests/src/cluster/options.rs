//! What the caller may choose about a cluster.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// Where the Kubernetes comes from.
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
    /// The value as written on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Local => "local",
            Self::Current => "current",
        }
    }

    /// The mode that the variable `CLUSTER` asks for, if it is set.
    ///
    /// # Errors
    /// When it names no mode.
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

    /// The mode to take when none is asked for.
    ///
    /// # Errors
    /// When this machine can run neither, with what to do about it.
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

/// Ports on 127.0.0.1 of this machine that lead into the cluster.
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
    /// The fixed ports that `make up` and the documentation use.
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
    /// Five ports that nobody listens on now.
    ///
    /// # Errors
    /// When the machine has no free port left.
    pub fn free() -> anyhow::Result<Self> {
        // All are held until the last is known, so that no port is given out twice.
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

/// Which cluster, where its state is kept and how it is reached.
#[derive(Clone, Debug)]
pub struct Options {
    /// State directory: kubeconfig, certificates, data, logs, binaries.
    pub dir: PathBuf,
    /// Root of the checkout: holds `tests/parts`, `charts`, `operator`, `dialer`.
    pub checkout: PathBuf,
    /// Where the Kubernetes comes from; `None` takes what this machine can run.
    pub mode: Option<Mode>,
    /// Fixed host ports, or `None` for free ones chosen at the first `up`.
    pub ports: Option<Ports>,
    /// The `cluster` binary: it is started again as the supervisor.
    pub supervisor: PathBuf,
}

impl Options {
    /// The cluster of `make up`: fixed ports, state under `target/cluster`.
    ///
    /// # Errors
    /// When the running program's own path cannot be read.
    pub fn of_checkout() -> anyhow::Result<Self> {
        let checkout = checkout_root()?;
        Ok(Self {
            dir: checkout.join("target/cluster"),
            checkout,
            mode: None,
            ports: Some(Ports::default()),
            supervisor: std::env::current_exe().context("reading this program's own path")?,
        })
    }

    /// A cluster for tests beside that of `make up`: free ports, state in `dir`.
    ///
    /// `supervisor` is `env!("CARGO_BIN_EXE_cluster")` in an integration test.
    ///
    /// # Errors
    /// When the checkout cannot be found.
    pub fn for_tests(dir: &Path, supervisor: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            dir: dir.to_path_buf(),
            checkout: checkout_root()?,
            mode: Mode::from_environment()?,
            ports: None,
            supervisor: supervisor.to_path_buf(),
        })
    }
}

/// The checkout this program was built from, or the nearest parent of the working directory that looks like one.
///
/// # Errors
/// When neither exists any more.
pub fn checkout_root() -> anyhow::Result<PathBuf> {
    let is_root = |path: &Path| path.join("tests/parts/cluster/go.mod").is_file();
    let here = std::env::current_dir().context("reading the working directory")?;
    if let Some(found) = here.ancestors().find(|path| is_root(path)) {
        return Ok(found.to_path_buf());
    }
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    match built_from.filter(|path| is_root(path)) {
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
