//! Kubeconfig files for the administrator and for the components of the local cluster.

use std::path::Path;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::files::write_private;
use crate::layout::{Layout, NODE_IP};
use crate::options::{Mode, Ports};

/// Components that get a kubeconfig, named by the file names of their certificates.
const CLIENTS: [&str; 6] = [
    "kubelet",
    "controller-manager",
    "scheduler",
    "kube-proxy",
    "coredns",
    "traefik",
];

/// Writes the administrator's kubeconfig, for use on the host. Also writes a kubeconfig for each component, for use in
/// the cluster's network namespace.
///
/// # Errors
/// When a certificate is missing or a file cannot be written.
pub fn write_all(layout: &Layout, mode: Mode, ports: &Ports) -> anyhow::Result<()> {
    let host = format!("https://{}", Ports::local(ports.api));
    let context = format!("crokodial-{}", mode.as_str());
    write_if_changed(
        &layout.kubeconfig(),
        &render(layout, "admin", &host, &context)?,
    )?;
    let inside = format!("https://{NODE_IP}:6443");
    for client in CLIENTS {
        let path = layout.pki(&format!("{client}.kubeconfig"));
        write_if_changed(&path, &render(layout, client, &inside, client)?)?;
    }
    Ok(())
}

fn write_if_changed(path: &Path, content: &str) -> anyhow::Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    write_private(path, content.as_bytes())
}

/// Returns a kubeconfig with embedded certificates, so that it works from any folder. Its format is JSON, which is
/// valid YAML.
fn render(layout: &Layout, identity: &str, server: &str, context: &str) -> anyhow::Result<String> {
    let embed = |file: &str| -> anyhow::Result<String> {
        let path = layout.pki(file);
        let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(STANDARD.encode(bytes))
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [{
            "name": context,
            "cluster": { "server": server, "certificate-authority-data": embed("ca.crt")? },
        }],
        "users": [{
            "name": context,
            "user": {
                "client-certificate-data": embed(&format!("{identity}.crt"))?,
                "client-key-data": embed(&format!("{identity}.key"))?,
            },
        }],
        "contexts": [{ "name": context, "context": { "cluster": context, "user": context } }],
    });
    serde_json::to_string_pretty(&config).context("encoding a kubeconfig")
}

/// Rejects a kubeconfig context whose name does not start with `crokodial-`, to protect other clusters from the tests.
///
/// # Errors
/// When there is no context, or it has another name.
pub fn refuse_foreign(context: Option<&str>) -> anyhow::Result<()> {
    match context {
        Some(name) if name.starts_with("crokodial-") => Ok(()),
        Some(name) => bail!(
            "the kubeconfig context {name:?} is not ours: its name must start with \"crokodial-\". Rename it (kubectl config rename-context) if this cluster may be written to"
        ),
        None => bail!(
            "the kubeconfig has no current context: choose one whose name starts with \"crokodial-\""
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_administrators_context_carries_the_mode_and_the_chosen_port() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        crate::pki::ensure(&layout.path("pki")).unwrap();
        let ports = Ports {
            api: 16443,
            ..Ports::default()
        };
        write_all(&layout, Mode::Local, &ports).unwrap();
        let text = std::fs::read_to_string(layout.kubeconfig()).unwrap();
        let config = kube::config::Kubeconfig::from_yaml(&text).unwrap();
        assert_eq!(config.current_context.as_deref(), Some("crokodial-local"));
        let cluster = config.clusters[0].cluster.as_ref().unwrap();
        assert_eq!(cluster.server.as_deref(), Some("https://127.0.0.1:16443"));
    }

    #[test]
    fn only_contexts_of_ours_are_used() {
        refuse_foreign(Some("crokodial-kind")).unwrap();
        assert!(refuse_foreign(None).is_err());
        let refused = refuse_foreign(Some("production")).unwrap_err().to_string();
        assert!(
            refused.contains("production") && refused.contains("crokodial-"),
            "{refused}"
        );
    }
}
