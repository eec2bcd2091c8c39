//! Parts: the processes that make up the local cluster, such as etcd and the kubelet. Each private submodule derives
//! the description of one or more parts from the cluster's layout.

mod containerd;
mod dns;
mod edge;
mod etcd;
mod kube;
mod mongo;
pub mod plan;
pub mod probe;
mod registry;
pub mod spec;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;

use self::spec::PartSpec;
use crate::layout::{Layout, NODE_IP};

pub use edge::arguments as edge_arguments;
pub use mongo::AdminPassword;

/// Values that the configuration of the cluster's processes needs in addition to the layout.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Reference that containerd uses to pull the pause image.
    pub pause_image: String,
    /// Password of FerretDB's administrator.
    pub mongo_admin: AdminPassword,
    /// Snapshotter of containerd: `native` if overlayfs does not work in the state directory, otherwise `overlayfs`.
    pub snapshotter: &'static str,
    /// Paths of the programs that are installed from the distribution's packages.
    pub programs: Programs,
}

/// Absolute paths of the programs that are installed from the distribution's packages.
#[derive(Clone, Debug)]
pub struct Programs {
    /// Path of `containerd`.
    pub containerd: PathBuf,
    /// Path of `docker-registry`.
    pub registry: PathBuf,
}

/// Returns the descriptions of all processes of the cluster, in no particular order. Each description lists the
/// processes that must be ready before its own process starts.
///
/// # Errors
/// When an address constant is malformed.
pub fn all(layout: &Layout, inputs: &Inputs) -> anyhow::Result<Vec<PartSpec>> {
    Ok(vec![
        etcd::spec(layout)?,
        registry::spec(layout, inputs)?,
        mongo::spec(layout, inputs)?,
        containerd::spec(layout, inputs),
        kube::apiserver(layout)?,
        kube::controller_manager(layout)?,
        kube::scheduler(layout)?,
        kube::kubelet(layout)?,
        kube::proxy(layout)?,
        dns::spec(layout)?,
        edge::spec(layout)?,
    ])
}

/// Returns the socket address of a port on the node's IP address, which pods can reach.
fn on_node(port: u16) -> anyhow::Result<SocketAddr> {
    Ok(SocketAddr::new(
        NODE_IP.parse().context("the node's address")?,
        port,
    ))
}

/// Returns the socket address of a port on the loopback device of the cluster's network namespace, which pods cannot
/// reach.
fn on_loopback(port: u16) -> SocketAddr {
    crate::options::Ports::local(port)
}

#[cfg(test)]
pub(crate) fn example_inputs() -> Inputs {
    Inputs {
        pause_image: "registry.crokodial.test:5000/crokodial/pause:abc".to_owned(),
        mongo_admin: AdminPassword("secret-of-the-test".to_owned()),
        snapshotter: "overlayfs",
        programs: Programs {
            containerd: "/usr/bin/containerd".into(),
            registry: "/usr/bin/docker-registry".into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_part_can_start_once_those_before_it_are_ready() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        let mut waiting = all(&layout, &example_inputs()).unwrap();
        let mut ready = BTreeSet::new();
        while !waiting.is_empty() {
            let before = waiting.len();
            waiting.retain(|spec| {
                let startable = spec.after.iter().all(|part| ready.contains(part));
                if startable {
                    ready.insert(spec.part);
                }
                !startable
            });
            assert!(waiting.len() < before, "a circle among {waiting:?}");
        }
        assert_eq!(ready.len(), 11);
    }

    #[test]
    fn configuration_that_is_json_or_yaml_parses() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        for spec in all(&layout, &example_inputs()).unwrap() {
            for (path, text) in &spec.files {
                if path
                    .extension()
                    .is_some_and(|extension| extension == "json" || extension == "conflist")
                {
                    serde_json::from_str::<serde_json::Value>(text).unwrap();
                }
            }
        }
    }
}
