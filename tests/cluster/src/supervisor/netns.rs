//! The cluster's network namespace, mount namespace and cgroups.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::layout::{BRIDGE, Layout, NODE_IP, POD_CIDR, SERVICE_CIDR};

/// Folders that kubelet and containerd-shim use by fixed paths: each cluster mounts its own tmpfs there.
pub(crate) const FIXED_PATHS: &[&str] =
    &["/var/lib/kubelet", "/var/log/containers", "/run/containerd"];

/// Moves this process into the cluster's network namespace and a mount namespace of its own, creating both.
///
/// Only the calling thread moves, so this must run before any other thread is started. Sockets opened before stay
/// in the host's network.
///
/// # Errors
/// When the kernel refuses: not root, or namespaces are not allowed here.
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
    // Mounts made here must not propagate to the host, but to the containers: slave first, then shared.
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

/// Fails: namespaces exist only on Linux.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn enter(_layout: &Layout) -> anyhow::Result<()> {
    bail!("CLUSTER=local needs Linux: start Docker, install kind and use CLUSTER=kind")
}

/// Bridge, addresses, routes and kernel settings, inside the namespace that `enter` moved to. Idempotent.
///
/// # Errors
/// When a command or a setting fails, with its message.
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
    // A connection to a Service without endpoints is refused at once instead of having no route.
    run(
        "ip",
        &["route", "replace", "local", SERVICE_CIDR, "dev", "lo"],
    )?;
    setting("net/ipv4/ip_forward", "1")?;
    if Path::new("/proc/sys/net/bridge").exists() {
        // So that a pod that connects to itself or a neighbour through a Service gets its answers translated back.
        setting("net/bridge/bridge-nf-call-iptables", "1")?;
    }
    Ok(())
}

/// Writes a setting of this process's network namespace: that is what `/proc/sys/net` shows.
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

/// Creates the cgroup under which kubelet puts the pods. Two clusters must not share one: a kubelet removes pods it does
/// not know.
///
/// # Errors
/// When the hierarchy cannot be written.
pub fn make_cgroups(layout: &Layout) -> anyhow::Result<()> {
    for root in crate::leftovers::cgroup_roots() {
        let unified = root.join("cgroup.controllers").exists();
        if unified && let Ok(controllers) = fs::read_to_string(root.join("cgroup.controllers")) {
            // Best effort: a controller that an outer container reserves cannot be delegated.
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
            // cgroup v1: a new cpuset is empty and accepts no process until it is filled.
            for file in ["cpuset.cpus", "cpuset.mems"] {
                let inherited =
                    fs::read_to_string(root.join(file)).context("reading the cpuset")?;
                fs::write(own.join(file), inherited.trim()).context("filling the cpuset")?;
            }
        }
    }
    Ok(())
}
