//! The programs that are built from Go modules, and how.

use super::patch::{FERRETDB_SCRAM, Patch, TRAEFIK_WITHOUT_DNS_HOSTS, TRAEFIK_WITHOUT_ECS};

/// One binary.
#[derive(Clone, Copy, Debug)]
pub struct GoPart {
    /// Name of the binary.
    pub name: &'static str,
    /// Folder of its module under `tests/parts`.
    pub module: &'static str,
    /// Package to build.
    pub package: &'static str,
    /// Linker flags beside `-s -w`.
    pub ldflags: &'static str,
    /// Corrections to its source.
    pub patches: &'static [Patch],
}

/// Kubernetes reports this version; without the flag it says v0.0.0 and refuses features.
const KUBERNETES: &str = "-X k8s.io/component-base/version.gitVersion=v1.36.3 -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36";

const fn kubernetes(name: &'static str, package: &'static str) -> GoPart {
    GoPart {
        name,
        module: "cluster",
        package,
        ldflags: KUBERNETES,
        patches: &[],
    }
}

/// Every binary of the local cluster, the longest build first.
pub const PARTS: &[GoPart] = &[
    kubernetes("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    kubernetes("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
    kubernetes(
        "kube-controller-manager",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
    ),
    kubernetes("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
    kubernetes("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
    GoPart {
        name: "traefik",
        module: "cluster",
        package: "github.com/traefik/traefik/v3/cmd/traefik",
        ldflags: "-X github.com/traefik/traefik/v3/pkg/version.Version=3.6.12",
        patches: &[TRAEFIK_WITHOUT_DNS_HOSTS, TRAEFIK_WITHOUT_ECS],
    },
    GoPart {
        name: "coredns",
        module: "cluster",
        package: ".",
        ldflags: "",
        patches: &[],
    },
    GoPart {
        name: "ferretdb",
        module: "ferretdb",
        package: "github.com/FerretDB/FerretDB/cmd/ferretdb",
        // Or it panics about its version file.
        ldflags: "-X runtime.modinfo=",
        patches: &[FERRETDB_SCRAM],
    },
    GoPart {
        name: "etcd",
        module: "cluster",
        package: "go.etcd.io/etcd/server/v3",
        ldflags: "",
        patches: &[],
    },
    GoPart {
        name: "pause",
        module: "pause",
        package: ".",
        ldflags: "",
        patches: &[],
    },
];

/// Helm, in every mode.
pub const HELM: GoPart = GoPart {
    name: "helm",
    module: "cluster",
    package: "helm.sh/helm/v3/cmd/helm",
    ldflags: "-X helm.sh/helm/v3/internal/version.version=v3.22.0",
    patches: &[],
};

/// kubectl, where PATH has none.
pub const KUBECTL: GoPart = kubernetes("kubectl", "k8s.io/kubernetes/cmd/kubectl");
