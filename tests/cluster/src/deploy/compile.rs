//! Compiles the static release binaries for the images. Checkouts of the same commit produce the same bytes, and
//! checkouts that share a target folder compile dependencies only once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::images::Image;
use crate::Progress;
use crate::command::run;
use crate::files::write_public;

/// Prefixes of environment variables that cargo sets for a program started by `cargo run` or `cargo test`.
const CARGO_VARIABLES: [&str; 4] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_CRATE_",
];

/// A compiled binary, with a lock on the target folder. Until this value is dropped, no other checkout can compile
/// into the folder, so the binary cannot change before it is copied.
#[derive(Debug)]
pub struct Binary {
    /// Path of the binary in the target folder.
    pub path: PathBuf,
    _lock: File,
}

/// Compiles the static release binaries of both images and returns the binary of `image`, which is compiled with the
/// given cargo features. Cargo compiles only what is not up to date.
///
/// # Errors
/// When cargo fails; cargo prints the reason to standard error.
pub fn compile(
    checkout: &Path,
    image: Image,
    features: &[&str],
    progress: &Progress,
) -> anyhow::Result<Binary> {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let folder = target_dir(checkout)?.join(&triple).join("release");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let lock = lock(&folder, progress)?;
    forget_other_checkout(checkout, &triple, &folder)?;
    progress.say(&format!(
        "bringing {} up to date (minutes when it is the first release build)",
        image.package()
    ));
    let mut cargo = release(checkout, "build", &triple);
    // Always compiles both binaries. Their last crates take minutes on one core each and can be compiled in parallel.
    // For a single binary, cargo would enable other features of shared crates and compile them twice (docs/adr/0023).
    for image in [Image::Operator, Image::Dialer] {
        cargo.args(["-p", image.package(), "--bin", image.binary()]);
    }
    for feature in features {
        cargo.args(["--features", &format!("{}/{feature}", image.package())]);
    }
    cargo
        .args(["--message-format", "short"])
        .env("RUSTFLAGS", rustflags())
        .env("DIALER_REQUIRE_UI", "1");
    // Cargo prints the progress itself.
    let status = cargo
        .stdin(Stdio::null())
        .status()
        .context("running cargo")?;
    if !status.success() {
        bail!("compiling {} failed: cargo says above why", image.package());
    }
    Ok(Binary {
        path: folder.join(image.binary()),
        _lock: lock,
    })
}

/// Returns a cargo command that runs in `checkout`, without the environment variables that an outer cargo set for this
/// process.
///
/// Some build scripts, such as that of ring, read these variables. If their values differed from the last build, cargo
/// would run these scripts again and recompile all dependent crates.
#[must_use]
pub fn cargo(checkout: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        let has_prefix = |prefix: &&str| name.to_string_lossy().starts_with(*prefix);
        if CARGO_VARIABLES.iter().any(has_prefix) {
            cargo.env_remove(name);
        }
    }
    cargo.current_dir(checkout);
    cargo
}

fn release(checkout: &Path, command: &str, triple: &str) -> Command {
    let mut cargo = cargo(checkout);
    cargo.args([command, "--release", "--locked", "--target", triple]);
    cargo
}

/// Returns the compiler flags for a static binary that does not contain the path of cargo's home folder.
///
/// The path of the checkout needs no remapping, because cargo passes relative paths for workspace files. A flag that
/// contains this path would recompile every dependency in every checkout.
fn rustflags() -> String {
    let home = std::env::var("CARGO_HOME")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")));
    let mut flags = "-C target-feature=+crt-static".to_owned();
    if let Ok(home) = home {
        flags.push_str(&format!(" --remap-path-prefix={home}=/cargo"));
    }
    flags
}

/// Locks the target folder. Waits while another checkout compiles into it.
fn lock(folder: &Path, progress: &Progress) -> anyhow::Result<File> {
    let path = folder.join("crokodial-images.lock");
    let file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    if file.try_lock().is_err() {
        progress.say("waiting for another build of images in the same target folder");
        file.lock()
            .with_context(|| format!("locking {}", path.display()))?;
    }
    Ok(file)
}

/// Removes the build output of the workspace's own packages if another checkout compiled them. The output of
/// dependencies is kept, because it is the same for all checkouts.
///
/// Checkouts may share a target folder (`CARGO_TARGET_DIR`). Cargo compares modification times, not content, so it
/// would consider newer output of another checkout up to date.
fn forget_other_checkout(checkout: &Path, triple: &str, folder: &Path) -> anyhow::Result<()> {
    let record = folder.join("crokodial-images.checkout");
    let own = checkout.display().to_string();
    if fs::read_to_string(&record).is_ok_and(|last| last == own) {
        return Ok(());
    }
    let mut clean = release(checkout, "clean", triple);
    for package in [
        "crokodial-crds",
        "crokodial-http-server",
        "crokodial-operator",
        "crokodial-dialer",
    ] {
        clean.args(["-p", package]);
    }
    run(&mut clean).context("removing what another checkout compiled")?;
    write_public(&record, own.as_bytes())
}

fn target_dir(checkout: &Path) -> anyhow::Result<PathBuf> {
    let mut cargo = cargo(checkout);
    cargo.args(["metadata", "--format-version", "1", "--no-deps", "--locked"]);
    let output = run(&mut cargo).context("asking cargo for its target folder")?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let path = metadata["target_directory"]
        .as_str()
        .context("cargo metadata names no target folder")?;
    Ok(PathBuf::from(path))
}
