//! Checks the free disk space. On a nearly full disk the kubelet evicts pods, while everything else seems to work.

use std::path::Path;

use anyhow::{Context, bail};
use nix::sys::statvfs::statvfs;

/// Free space below which the kubelet evicts pods, in percent of the disk. It is the lowest possible value, because a
/// developer's disk is often nearly full.
pub(crate) const EVICTION_PERCENT: u64 = 1;

/// Free space in bytes that images and containers need in addition to [`EVICTION_PERCENT`].
const MIN_FREE_BYTES: u64 = 1 << 30;

/// Checks that there is enough free space to run pods.
///
/// # Errors
/// When there is too little space (the error contains the missing MiB) or the free space cannot be read.
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

/// Missing space in MiB, rounded up, for a disk with `free` of `total` bytes; `None` if there is enough.
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
