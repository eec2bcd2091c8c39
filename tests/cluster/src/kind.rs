//! Cluster mode `kind`: a kind (Kubernetes in Docker) cluster, with a registry and MongoDB in containers alongside it.
//!
//! This module contains only what differs from mode `local`, such as the setup of the kubeconfig, Traefik, the registry
//! and MongoDB.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::config::Kubeconfig;
use serde_json::{Value, json};

use crate::bootstrap;
use crate::command::{require, run};
use crate::files::{write_private, write_public};
use crate::layout::{Layout, REGISTRY, ZONE};
use crate::mongo::Accounts;
use crate::options::Ports;
use crate::parts::edge_arguments;
use crate::parts::probe::Probe;
use crate::wait::{Progress, until};

/// Image of the registry, which runs in a container alongside the kind cluster.
const REGISTRY_IMAGE: &str = "registry:2";
const MONGO_IMAGE: &str = "mongo:7";
const TRAEFIK_IMAGE: &str = "traefik:v3.6";
/// Docker network to which kind connects its nodes.
const NETWORK: &str = "kind";
/// Namespace in which Traefik runs.
const EDGE: &str = "crokodial-edge";

/// Starts the kind cluster and the containers alongside it unless they are running, and writes the kubeconfig.
///
/// # Errors
/// When kind or docker is missing or fails; the error contains the output of the failed command.
pub fn start(
    layout: &Layout,
    ports: &Ports,
    accounts: &Accounts,
    progress: &Progress,
) -> anyhow::Result<()> {
    require("docker")?;
    if crate::command::find("kind").is_none() {
        bail!(
            "CLUSTER=kind needs `kind` in PATH: https://kind.sigs.k8s.io, or use CLUSTER=local on Linux as root"
        );
    }
    create_cluster(layout, ports, progress)?;
    write_kubeconfig(layout)?;
    ensure_container(
        layout,
        "registry",
        REGISTRY_IMAGE,
        (ports.registry, 5000),
        &[],
    )?;
    let root = [
        ("MONGO_INITDB_ROOT_USERNAME".to_owned(), "admin".to_owned()),
        (
            "MONGO_INITDB_ROOT_PASSWORD".to_owned(),
            accounts.admin.0.clone(),
        ),
    ];
    ensure_container(layout, "mongo", MONGO_IMAGE, (ports.mongo, 27017), &root)?;
    let node = format!("{}-control-plane", layout.name);
    let hosts = format!(
        "[host.\"http://{}-registry:5000\"]\n  capabilities = [\"pull\", \"resolve\"]\n",
        layout.name
    );
    write_in_node(
        &node,
        &format!("/etc/containerd/certs.d/{REGISTRY}/hosts.toml"),
        &hosts,
    )
}

/// Adds the local DNS zone to the configuration of CoreDNS and deploys Traefik. Waits until Traefik and the registry
/// are ready.
///
/// # Errors
/// When the API server rejects an object, or Traefik or the registry does not become ready.
pub async fn configure(
    layout: &Layout,
    ports: &Ports,
    client: &kube::Client,
    progress: &Progress,
) -> anyhow::Result<()> {
    let node = address(&format!("{}-control-plane", layout.name))?;
    let registry = address(&format!("{}-registry", layout.name))?;
    let mongo = address(&format!("{}-mongo", layout.name))?;
    add_zone(client, &zone(&node, &registry, &mongo)).await?;
    for object in edge_objects(&node) {
        bootstrap::apply_one(client, object).await?;
    }
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), EDGE);
    until(progress, "Traefik", Duration::from_secs(300), || async {
        let status = deployments.get("traefik").await?.status.unwrap_or_default();
        if status.ready_replicas != Some(1) {
            bail!("its pod is not ready");
        }
        Ok(())
    })
    .await?;
    let registry = Probe::Http {
        address: Ports::local(ports.registry),
        path: "/v2/",
    };
    until(progress, "the registry", Duration::from_secs(60), || {
        registry.check()
    })
    .await
}

/// Removes the kind cluster, if `kind` is in PATH, and the containers alongside it.
///
/// # Errors
/// When docker or kind fails.
pub fn remove(layout: &Layout) -> anyhow::Result<()> {
    if crate::command::find("kind").is_some() {
        run(Command::new("kind").args(["delete", "cluster", "--name", &layout.name]))?;
    }
    for name in ["registry", "mongo"] {
        run(Command::new("docker").args([
            "rm",
            "--force",
            "--volumes",
            &format!("{}-{name}", layout.name),
        ]))?;
    }
    Ok(())
}

