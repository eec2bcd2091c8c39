//! The plan of a cluster: the descriptions of all its processes, derived from the state directory and the programs
//! installed on the host.

use anyhow::Context;

use super::spec::PartSpec;
use super::{Inputs, Programs};
use crate::layout::{Layout, REGISTRY};
use crate::{command, mongo};

/// Returns the descriptions of all processes of this cluster.
///
/// # Errors
/// When the pause binary, `containerd`, `docker-registry` or the database administrator's password is missing.
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

/// Returns the reference that containerd uses to pull the pause image. Its tag is a hash of the inputs of the pause
/// binary's build.
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

/// Returns the snapshotter for containerd. If the state directory is on overlayfs, as inside a container, it is
/// `native`, because overlayfs cannot be mounted on overlayfs. Otherwise it is `overlayfs`, which avoids copying
/// files.
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
