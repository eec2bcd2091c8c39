//! Names and paths of one cluster, all derived from its state directory.

use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

/// Address of the bridge, which is the address of the node and of every part that pods can reach.
///
/// The address exists only in the cluster's network namespace, so the clusters of all checkouts use the same one.
pub const NODE_IP: &str = "10.223.0.1";
/// Address range of pods, behind the bridge.
pub const POD_CIDR: &str = "10.223.0.0/24";
/// Address range of Services.
pub const SERVICE_CIDR: &str = "10.222.0.0/16";
/// Address of the Service `kubernetes`: the first of [`SERVICE_CIDR`].
pub const KUBERNETES_SERVICE_IP: &str = "10.222.0.1";
/// Name of the bridge device.
pub const BRIDGE: &str = "crok0";
/// Name of the only node.
pub const NODE_NAME: &str = "node-1";
/// DNS zone of the local cluster. It contains the names of the sites, the registry and MongoDB.
pub const ZONE: &str = "crokodial.test";
/// Host and port of the registry, for the node and pods.
pub const REGISTRY: &str = "registry.crokodial.test:5000";
/// Host and port of the MongoDB-protocol server, for pods.
pub const MONGO: &str = "mongo.crokodial.test:27017";

/// Paths and names of one cluster.
#[derive(Clone, Debug)]
pub struct Layout {
    /// `crok-<8 hex digits>`: name of the network namespace, the cgroup and the run directory.
    pub name: String,
    /// The state directory, which survives a restart of the supervisor.
    pub dir: PathBuf,
    /// The run directory with sockets and runtime state, on tmpfs: removed by `down` and lost at a reboot.
    pub run: PathBuf,
}

impl Layout {
    /// Derives all names and paths from the state directory, and creates that directory.
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

    /// Path of a file or folder in the state directory.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.join(relative)
    }

    /// Path of the administrator's kubeconfig, for use on the host.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.path("kubeconfig")
    }

    /// Path of the log file of a part.
    #[must_use]
    pub fn log(&self, part: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{part}.log"))
    }

    /// Path of the API server's audit log, which contains the operators' writes.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        self.path("audit.log")
    }

    /// Path of a program in `bin`, which is a link into the cache.
    #[must_use]
    pub fn binary(&self, name: &str) -> PathBuf {
        self.dir.join("bin").join(name)
    }

    /// Path of a certificate, key or kubeconfig of the cluster's PKI.
    #[must_use]
    pub fn pki(&self, file: &str) -> PathBuf {
        self.dir.join("pki").join(file)
    }

    /// Path of containerd's socket. It is in the short run directory, because socket paths are limited to 107 bytes.
    #[must_use]
    pub fn containerd_socket(&self) -> PathBuf {
        self.run.join("containerd.sock")
    }

    /// Path of the cluster's network namespace, as created by `ip netns`.
    #[must_use]
    pub fn netns(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.name)
    }
}

/// The cluster's name, derived from a hash of the path of the state directory.
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
