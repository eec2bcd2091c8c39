//! Arguments, configuration and readiness checks of the Kubernetes components: API server, controller manager,
//! scheduler, kubelet and kube-proxy.

use serde_json::json;

use super::probe::Probe;
use super::spec::{Part, PartSpec};
use super::{on_loopback, on_node};
use crate::disk::EVICTION_PERCENT;
use crate::layout::{Layout, NODE_IP, NODE_NAME, POD_CIDR, SERVICE_CIDR};

fn flag(name: &str, value: impl std::fmt::Display) -> String {
    format!("--{name}={value}")
}

pub(super) fn apiserver(layout: &Layout) -> anyhow::Result<PartSpec> {
    let pki = |file: &str| layout.pki(file).display().to_string();
    let probe = Probe::Https {
        address: on_node(6443)?,
        path: "/readyz",
        ca: layout.pki("ca.crt"),
    };
    let mut spec = PartSpec::new(Part::Apiserver, layout.binary("kube-apiserver"), probe);
    spec.args = vec![
        flag("etcd-servers", "http://127.0.0.1:2379"),
        flag("bind-address", "0.0.0.0"),
        flag("secure-port", 6443),
        flag("advertise-address", NODE_IP),
        flag("authorization-mode", "Node,RBAC"),
        flag("enable-admission-plugins", "NodeRestriction"),
        flag("client-ca-file", pki("ca.crt")),
        flag("tls-cert-file", pki("apiserver.crt")),
        flag("tls-private-key-file", pki("apiserver.key")),
        flag(
            "kubelet-client-certificate",
            pki("apiserver-kubelet-client.crt"),
        ),
        flag("kubelet-client-key", pki("apiserver-kubelet-client.key")),
        flag("kubelet-certificate-authority", pki("ca.crt")),
        flag("kubelet-preferred-address-types", "InternalIP"),
        flag("service-account-issuer", "https://kubernetes.default.svc"),
        flag("service-account-key-file", pki("service-account.pub")),
        flag(
            "service-account-signing-key-file",
            pki("service-account.key"),
        ),
        flag("service-cluster-ip-range", SERVICE_CIDR),
        flag("profiling", false),
        flag(
            "audit-policy-file",
            layout.path("config/audit.json").display(),
        ),
        flag("audit-log-path", layout.audit_log().display()),
        // The maximum size is in megabytes; one rotated file is kept.
        flag("audit-log-maxsize", 20),
        flag("audit-log-maxbackup", 1),
    ];
    spec.files = vec![(layout.path("config/audit.json"), audit_policy().to_string())];
    spec.after = vec![Part::Etcd];
    Ok(spec)
}

/// Returns the API server's audit policy. It records the writes by service accounts of the operator's namespace,
/// without the written content. Tests use the records to find the operator pod that made a write.
fn audit_policy() -> serde_json::Value {
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived", "ResponseStarted"],
        "rules": [
            {
                "level": "Metadata",
                "userGroups": ["system:serviceaccounts:crokodial-system"],
                "verbs": ["create", "update", "patch", "delete", "deletecollection"],
                "omitManagedFields": true,
            },
            { "level": "None" },
        ],
    })
}

pub(super) fn controller_manager(layout: &Layout) -> anyhow::Result<PartSpec> {
    let pki = |file: &str| layout.pki(file).display().to_string();
    let probe = Probe::Https {
        address: on_loopback(10257),
        path: "/healthz",
        ca: layout.pki("ca.crt"),
    };
    let mut spec = PartSpec::new(
        Part::ControllerManager,
        layout.binary("kube-controller-manager"),
        probe,
    );
    spec.args = vec![
        flag("kubeconfig", pki("controller-manager.kubeconfig")),
        flag("bind-address", "127.0.0.1"),
        flag("tls-cert-file", pki("controller-manager.crt")),
        flag("tls-private-key-file", pki("controller-manager.key")),
        flag("leader-elect", false),
        flag("use-service-account-credentials", true),
        flag(
            "service-account-private-key-file",
            pki("service-account.key"),
        ),
        flag("root-ca-file", pki("ca.crt")),
        flag("cluster-signing-cert-file", pki("ca.crt")),
        flag("cluster-signing-key-file", pki("ca.key")),
        flag("allocate-node-cidrs", false),
        flag("service-cluster-ip-range", SERVICE_CIDR),
        flag("profiling", false),
    ];
    spec.after = vec![Part::Apiserver];
    Ok(spec)
}

