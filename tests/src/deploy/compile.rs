//! Static release binaries for the images: the same bytes from every checkout, the dependencies compiled once for all.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::images::Image;
use crate::cluster::Progress;
use crate::cluster::command::run;
use crate::cluster::files::write_public;

/// Variables that cargo sets for a program that it runs, by their beginnings.
const TOLD_TO_PROGRAMS: [&str; 4] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_CRATE_",
];

/// A compiled binary. While this lives no other checkout compiles into the same target folder, so the file stays
/// what it is until it was copied.
#[derive(Debug)]
pub struct Binary {
    /// The file.
    pub path: PathBuf,
    _turn: File,
}

/// Compiles a static release binary. Cargo itself knows what is up to date.
///
/// # Errors
/// When cargo fails; its own lines say why.
pub fn compile(
    checkout: &Path,
    image: Image,
    features: &[&str],
    progress: &Progress,
) -> anyhow::Result<Binary> {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let folder = target_dir(checkout)?.join(&triple).join("release");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let turn = take_turn(&folder, progress)?;
    forget_other_checkout(checkout, &triple, &folder)?;
    progress.say(&format!(
        "bringing {} up to date (minutes when it is the first release build)",
        image.package()
    ));
    let mut cargo = release(checkout, "build", &triple);
    // Both at once, whichever is asked for: each ends in minutes on one core, and for one alone cargo would enable
    // other features of what they share and compile that twice.
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
    // Cargo's own lines are the progress.
    let status = cargo
        .stdin(Stdio::null())
        .status()
        .context("running cargo")?;
    if !status.success() {
        bail!("compiling {} failed: cargo says above why", image.package());
    }
    Ok(Binary {
        path: folder.join(image.binary()),
        _turn: turn,
    })
}

/// Cargo in this checkout, without what another cargo told this program: that is not meant for the next. Build scripts
/// that look at it (ring's does) would run again, and with them everything above, whenever this program is started in
/// another way or place.
#[must_use]
pub fn cargo(checkout: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        let of_the_caller = |prefix: &&str| name.to_string_lossy().starts_with(*prefix);
        if TOLD_TO_PROGRAMS.iter().any(of_the_caller) {
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

/// Static, and without this user's home in it. The checkout needs no remapping: cargo names files of the workspace
/// relative to it. Naming it here would make every dependency another one in every checkout.
fn rustflags() -> String {
    let home = std::env::var("CARGO_HOME")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")));
    let mut flags = "-C target-feature=+crt-static".to_owned();
    if let Ok(home) = home {
        flags.push_str(&format!(" --remap-path-prefix={home}=/cargo"));
    }
    flags
}

/// Waits until no other checkout compiles into the folder.
fn take_turn(folder: &Path, progress: &Progress) -> anyhow::Result<File> {
    let path = folder.join("crokodial-images.lock");
    let lock = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    if lock.try_lock().is_err() {
        progress.say("waiting for another build of images in the same target folder");
        lock.lock()
            .with_context(|| format!("locking {}", path.display()))?;
    }
    Ok(lock)
}

/// Where checkouts share a target folder (`CARGO_TARGET_DIR`), cargo compares the times of files, not their content:
/// it would take what another checkout compiled later for what this one holds. Dependencies are the same for all.
fn forget_other_checkout(checkout: &Path, triple: &str, folder: &Path) -> anyhow::Result<()> {
    let record = folder.join("crokodial-images.checkout");
    let own = checkout.display().to_string();
    if fs::read_to_string(&record).is_ok_and(|last| last == own) {
        return Ok(());
    }
    let mut clean = release(checkout, "clean", triple);
    for package in ["crokodial-crds", "crokodial-operator", "crokodial-dialer"] {
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
