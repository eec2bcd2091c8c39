//! Arguments, configuration and readiness check of docker-registry, the image registry. It uses plain HTTP and stores
//! images on disk.

use serde_json::json;

use super::probe::Probe;
use super::spec::{Part, PartSpec};
use super::{Inputs, on_node};
use crate::layout::{Layout, NODE_IP};

pub(super) fn spec(layout: &Layout, inputs: &Inputs) -> anyhow::Result<PartSpec> {
    let config = layout.path("config/registry.json");
    let storage = layout.path("registry");
    // The registry reads YAML, and every JSON document is YAML.
    let content = json!({
        "version": 0.1,
        "log": { "level": "warn", "accesslog": { "disabled": true } },
        "storage": {
            "filesystem": { "rootdirectory": storage },
            "delete": { "enabled": true },
        },
        "http": { "addr": format!("{NODE_IP}:5000") },
    });
    let probe = Probe::Http {
        address: on_node(5000)?,
        path: "/v2/",
    };
    let mut spec = PartSpec::new(Part::Registry, inputs.programs.registry.clone(), probe);
    spec.args = vec!["serve".to_owned(), config.display().to_string()];
    spec.files = vec![(config, content.to_string())];
    spec.folders = vec![storage];
    // Without this variable the registry tries to export traces to a collector, which does not exist here.
    spec.env.insert("OTEL_TRACES_EXPORTER", "none".to_owned());
    Ok(spec)
}
