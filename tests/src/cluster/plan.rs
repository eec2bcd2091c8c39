//! From the state directory to the processes of the cluster.

use anyhow::Context;

use super::layout::{Layout, REGISTRY};
use super::part::Spec;
use super::parts::{self, Inputs, Programs};
use super::{command, mongo};

/// Every part of this cluster.
///
/// # Errors
/// When a binary, package or password is missing: `up` makes them first.
pub fn specs(layout: &Layout) -> anyhow::Result<Vec<Spec>> {
    let inputs = Inputs {
        pause_image: pause_image(layout)?,
        mongo_admin: mongo::Accounts::read(layout)?
            .context("no Mongo accounts yet")?
            .admin,
        snapshotter: snapshotter(layout)?,
        programs: Programs {
            containerd: command::require("containerd")?,
            registry: command::require("docker-registry")?,
        },
    };
    parts::all(layout, &inputs)
}

/// The pause image's pull name; its tag is the hash of its binary's sources.
///
/// # Errors
/// When the binary was not linked yet.
pub fn pause_image(layout: &Layout) -> anyhow::Result<String> {
    let target =
        std::fs::read_link(layout.binary("pause")).context("the pause binary was not built yet")?;
    let name = target
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let tag = name.trim_start_matches("pause-");
    Ok(format!("{REGISTRY}/crokodial/pause:{tag}"))
}

/// overlayfs does not stack on itself: inside a container copies are made instead.
#[cfg(target_os = "linux")]
fn snapshotter(layout: &Layout) -> anyhow::Result<&'static str> {
    use nix::sys::statfs::{OVERLAYFS_SUPER_MAGIC, statfs};
    let kind = statfs(&layout.dir)
        .context("looking at the state directory's file system")?
        .filesystem_type();
    Ok(if kind == OVERLAYFS_SUPER_MAGIC {
        "native"
    } else {
        "overlayfs"
    })
}

#[cfg(not(target_os = "linux"))]
fn snapshotter(_layout: &Layout) -> anyhow::Result<&'static str> {
    Ok("native")
}
