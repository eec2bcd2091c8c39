//! Checks the free disk space. On a nearly full disk the kubelet evicts pods, although the cluster otherwise seems to
//! work.

use std::path::Path;

use anyhow::{Context, bail};
use nix::sys::statvfs::statvfs;

/// Free disk space, in percent of the disk, below which the kubelet evicts pods. It is as low as possible, because a
/// developer's disk is often nearly full.
pub(crate) const EVICTION_PERCENT: u64 = 1;

/// Free disk space, in bytes, that images and containers need in addition to [`EVICTION_PERCENT`] of the disk.
const MIN_FREE_BYTES: u64 = 1 << 30;

/// Checks that the disk of `folder` has enough free space to run pods.
///
/// # Errors
/// When the disk has too little free space, or the free space cannot be read. An error about too little space contains
/// the number of missing MiB.
pub fn check(folder: &Path) -> anyhow::Result<()> {
    let disk =
        statvfs(folder).with_context(|| format!("asking for the disk of {}", folder.display()))?;
    let bytes = |blocks: u64| blocks.saturating_mul(disk.fragment_size());
    if let Some(missing) = missing(bytes(disk.blocks_available()), bytes(disk.blocks())) {
        bail!(
            "the disk of {} is nearly full: pods would be evicted. Free {missing} MiB there, then run this again",
            folder.display()
        );
    }
    Ok(())
}

/// Returns the missing space in MiB, rounded up, on a disk of `total` bytes with `free` free bytes; `None` if there is
/// enough.
fn missing(free: u64, total: u64) -> Option<u64> {
    let wanted = total / 100 * EVICTION_PERCENT + MIN_FREE_BYTES;
    (free < wanted).then(|| (wanted - free).div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn missing_space_is_reported_only_for_a_disk_that_is_nearly_full() {
        assert_eq!(missing(3 * GIB, 200 * GIB), None);
        assert_eq!(missing(2 * GIB, 200 * GIB), Some(1024));
        assert_eq!(missing(0, 0), Some(1024));
        assert!(check(Path::new("/no/such/folder")).is_err());
    }
}