pub(super) fn scheduler(layout: &Layout) -> anyhow::Result<PartSpec> {
    let pki = |file: &str| layout.pki(file).display().to_string();
    let probe = Probe::Https {
        address: on_loopback(10259),
        path: "/healthz",
        ca: layout.pki("ca.crt"),
    };
    let mut spec = PartSpec::new(Part::Scheduler, layout.binary("kube-scheduler"), probe);
    spec.args = vec![
        flag("kubeconfig", pki("scheduler.kubeconfig")),
        flag("bind-address", "127.0.0.1"),
        flag("tls-cert-file", pki("scheduler.crt")),
        flag("tls-private-key-file", pki("scheduler.key")),
        flag("leader-elect", false),
        flag("profiling", false),
    ];
    spec.after = vec![Part::Apiserver];
    Ok(spec)
}

pub(super) fn kubelet(layout: &Layout) -> anyhow::Result<PartSpec> {
    let config = layout.path("config/kubelet.json");
    let resolv_conf = layout.path("config/resolv.conf");
    let root = layout.path("kubelet");
    let probe = Probe::Http {
        address: on_loopback(10248),
        path: "/healthz",
    };
    let mut spec = PartSpec::new(Part::Kubelet, layout.binary("kubelet"), probe);
    spec.args = vec![
        flag("config", config.display()),
        flag("kubeconfig", layout.pki("kubelet.kubeconfig").display()),
        flag("root-dir", root.display()),
        flag("node-ip", NODE_IP),
        flag("hostname-override", NODE_NAME),
        flag("v", 1),
    ];
    spec.folders = vec![root, layout.path("pod-logs")];
    spec.files = vec![
        (config, kubelet_configuration(layout).to_string()),
        // The kubelet's resolv.conf lists no name server, because names outside the cluster cannot be resolved.
        (resolv_conf, String::new()),
    ];
    spec.after = vec![Part::Apiserver, Part::Containerd];
    Ok(spec)
}

fn kubelet_configuration(layout: &Layout) -> serde_json::Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_IP,
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": true },
            "x509": { "clientCAFile": layout.pki("ca.crt") },
        },
        "authorization": { "mode": "Webhook" },
        "tlsCertFile": layout.pki("kubelet.crt"),
        "tlsPrivateKeyFile": layout.pki("kubelet.key"),
        "containerRuntimeEndpoint": format!("unix://{}", layout.containerd_socket().display()),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", layout.name),
        "failCgroupV1": false,
        "failSwapOn": false,
        "clusterDomain": "cluster.local",
        "clusterDNS": [NODE_IP],
        "resolvConf": layout.path("config/resolv.conf"),
        "podLogsDir": layout.path("pod-logs"),
        "volumePluginDir": layout.run.join("volume-plugins"),
        "maxPods": 200,
        "serializeImagePulls": false,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": format!("{EVICTION_PERCENT}%"),
            "nodefs.inodesFree": "1%",
            "imagefs.available": format!("{EVICTION_PERCENT}%"),
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "nodeStatusUpdateFrequency": "5s",
    })
}

pub(super) fn proxy(layout: &Layout) -> anyhow::Result<PartSpec> {
    let config = layout.path("config/kube-proxy.json");
    let content = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": { "kubeconfig": layout.pki("kube-proxy.kubeconfig") },
        "clusterCIDR": POD_CIDR,
        "hostnameOverride": NODE_NAME,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        // 0: do not change the size of the conntrack table, which belongs to the host.
        "conntrack": { "maxPerCore": 0, "min": 0 },
        "iptables": { "minSyncPeriod": "0s", "syncPeriod": "30s" },
    });
    let probe = Probe::Http {
        address: on_loopback(10256),
        path: "/livez",
    };
    let mut spec = PartSpec::new(Part::KubeProxy, layout.binary("kube-proxy"), probe);
    spec.args = vec![flag("config", config.display())];
    spec.files = vec![(config, content.to_string())];
    spec.after = vec![Part::Apiserver];
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use crate::layout::KUBERNETES_SERVICE_IP;

    use super::*;

    fn layout() -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        (dir, layout)
    }

    #[test]
    fn pods_stay_in_the_clusters_own_cgroup() {
        let (_dir, layout) = layout();
        let config = kubelet_configuration(&layout);
        assert_eq!(config["cgroupRoot"], format!("/{}", layout.name));
        assert_eq!(config["failCgroupV1"], false);
    }

    #[test]
    fn the_first_service_address_is_in_the_service_network() {
        let (_dir, layout) = layout();
        let prefix = SERVICE_CIDR.split(".0.0/").next().unwrap();
        assert!(KUBERNETES_SERVICE_IP.starts_with(prefix));
        let args = apiserver(&layout).unwrap().args;
        assert!(args.contains(&"--service-cluster-ip-range=10.222.0.0/16".to_owned()));
    }
}