fn create_cluster(layout: &Layout, ports: &Ports, progress: &Progress) -> anyhow::Result<()> {
    let known = run(Command::new("kind").args(["get", "clusters"]))?;
    let exists = String::from_utf8_lossy(&known.stdout)
        .lines()
        .any(|line| line == layout.name);
    if exists && is_running(&format!("{}-control-plane", layout.name)) {
        return Ok(());
    }
    if exists {
        progress.say("removing a kind cluster that does not run");
        run(Command::new("kind").args(["delete", "cluster", "--name", &layout.name]))?;
    }
    progress.say("creating a kind cluster");
    let config = layout.path("config/kind.json");
    write_public(&config, kind_config(ports).to_string().as_bytes())?;
    let mut command = Command::new("kind");
    command
        .args([
            "create",
            "cluster",
            "--name",
            &layout.name,
            "--wait",
            "180s",
            "--config",
        ])
        .arg(&config);
    run(command
        .arg("--kubeconfig")
        .arg(layout.path("config/kind-kubeconfig")))?;
    Ok(())
}

fn kind_config(ports: &Ports) -> Value {
    let mapping = |inside: u16, outside: u16| json!({ "containerPort": inside, "hostPort": outside, "listenAddress": "127.0.0.1", "protocol": "TCP" });
    json!({
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": { "apiServerAddress": "127.0.0.1", "apiServerPort": ports.api },
        "nodes": [{
            "role": "control-plane",
            "extraPortMappings": [mapping(8443, ports.https), mapping(8080, ports.http)],
        }],
        "containerdConfigPatches": [
            "[plugins.\"io.containerd.grpc.v1.cri\".registry]\n  config_path = \"/etc/containerd/certs.d\"\n",
        ],
    })
}

/// Writes kind's kubeconfig and renames its context to `crokodial-kind`.
fn write_kubeconfig(layout: &Layout) -> anyhow::Result<()> {
    let output = run(Command::new("kind").args(["get", "kubeconfig", "--name", &layout.name]))?;
    let text = String::from_utf8(output.stdout).context("kind's kubeconfig")?;
    let mut config = Kubeconfig::from_yaml(&text).context("kind's kubeconfig")?;
    let name = "crokodial-kind".to_owned();
    for context in &mut config.contexts {
        context.name.clone_from(&name);
    }
    config.current_context = Some(name);
    let text = serde_json::to_string_pretty(&config).context("encoding the kubeconfig")?;
    write_private(&layout.kubeconfig(), text.as_bytes())
}

fn ensure_container(
    layout: &Layout,
    name: &str,
    image: &str,
    (outside, inside): (u16, u16),
    environment: &[(String, String)],
) -> anyhow::Result<()> {
    let name = format!("{}-{name}", layout.name);
    if is_running(&name) {
        return Ok(());
    }
    run(Command::new("docker").args(["rm", "--force", "--volumes", &name]))?;
    let mut command = Command::new("docker");
    command.args(["run", "--detach", "--name", &name, "--network", NETWORK]);
    command.args(["--publish", &format!("127.0.0.1:{outside}:{inside}")]);
    for (variable, value) in environment {
        // The value is passed through the environment of the docker command, so that the process list does not show it.
        command.args(["--env", variable]).env(variable, value);
    }
    run(command.arg(image))?;
    Ok(())
}

fn is_running(container: &str) -> bool {
    run(Command::new("docker").args(["inspect", "--format", "{{.State.Running}}", container]))
        .is_ok_and(|output| output.stdout.trim_ascii() == b"true")
}

fn address(container: &str) -> anyhow::Result<String> {
    let format = format!("{{{{(index .NetworkSettings.Networks \"{NETWORK}\").IPAddress}}}}");
    let output = run(Command::new("docker").args(["inspect", "--format", &format, container]))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    text.parse::<std::net::IpAddr>()
        .with_context(|| format!("the address of {container}: {text:?}"))?;
    Ok(text)
}

fn write_in_node(node: &str, path: &str, content: &str) -> anyhow::Result<()> {
    let script = "mkdir -p \"$(dirname \"$1\")\" && cat > \"$1\"";
    let mut child = Command::new("docker")
        .args([
            "exec",
            "--interactive",
            node,
            "sh",
            "-c",
            script,
            "sh",
            path,
        ])
        .stdin(Stdio::piped())
        .spawn()
        .context("running docker exec")?;
    if let Some(mut input) = child.stdin.take() {
        input
            .write_all(content.as_bytes())
            .context("writing into the node")?;
    }
    let status = child.wait().context("waiting for docker exec")?;
    if !status.success() {
        bail!("writing {path} into {node}: {status}");
    }
    Ok(())
}

