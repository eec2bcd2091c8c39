//! Functions that write files atomically.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context;

/// Atomically writes a file that everyone may read (mode 0644).
///
/// # Errors
/// When the file cannot be written.
pub fn write_public(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    write_atomic(path, content, 0o644)
}

/// Atomically writes a file that only its owner may read, such as a key or a kubeconfig (mode 0600).
///
/// # Errors
/// When the file cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    write_atomic(path, content, 0o600)
}

/// Writes a temporary file and renames it to `path`, so that a reader sees either the complete old or the complete new
/// content.
fn write_atomic(path: &Path, content: &[u8], mode: u32) -> anyhow::Result<()> {
    let parent = path
        .parent()
        .with_context(|| format!("{} has no folder", path.display()))?;
    std::fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
    let mut file = tempfile::NamedTempFile::new_in(parent)
        .with_context(|| format!("writing in {}", parent.display()))?;
    file.write_all(content)
        .and_then(|()| file.as_file().set_permissions(Permissions::from_mode(mode)))
        .with_context(|| format!("writing {}", path.display()))?;
    file.persist(path)
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(())
}
