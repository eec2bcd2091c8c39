//! Names and paths of one cluster. Paths and the cluster's name are derived from its state directory.

use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

/// IP address of the node's bridge device, at which pods reach the node.
///
/// The address exists only in the cluster's network namespace, so the clusters of all checkouts can use the same
/// address.
pub const NODE_IP: &str = "10.223.0.1";
/// IP address range of the bridge and the pods connected to it.
pub const POD_CIDR: &str = "10.223.0.0/24";
/// IP address range of Services.
pub const SERVICE_CIDR: &str = "10.222.0.0/16";
/// IP address of the Service `kubernetes`, the first address of [`SERVICE_CIDR`].
pub const KUBERNETES_SERVICE_IP: &str = "10.222.0.1";
/// Name of the network bridge device to which pods are connected.
pub const BRIDGE: &str = "crok0";
/// Name of the cluster's only node.
pub const NODE_NAME: &str = "node-1";
/// DNS zone of the local cluster. It contains the names of the sites, the registry and MongoDB.
pub const ZONE: &str = "crokodial.test";
/// Host and port of the image registry, as used by the node and by pods.
pub const REGISTRY: &str = "registry.crokodial.test:5000";
/// Host and port of the MongoDB-protocol server, as used by pods.
pub const MONGO: &str = "mongo.crokodial.test:27017";

/// Paths and names of one cluster.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Name of the cluster, its network namespace, its cgroup and its run directory: `crok-` and 8 hex digits.
    pub name: String,
    /// State directory. It is kept when the supervisor restarts and when the machine reboots.
    pub dir: PathBuf,
    /// Run directory for sockets and runtime state. It is on tmpfs, so it is lost at a reboot, and `down` removes it.
    pub run: PathBuf,
}

impl Layout {
    /// Derives all names and paths from the state directory `dir`. Creates the directory if it does not exist.
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

    /// Returns the path of a file or folder in the state directory.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.join(relative)
    }

    /// Returns the path of the administrator's kubeconfig, for use on the host.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.path("kubeconfig")
    }

    /// Returns the path of the log file of a part, which is a process of the cluster such as `etcd`.
    #[must_use]
    pub fn log(&self, part: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{part}.log"))
    }

    /// Returns the path of the API server's audit log, which records the writes of the operator pods.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        self.path("audit.log")
    }

    /// Returns the path of a program in the folder `bin`. The path is a symbolic link to the program.
    #[must_use]
    pub fn binary(&self, name: &str) -> PathBuf {
        self.dir.join("bin").join(name)
    }

    /// Returns the path of a certificate, key or kubeconfig in the folder `pki`.
    #[must_use]
    pub fn pki(&self, file: &str) -> PathBuf {
        self.dir.join("pki").join(file)
    }

    /// Returns the path of containerd's socket. The socket is in the run directory, whose path is short, because
    /// socket paths are limited to 107 bytes.
    #[must_use]
    pub fn containerd_socket(&self) -> PathBuf {
        self.run.join("containerd.sock")
    }

    /// Returns the path of the cluster's network namespace, as created by `ip netns`.
    #[must_use]
    pub fn netns(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.name)
    }
}

/// Derives the cluster's name from a hash of the path of its state directory.
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