/// Returns the server block of the local DNS zone for CoreDNS. The parameters are IP addresses.
fn zone(node: &str, registry: &str, mongo: &str) -> String {
    format!(
        r#"{ZONE}:53 {{
    errors
    hosts {{
        {registry} registry.{ZONE}
        {mongo} mongo.{ZONE}
        fallthrough
    }}
    template IN A {{
        answer "{{{{ .Name }}}} 60 IN A {node}"
    }}
    template ANY ANY {{
        rcode NOERROR
    }}
}}
"#
    )
}

/// Inserts the server block `zone` before kind's own block in the ConfigMap of CoreDNS. CoreDNS reloads its
/// configuration automatically.
async fn add_zone(client: &kube::Client, zone: &str) -> anyhow::Result<()> {
    use k8s_openapi::api::core::v1::ConfigMap;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "kube-system");
    let map = maps
        .get("coredns")
        .await
        .context("reading CoreDNS' configuration")?;
    let current = map
        .data
        .and_then(|data| data.get("Corefile").cloned())
        .context("CoreDNS has no Corefile")?;
    // Everything before kind's block was inserted by an earlier `up` and is replaced.
    let own = current
        .find(".:53 {")
        .and_then(|at| current.get(at..))
        .context("an unknown Corefile")?;
    let wanted = format!("{zone}{own}");
    if wanted == current {
        return Ok(());
    }
    let patch = json!({ "data": { "Corefile": wanted } });
    maps.patch("coredns", &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .context("writing CoreDNS' configuration")?;
    Ok(())
}

/// Returns the Kubernetes objects of Traefik. Traefik runs in the network of the node, whose IP address is `node`. Its
/// arguments differ from those in mode `local` only in the addresses.
fn edge_objects(node: &str) -> Vec<Value> {
    let labels = json!({ "app.kubernetes.io/name": "traefik" });
    let arguments: Vec<String> = edge_arguments("0.0.0.0", node);
    vec![
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": EDGE } }),
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": { "name": "traefik", "namespace": EDGE },
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": { "name": "crokodial:traefik-in-cluster" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "crokodial:traefik" },
            "subjects": [{ "kind": "ServiceAccount", "name": "traefik", "namespace": EDGE }],
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "traefik", "namespace": EDGE },
            "spec": {
                "replicas": 1,
                // Recreate, because an old and a new pod cannot listen on the same ports of the node.
                "strategy": { "type": "Recreate" },
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels },
                    "spec": {
                        "serviceAccountName": "traefik",
                        "hostNetwork": true,
                        "dnsPolicy": "ClusterFirstWithHostNet",
                        "containers": [{
                            "name": "traefik",
                            "image": TRAEFIK_IMAGE,
                            "args": arguments,
                            "readinessProbe": {
                                "httpGet": { "host": "127.0.0.1", "path": "/ping", "port": 9000 },
                                "periodSeconds": 1,
                            },
                        }],
                    },
                },
            },
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_is_published_on_the_chosen_ports_of_loopback_only() {
        let ports = Ports {
            https: 9443,
            ..Ports::default()
        };
        let config = kind_config(&ports);
        let mappings = config["nodes"][0]["extraPortMappings"].as_array().unwrap();
        assert!(
            mappings
                .iter()
                .all(|mapping| mapping["listenAddress"] == "127.0.0.1")
        );
        assert_eq!(mappings[0]["hostPort"], 9443);
    }

    #[test]
    fn traefik_listens_on_the_node_and_reports_its_address() {
        let objects = edge_objects("172.18.0.2");
        let args = objects[3]["spec"]["template"]["spec"]["containers"][0]["args"].to_string();
        assert!(
            args.contains("--entrypoints.websecurealt.address=0.0.0.0:8443"),
            "{args}"
        );
        assert!(args.contains("ingressendpoint.ip=172.18.0.2"), "{args}");
    }

    #[test]
    fn the_zone_tells_registry_mongo_and_sites_apart() {
        let text = zone("10.0.0.2", "10.0.0.3", "10.0.0.4");
        assert!(text.contains("10.0.0.3 registry.crokodial.test"));
        assert!(text.contains("10.0.0.4 mongo.crokodial.test"));
        assert!(text.contains(r#"answer "{{ .Name }} 60 IN A 10.0.0.2""#));
    }
}
