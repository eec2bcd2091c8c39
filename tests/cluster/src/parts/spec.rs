//! Description of a part (a process of the cluster): its program, the parts it depends on, and its readiness check.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::probe::Probe;

/// One of the processes that make up the local cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Key-value store of the API server.
    Etcd,
    /// Kubernetes API server.
    Apiserver,
    /// Kubernetes controller manager.
    ControllerManager,
    /// Kubernetes scheduler.
    Scheduler,
    /// Container runtime.
    Containerd,
    /// Kubernetes node agent.
    Kubelet,
    /// Network proxy that implements Services with iptables rules.
    KubeProxy,
    /// Cluster DNS.
    Coredns,
    /// Ingress controller.
    Traefik,
    /// Image registry.
    Registry,
    /// MongoDB-protocol server.
    Ferretdb,
}

impl Part {
    /// Returns the name of the process. It is used for the log file, in `cluster status`, and as an argument of
    /// `cluster logs`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::Apiserver => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Containerd => "containerd",
            Self::Kubelet => "kubelet",
            Self::KubeProxy => "kube-proxy",
            Self::Coredns => "coredns",
            Self::Traefik => "traefik",
            Self::Registry => "registry",
            Self::Ferretdb => "ferretdb",
        }
    }
}

/// Description of a part (a process of the cluster), with everything that is needed to run it.
#[derive(Clone, Debug)]
pub struct PartSpec {
    /// Process to run.
    pub part: Part,
    /// Absolute path of the program.
    pub program: PathBuf,
    /// Command-line arguments of the program.
    pub args: Vec<String>,
    /// Environment variables of the process, in addition to PATH and HOME.
    pub env: BTreeMap<&'static str, String>,
    /// Configuration files to write before the process starts: pairs of path and content. Only root can read the
    /// files.
    pub files: Vec<(PathBuf, String)>,
    /// Folders to create before the process starts.
    pub folders: Vec<PathBuf>,
    /// Processes that must be ready before this process starts.
    pub after: Vec<Part>,
    /// Readiness check of the process.
    pub probe: Probe,
    /// Maximum time from the start of the process until its readiness check passes. Measured starts take less than 10
    /// s; the rest is a margin for a busy machine.
    pub deadline: Duration,
}

impl PartSpec {
    /// Creates a description without arguments, environment variables, files, folders or dependencies. Its deadline is
    /// 120 s.
    #[must_use]
    pub fn new(part: Part, program: PathBuf, probe: Probe) -> Self {
        Self {
            part,
            program,
            args: Vec::new(),
            env: BTreeMap::new(),
            files: Vec::new(),
            folders: Vec::new(),
            after: Vec::new(),
            probe,
            deadline: Duration::from_secs(120),
        }
    }
}

/// Returns a hash of the programs, arguments, environment variables and configuration files in `specs`. A rebuilt
/// program changes the hash, because the resolved path of a built program contains a hash of its build inputs.
#[must_use]
pub fn plan_hash(specs: &[PartSpec]) -> String {
    let mut hasher = Sha256::new();
    for spec in specs {
        let program = spec
            .program
            .canonicalize()
            .unwrap_or_else(|_| spec.program.clone());
        let text = format!(
            "{:?}",
            (spec.part, program, &spec.args, &spec.env, &spec.files)
        );
        hasher.update(text.as_bytes());
    }
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_follows_arguments_and_files() {
        let probe = Probe::Unix("/x".into());
        let spec = PartSpec::new(Part::Etcd, "/bin/true".into(), probe);
        let base = plan_hash(std::slice::from_ref(&spec));
        assert_eq!(base, plan_hash(std::slice::from_ref(&spec)));
        let mut other = spec.clone();
        other.args.push("--x".to_owned());
        assert_ne!(base, plan_hash(&[other]));
        let mut other = spec;
        other.files.push(("/f".into(), "content".to_owned()));
        assert_ne!(base, plan_hash(&[other]));
    }
}
