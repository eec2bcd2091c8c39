//! Arguments, configuration and readiness check of containerd. Each cluster has its own root folder, state folder and
//! socket.

use serde_json::json;

use super::Inputs;
use super::probe::Probe;
use super::spec::{Part, PartSpec};
use crate::layout::{BRIDGE, Layout, NODE_IP, POD_CIDR, REGISTRY};

pub(super) fn spec(layout: &Layout, inputs: &Inputs) -> PartSpec {
    let config = layout.path("config/containerd.toml");
    let probe = Probe::Unix(layout.containerd_socket());
    let mut spec = PartSpec::new(Part::Containerd, inputs.programs.containerd.clone(), probe);
    spec.args = vec!["--config".to_owned(), config.display().to_string()];
    let hosts = layout
        .path("config/registries")
        .join(REGISTRY)
        .join("hosts.toml");
    spec.files = vec![
        (config, configuration(layout, inputs)),
        (hosts, registry_hosts()),
        (
            layout.path("config/cni/10-crokodial.conflist"),
            network(layout),
        ),
    ];
    spec.folders = vec![layout.path("containerd"), layout.run.join("containerd")];
    spec
}

/// Returns the content of containerd's configuration file, in format version 2, which containerd 1.6 and 1.7 read.
fn configuration(layout: &Layout, inputs: &Inputs) -> String {
    let root = layout.path("containerd");
    let state = layout.run.join("containerd");
    let socket = layout.containerd_socket();
    let cni = layout.path("config/cni");
    let registries = layout.path("config/registries");
    format!(
        r#"version = 2
root = {root:?}
state = {state:?}
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]

[grpc]
  address = {socket:?}

[plugins."io.containerd.grpc.v1.cri"]
  # Without this runc fails where the outer sandbox forbids a lower score: "can't get final child's PID from pipe".
  restrict_oom_score_adj = true
  sandbox_image = {pause:?}
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = {cni:?}

  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = {registries:?}

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = {snapshotter:?}

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
"#,
        pause = inputs.pause_image,
        snapshotter = inputs.snapshotter,
    )
}

/// Returns the content of containerd's `hosts.toml` for the registry. It contains the registry's IP address, because
/// the host's DNS resolver does not know the registry's name.
fn registry_hosts() -> String {
    format!(
        "server = \"http://{NODE_IP}:5000\"\n\n[host.\"http://{NODE_IP}:5000\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
    )
}

fn network(layout: &Layout) -> String {
    let network = json!({
        "cniVersion": "0.4.0",
        "name": "crokodial",
        "plugins": [
            {
                "type": "bridge",
                "bridge": BRIDGE,
                "isGateway": true,
                // Lets a pod connect to itself through its own Service.
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    // The allocations are in the run directory, so that all addresses are free after a reboot.
                    "dataDir": layout.run.join("cni"),
                    "ranges": [[{ "subnet": POD_CIDR, "rangeStart": "10.223.0.10", "gateway": NODE_IP }]],
                    "routes": [{ "dst": "0.0.0.0/0" }],
                },
            },
            { "type": "portmap", "capabilities": { "portMappings": true } },
        ],
    });
    network.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::example_inputs;
    use super::*;

    #[test]
    fn everything_it_writes_is_under_the_clusters_own_folders() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        let text = configuration(&layout, &example_inputs());
        for key in [
            "root = ",
            "state = ",
            "  address = ",
            "conf_dir = ",
            "config_path = ",
        ] {
            let line = text
                .lines()
                .find(|line| line.trim_start().starts_with(key.trim_start()))
                .unwrap();
            let own = line.contains(layout.dir.to_str().unwrap())
                || line.contains(layout.run.to_str().unwrap());
            assert!(own, "{line}");
        }
        assert!(
            text.contains(r#"sandbox_image = "registry.crokodial.test:5000/crokodial/pause:abc""#)
        );
    }
}
