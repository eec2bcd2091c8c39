//! Creation of the cluster's network namespace, mount namespace and cgroups.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::layout::{BRIDGE, Layout, NODE_IP, POD_CIDR, SERVICE_CIDR};

/// Folders whose paths are fixed in kubelet and containerd-shim. Each cluster mounts a tmpfs on each of them, in its
/// own mount namespace.
pub(crate) const FIXED_PATHS: &[&str] =
    &["/var/lib/kubelet", "/var/log/containers", "/run/containerd"];

/// Creates the cluster's network namespace (unless it exists) and a new mount namespace, and moves the calling thread
/// into both.
///
/// Threads that it starts later are in both, too, so this must run before any other thread starts. Sockets that are
/// already open stay in the host's network namespace.
///
/// # Errors
/// When the program `ip` is missing or fails. Also when the kernel refuses, because the user is not root or namespaces
/// are not allowed on this machine.
#[cfg(target_os = "linux")]
pub fn enter(layout: &Layout) -> anyhow::Result<()> {
    use nix::mount::{MsFlags, mount};
    use nix::sched::{CloneFlags, setns, unshare};

    if !layout.netns().exists() {
        run("ip", &["netns", "add", &layout.name])?;
    }
    let namespace = fs::File::open(layout.netns()).context("opening the network namespace")?;
    setns(&namespace, CloneFlags::CLONE_NEWNET)
        .context("entering the network namespace (root is needed)")?;
    unshare(CloneFlags::CLONE_NEWNS).context("making a mount namespace (root is needed)")?;
    // Slave keeps mounts made here from propagating to the host; shared then lets them propagate to the containers.
    for propagation in [MsFlags::MS_SLAVE, MsFlags::MS_SHARED] {
        mount(
            None::<&str>,
            "/",
            None::<&str>,
            propagation | MsFlags::MS_REC,
            None::<&str>,
        )
        .context("setting the mount propagation")?;
    }
    for path in FIXED_PATHS {
        fs::create_dir_all(path).with_context(|| format!("creating {path}"))?;
        mount(
            Some("tmpfs"),
            *path,
            Some("tmpfs"),
            MsFlags::empty(),
            None::<&str>,
        )
        .with_context(|| format!("mounting a tmpfs on {path}"))?;
    }
    Ok(())
}

/// Returns an error, because network and mount namespaces exist only on Linux.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn enter(_layout: &Layout) -> anyhow::Result<()> {
    bail!("CLUSTER=local needs Linux: start Docker, install kind and use CLUSTER=kind")
}

/// Configures the bridge, addresses, routes and kernel settings in the network namespace of this process. Idempotent.
///
/// # Errors
/// When a command fails or a setting cannot be written; the error contains the reason.
pub fn configure() -> anyhow::Result<()> {
    run("ip", &["link", "set", "lo", "up"])?;
    if !Path::new("/proc/sys/net/ipv4/conf").join(BRIDGE).exists() {
        run("ip", &["link", "add", BRIDGE, "type", "bridge"])?;
    }
    let prefix = POD_CIDR.rsplit_once('/').map_or("24", |(_, prefix)| prefix);
    run(
        "ip",
        &[
            "address",
            "replace",
            &format!("{NODE_IP}/{prefix}"),
            "dev",
            BRIDGE,
        ],
    )?;
    run("ip", &["link", "set", BRIDGE, "up"])?;
    // Gives Service addresses a route, so that a connection to a Service without endpoints is refused at once.
    run(
        "ip",
        &["route", "replace", "local", SERVICE_CIDR, "dev", "lo"],
    )?;
    setting("net/ipv4/ip_forward", "1")?;
    if Path::new("/proc/sys/net/bridge").exists() {
        // Needed when a pod connects through a Service to itself or another pod of the bridge: iptables must translate
        // the addresses of the answers back.
        setting("net/bridge/bridge-nf-call-iptables", "1")?;
    }
    Ok(())
}

/// Writes a kernel setting below `/proc/sys`. Settings below `net/` apply only to the network namespace of this
/// process.
fn setting(name: &str, value: &str) -> anyhow::Result<()> {
    fs::write(Path::new("/proc/sys").join(name), value)
        .with_context(|| format!("setting {name} to {value}"))
}

fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| {
            format!("running {program}: is it installed? scripts/install-packages.sh does")
        })?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!("{program} {}: {}", arguments.join(" "), message.trim());
    }
    Ok(())
}

/// Creates the cluster's cgroup, under which the kubelet creates the cgroups of pods. Each cluster needs its own
/// cgroup, because a kubelet removes pod cgroups that it does not know.
///
/// # Errors
/// When the cgroup hierarchy cannot be written.
pub fn make_cgroups(layout: &Layout) -> anyhow::Result<()> {
    for root in crate::leftovers::cgroup_roots() {
        let unified = root.join("cgroup.controllers").exists();
        if unified && let Ok(controllers) = fs::read_to_string(root.join("cgroup.controllers")) {
            // Errors are ignored: a controller that an outer container does not delegate cannot be enabled.
            for controller in controllers.split_whitespace() {
                let _ = fs::write(
                    root.join("cgroup.subtree_control"),
                    format!("+{controller}"),
                );
            }
        }
        let own = root.join(&layout.name);
        fs::create_dir_all(&own)
            .with_context(|| format!("creating the cgroup {}", own.display()))?;
        if root.join("cpuset.cpus").exists() {
            // On cgroup v1 a new cpuset is empty and accepts no process until its files are written.
            for file in ["cpuset.cpus", "cpuset.mems"] {
                let inherited =
                    fs::read_to_string(root.join(file)).context("reading the cpuset")?;
                fs::write(own.join(file), inherited.trim()).context("filling the cpuset")?;
            }
        }
    }
    Ok(())
}
