//! The programs that are built from Go modules, with their build options.

use super::patch::{FERRETDB_SCRAM, Patch, TRAEFIK_WITHOUT_DNS_HOSTS, TRAEFIK_WITHOUT_ECS};

/// A Go program and its build options.
#[derive(Clone, Copy, Debug)]
pub struct GoProgram {
    /// Name of the binary.
    pub name: &'static str,
    /// Name of the folder under `tests/parts` that contains the Go module.
    pub module: &'static str,
    /// Import path of the Go package to build, or `.` for the package in the module's root.
    pub package: &'static str,
    /// Linker flags in addition to `-s -w`.
    pub ldflags: &'static str,
    /// Patches to the source of the Go modules that the program is built from.
    pub patches: &'static [Patch],
}

/// Linker flags that set the version of Kubernetes. Without them, Kubernetes reports v0.0.0 and disables features.
const KUBERNETES: &str = "-X k8s.io/component-base/version.gitVersion=v1.36.3 -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36";

const fn kubernetes(name: &'static str, package: &'static str) -> GoProgram {
    GoProgram {
        name,
        module: "cluster",
        package,
        ldflags: KUBERNETES,
        patches: &[],
    }
}

/// Programs that run in the local cluster and are built from Go modules, in descending order of build time.
pub const PROGRAMS: &[GoProgram] = &[
    kubernetes("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    kubernetes("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
    kubernetes(
        "kube-controller-manager",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
    ),
    kubernetes("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
    kubernetes("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
    GoProgram {
        name: "traefik",
        module: "cluster",
        package: "github.com/traefik/traefik/v3/cmd/traefik",
        ldflags: "-X github.com/traefik/traefik/v3/pkg/version.Version=3.6.12",
        patches: &[TRAEFIK_WITHOUT_DNS_HOSTS, TRAEFIK_WITHOUT_ECS],
    },
    GoProgram {
        name: "coredns",
        module: "cluster",
        package: ".",
        ldflags: "",
        patches: &[],
    },
    GoProgram {
        name: "ferretdb",
        module: "ferretdb",
        package: "github.com/FerretDB/FerretDB/cmd/ferretdb",
        // Without this flag FerretDB panics at its start because of its version file.
        ldflags: "-X runtime.modinfo=",
        patches: &[FERRETDB_SCRAM],
    },
    GoProgram {
        name: "etcd",
        module: "cluster",
        package: "go.etcd.io/etcd/server/v3",
        ldflags: "",
        patches: &[],
    },
    GoProgram {
        name: "pause",
        module: "pause",
        package: ".",
        ldflags: "",
        patches: &[],
    },
];

/// Helm, which is built from source in every cluster mode.
pub const HELM: GoProgram = GoProgram {
    name: "helm",
    module: "cluster",
    package: "helm.sh/helm/v3/cmd/helm",
    ldflags: "-X helm.sh/helm/v3/internal/version.version=v3.22.0",
    patches: &[],
};

/// Checks of what `deploy/gitops` ships, with the libraries of Flux, Argo CD and kustomize.
pub const GITOPS_CHECK: GoProgram = GoProgram {
    name: "gitops-check",
    module: "gitops",
    package: ".",
    ldflags: "",
    patches: &[],
};

/// kubectl, which is built only if it is not in PATH.
pub const KUBECTL: GoProgram = kubernetes("kubectl", "k8s.io/kubernetes/cmd/kubectl");
