//! The plan of a cluster: the descriptions of all parts, derived from the state directory and the host.

use anyhow::Context;

use super::spec::PartSpec;
use super::{Inputs, Programs};
use crate::layout::{Layout, REGISTRY};
use crate::{command, mongo};

/// The descriptions of all parts of this cluster.
///
/// # Errors
/// When a binary, package or password is missing. `up` provides them before it calls this function.
pub fn specs(layout: &Layout) -> anyhow::Result<Vec<PartSpec>> {
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
    super::all(layout, &inputs)
}

/// Reference by which the pause image is pulled. Its tag is the hash of the sources of the pause binary.
///
/// # Errors
/// When the pause binary is not linked into the state directory.
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

/// Selects containerd's snapshotter. overlayfs cannot be mounted on overlayfs, so inside a container the snapshotter is
/// `native`, which copies files.
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
