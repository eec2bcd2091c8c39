//! The description of a part: its process, the parts it depends on, and its readiness check.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::probe::Probe;

/// A part of the local cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Key-value store of the API server.
    Etcd,
    /// Kubernetes API server.
    Apiserver,
    /// Kubernetes controllers.
    ControllerManager,
    /// Kubernetes scheduler.
    Scheduler,
    /// Container runtime.
    Containerd,
    /// Kubernetes node agent.
    Kubelet,
    /// Implementation of Services by iptables rules.
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
    /// Name of the part: in the name of its log file, in `cluster status`, and as the argument of `cluster logs`.
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

/// Description of a part: everything that is needed to run it.
#[derive(Clone, Debug)]
pub struct PartSpec {
    /// The part that is described.
    pub part: Part,
    /// Absolute path of the binary.
    pub program: PathBuf,
    /// Arguments.
    pub args: Vec<String>,
    /// Environment variables other than PATH and HOME.
    pub env: BTreeMap<&'static str, String>,
    /// Configuration files to write before the start, readable by root only: path and content.
    pub files: Vec<(PathBuf, String)>,
    /// Folders to create before the start.
    pub folders: Vec<PathBuf>,
    /// Parts that must be ready before the start.
    pub after: Vec<Part>,
    /// Readiness check.
    pub probe: Probe,
    /// Time from the start until the readiness check must pass. Measured starts take less than 10 s; the rest is a
    /// margin for a busy machine.
    pub deadline: Duration,
}

impl PartSpec {
    /// A part without configuration files, dependencies or environment.
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

/// Hash of the descriptions of all parts. Equal hashes mean equal processes, because binaries are links to files whose
/// names contain a hash of their content.
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
