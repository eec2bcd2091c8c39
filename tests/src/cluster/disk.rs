//! Whether the disk has room for pods. On one that is nearly full the kubelet takes none, and all else seems well.

use std::path::Path;

use anyhow::{Context, bail};
use nix::sys::statvfs::statvfs;

/// Below this share of free space the kubelet evicts pods, in percent. A developer's disk is often nearly full: only a
/// full one may evict.
pub(super) const EVICTION_PERCENT: u64 = 1;

/// What images and containers need beside it, in bytes.
const ROOM: u64 = 1 << 30;

/// Fails on a disk whose free space is so small that pods would be evicted.
///
/// # Errors
/// With how much is missing, or when the disk cannot be asked.
pub fn check(folder: &Path) -> anyhow::Result<()> {
    let disk =
        statvfs(folder).with_context(|| format!("asking for the disk of {}", folder.display()))?;
    let bytes = |blocks: u64| blocks.saturating_mul(disk.fragment_size());
    if let Some(lack) = lack(bytes(disk.blocks_available()), bytes(disk.blocks())) {
        bail!(
            "the disk of {} is nearly full: pods would be evicted. Free {lack} MiB there, then run this again",
            folder.display()
        );
    }
    Ok(())
}

/// MiB that are missing, rounded up.
fn lack(free: u64, total: u64) -> Option<u64> {
    let wanted = total / 100 * EVICTION_PERCENT + ROOM;
    (free < wanted).then(|| (wanted - free).div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_disk_with_room_is_no_matter_and_of_a_full_one_the_lack_is_told() {
        assert_eq!(lack(3 * GIB, 200 * GIB), None);
        assert_eq!(lack(2 * GIB, 200 * GIB), Some(1024));
        assert_eq!(lack(0, 0), Some(1024));
        assert!(check(Path::new("/no/such/folder")).is_err());
    }
}
