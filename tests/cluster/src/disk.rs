//! Free disk space for pods. On a disk that is nearly full the kubelet evicts them while everything else seems well.

use std::path::Path;

use anyhow::{Context, bail};
use nix::sys::statvfs::statvfs;

/// Share of free space, in percent, below which the kubelet evicts pods. As low as possible, because a developer's disk
/// is often nearly full.
pub(crate) const EVICTION_PERCENT: u64 = 1;

/// Space in bytes that images and containers need on top of it.
const MIN_FREE_BYTES: u64 = 1 << 30;

/// Checks that there is enough free space to run pods.
///
/// # Errors
/// When there is not, with the missing space in MiB, or when the free space cannot be read.
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

/// Missing space in MiB, rounded up; `None` when there is enough.
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
