//! Names and paths of one cluster, all derived from its state directory.

use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

/// Address of the node, of the bridge and of every part that pods can reach.
///
/// It exists only in the cluster's own network namespace, so every checkout uses the same one.
pub const NODE_IP: &str = "10.223.0.1";
/// Pod network, behind the bridge.
pub const POD_CIDR: &str = "10.223.0.0/24";
/// Service network.
pub const SERVICE_CIDR: &str = "10.222.0.0/16";
/// First Service address: the `kubernetes` Service itself.
pub const KUBERNETES_SERVICE_IP: &str = "10.222.0.1";
/// Name of the bridge device.
pub const BRIDGE: &str = "crok0";
/// Name of the only node.
pub const NODE_NAME: &str = "node-1";
/// DNS zone of the local cluster, with the names of the sites, the registry and MongoDB.
pub const ZONE: &str = "crokodial.test";
/// Host and port of the registry, as the node and pods name it.
pub const REGISTRY: &str = "registry.crokodial.test:5000";
/// Host and port of the MongoDB-protocol server, as pods name it.
pub const MONGO: &str = "mongo.crokodial.test:27017";

/// Paths and names of one cluster.
#[derive(Clone, Debug)]
pub struct Layout {
    /// `crok-<8 hex digits>`: name of the network namespace, the cgroup and the run directory.
    pub name: String,
    /// State that survives a restart of the supervisor.
    pub dir: PathBuf,
    /// Sockets and runtime state, on tmpfs: gone after `down` and after a reboot.
    pub run: PathBuf,
}

impl Layout {
    /// Derives everything from the state directory, which is created.
    ///
    /// # Errors
    /// When the directory cannot be created or resolved.
    pub fn new(dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)
            .with_context(|| format!("creating the state directory {}", dir.display()))?;
        let dir = dir
            .canonicalize()
            .with_context(|| format!("resolving the state directory {}", dir.display()))?;
        let name = cluster_name(&dir);
        let run = Path::new("/run/crokodial").join(&name);
        Ok(Self { name, dir, run })
    }

    /// A file or folder in the state directory.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.join(relative)
    }

    /// Kubeconfig of the administrator, for use on the host.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.path("kubeconfig")
    }

    /// Log file of one part.
    #[must_use]
    pub fn log(&self, part: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{part}.log"))
    }

    /// The API server's audit log, with the operators' writes.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        self.path("audit.log")
    }

    /// A program, as a link into the cache.
    #[must_use]
    pub fn binary(&self, name: &str) -> PathBuf {
        self.dir.join("bin").join(name)
    }

    /// A certificate, key or kubeconfig of the cluster's PKI.
    #[must_use]
    pub fn pki(&self, file: &str) -> PathBuf {
        self.dir.join("pki").join(file)
    }

    /// containerd's socket, under `run` because socket paths are limited to 107 bytes.
    #[must_use]
    pub fn containerd_socket(&self) -> PathBuf {
        self.run.join("containerd.sock")
    }

    /// The network namespace, as `ip netns` names it.
    #[must_use]
    pub fn netns(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.name)
    }
}

/// A name that differs between any two state directories.
fn cluster_name(dir: &Path) -> String {
    let digest = Sha256::digest(dir.as_os_str().as_encoded_bytes());
    let hex = hex::encode(digest);
    format!("crok-{}", hex.get(..8).unwrap_or(&hex))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_follows_the_directory() {
        let one = cluster_name(Path::new("/a/target/cluster"));
        assert_eq!(one, cluster_name(Path::new("/a/target/cluster")));
        assert_ne!(one, cluster_name(Path::new("/b/target/cluster")));
        assert_eq!(one.len(), 13);
    }

    #[test]
    fn the_socket_path_fits_however_deep_the_checkout_is() {
        let deep = tempfile::tempdir().unwrap();
        let layout = Layout::new(&deep.path().join("d".repeat(120))).unwrap();
        assert!(layout.containerd_socket().as_os_str().len() < 108);
    }
}
