//! Options for starting a cluster, or for using one that an earlier `up` started.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// Way in which the Kubernetes cluster is provided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A separate kind cluster for this checkout: needs `kind` and the command `docker` (of Docker or Podman).
    Kind,
    /// Kubernetes built from Go modules and run directly on this machine: needs Linux and root.
    Local,
    /// The cluster of the current kubeconfig context: the context's name must start with `crokodial-`.
    Current,
}

impl Mode {
    /// Returns the name of the mode, as used on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Local => "local",
            Self::Current => "current",
        }
    }

    /// Reads the mode from the environment variable `CLUSTER`; `None` if the variable is not set or is empty.
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

    /// Returns the default mode of a machine. `engine` is true if a container engine responds, `kind` if `kind` is in
    /// PATH, and `linux_root` if the user is root on Linux.
    ///
    /// # Errors
    /// When the machine cannot run a cluster; the error names what to install or set.
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
    /// Port of the Kubernetes API server.
    pub api: u16,
    /// Port of the HTTPS ingress (Traefik).
    pub https: u16,
    /// Port of the HTTP ingress (Traefik), which redirects to HTTPS.
    pub http: u16,
    /// Port of the image registry, which uses plain HTTP.
    pub registry: u16,
    /// Port of the MongoDB-protocol server.
    pub mongo: u16,
}

impl Default for Ports {
    /// Returns the fixed ports that `make up` uses unless other ports are requested.
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
    /// Returns five different ports of 127.0.0.1 that are currently unused.
    ///
    /// # Errors
    /// When no free port is left.
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

    /// Returns the socket address `127.0.0.1:port`.
    #[must_use]
    pub fn local(port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
    }
}

/// Options with which a cluster is started or opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// State directory, which contains kubeconfig, certificates, data, logs and binaries.
    pub dir: PathBuf,
    /// Root of the checkout, which contains `tests/parts`, `charts`, `operator` and `dialer`.
    pub checkout: PathBuf,
    /// Way in which the cluster is provided. `None` for the mode of an earlier `up`, or at the first `up` for the
    /// default of this machine.
    pub mode: Option<Mode>,
    /// Fixed host ports; `None` if the first `up` is to choose free ports.
    pub ports: Option<Ports>,
    /// Program that is started as the supervisor. It must call [`crate::cli::main`] if
    /// [`crate::supervisor::is_supervisor`] returns true.
    pub supervisor: PathBuf,
}

impl Options {
    /// Returns the options for the cluster of `make up`: the fixed default ports, and state in `target/cluster`. The
    /// current program is also the supervisor program.
    ///
    /// # Errors
    /// When the checkout or the path of this program cannot be found.
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

    /// Returns the options for a test cluster: free ports, state in `dir`, and the mode in the environment variable
    /// `CLUSTER`. The test cluster can run alongside the cluster of `make up`.
    ///
    /// # Errors
    /// When the checkout or the path of this program cannot be found, or the value of `CLUSTER` is not a mode.
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

/// Returns the root of the checkout that contains the working directory. If there is none, returns the root of the
/// checkout from which this program was built.
///
/// # Errors
/// When neither checkout exists.
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
