//! Binaries built from Go modules, kept outside the checkout and keyed by content.
//!
//! A binary is found by the hash of everything that decides it: the module's files (`go.sum` pins every source), the
//! package, the linker flags, the Go version and the platform. So an empty cache is correct and a stale one unused.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

pub use super::go_parts::{GoPart, HELM, KUBECTL, PARTS};
use super::layout::Layout;
use super::wait::Progress;

/// Binaries that nobody used for this long are removed.
const KEEP: Duration = Duration::from_secs(60 * 24 * 3600);
/// Between two looks at a running compiler.
const POLL: Duration = Duration::from_millis(200);
/// Flags of every build. The linker throws debugger's tables away (`-s -w`), so the compiler need not write them: a sixth of its time.
const FLAGS: [&str; 3] = ["-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false"];

/// The folder of the cache: `$CROKODIAL_CACHE`, else `crokodial` in the user's cache folder.
///
/// # Errors
/// When no home folder is known.
pub fn cache_dir() -> anyhow::Result<PathBuf> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    variable("CROKODIAL_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|path| path.join("crokodial")))
        .or_else(|| variable("HOME").map(|path| path.join(".cache/crokodial")))
        .context("neither HOME nor CROKODIAL_CACHE is set: set one, binaries are kept there")
}

/// Builds what the cache lacks and links every part into the state directory's `bin`.
///
/// # Errors
/// When Go is missing or a build fails, with its output.
pub fn ensure(
    checkout: &Path,
    layout: &Layout,
    parts: &[GoPart],
    progress: &Progress,
) -> anyhow::Result<()> {
    let cache = cache_dir()?.join("bin");
    fs::create_dir_all(&cache).with_context(|| format!("creating {}", cache.display()))?;
    // Two checkouts must not compile the same twice at once.
    let lock = File::create(cache.join(".lock")).context("opening the cache's lock")?;
    if lock.try_lock().is_err() {
        progress.say("another build uses the cache: waiting for it");
        lock.lock().context("locking the cache")?;
    }
    let mut missing = Vec::new();
    for part in parts {
        let path = cache.join(cached_name(checkout, part)?);
        if path.is_file() {
            touch(&path)?;
        } else {
            missing.push((*part, path.clone()));
        }
        link(&path, &layout.binary(part.name))?;
    }
    if missing.is_empty() {
        return Ok(());
    }
    progress.say(&format!(
        "building {} programs from Go modules, once; about 12 min on 2 cores when all are missing",
        missing.len()
    ));
    for (number, (part, path)) in missing.iter().enumerate() {
        let title = format!("{} ({} of {})", part.name, number + 1, missing.len());
        compile(checkout, part, path, &title, progress)?;
    }
    prune(&cache)
}

/// Links `kubectl` from PATH, or builds it.
///
/// # Errors
/// When it must be built and that fails.
pub fn ensure_kubectl(checkout: &Path, layout: &Layout, progress: &Progress) -> anyhow::Result<()> {
    match super::command::find("kubectl") {
        Some(found) => link(&found, &layout.binary("kubectl")),
        None => ensure(checkout, layout, &[KUBECTL], progress),
    }
}

/// `<name>-<hash>`: the name of a part's file in the cache.
///
/// # Errors
/// When the module cannot be read or Go is missing.
pub fn cached_name(checkout: &Path, part: &GoPart) -> anyhow::Result<String> {
    let module = checkout.join("tests/parts").join(part.module);
    let output = Command::new("go")
        .args(["env", "GOVERSION", "GOOS", "GOARCH"])
        .current_dir(&module)
        .output()
        .context("running go: Go 1.26 or later is needed in PATH to build the cluster's parts")?;
    if !output.status.success() {
        bail!(
            "go env in {}: {}",
            module.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let key = cache_key(
        part,
        &String::from_utf8_lossy(&output.stdout),
        &module_files(&module)?,
    );
    Ok(format!("{}-{key}", part.name))
}

fn cache_key(part: &GoPart, toolchain: &str, files: &[(String, Vec<u8>)]) -> String {
    let mut hasher = Sha256::new();
    let mut field = |bytes: &[u8]| {
        // The length first, so that no two lists of fields hash alike.
        hasher.update(bytes.len().to_be_bytes());
        hasher.update(bytes);
    };
    for text in [
        part.name,
        part.package,
        part.ldflags,
        toolchain,
        "CGO_ENABLED=0 -s -w",
        &FLAGS.join(" "),
    ] {
        field(text.as_bytes());
    }
    for patch in part.patches {
        field(format!("{patch:?}").as_bytes());
    }
    for (name, content) in files {
        field(name.as_bytes());
        field(content);
    }
    hex::encode(hasher.finalize()).chars().take(16).collect()
}

/// The module's own files by name, in order.
fn module_files(module: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(module).with_context(|| format!("listing {}", module.display()))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("listing {}", module.display()))?
            .path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if name.ends_with(".go") || name == "go.mod" || name == "go.sum" {
            let content = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            files.push((name, content));
        }
    }
    files.sort();
    Ok(files)
}

fn compile(
    checkout: &Path,
    part: &GoPart,
    target: &Path,
    title: &str,
    progress: &Progress,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let partial = target.with_extension("partial");
    let log = target.with_extension("log");
    progress.say(&format!("building {title}"));
    let module = checkout.join("tests/parts").join(part.module);
    let scratch = tempfile::tempdir().context("making a scratch folder")?;
    let corrected = match part.patches {
        [] => Vec::<PathBuf>::new(),
        patches => vec![
            "-modfile".into(),
            super::patch::write(patches, &module, scratch.path())?,
        ],
    };
    let output = File::create(&log).with_context(|| format!("writing {}", log.display()))?;
    let mut child = Command::new("go")
        .arg("build")
        .args(FLAGS)
        .args(["-ldflags", &format!("-s -w {}", part.ldflags), "-o"])
        .arg(&partial)
        .args(corrected)
        .arg(part.package)
        .current_dir(module)
        .env("CGO_ENABLED", "0")
        .stdin(Stdio::null())
        .stdout(output.try_clone().context("opening the build's log")?)
        .stderr(output)
        .spawn()
        .context("running go build")?;
    let status = ended(&mut child, started, title, progress)?;
    let text = fs::read_to_string(&log).unwrap_or_default();
    let _ = fs::remove_file(&log);
    if !status.success() {
        let _ = fs::remove_file(&partial);
        bail!(
            "go build of {} failed ({status}):\n{}",
            part.name,
            text.trim()
        );
    }
    // Renamed when whole: an interrupted build leaves nothing that looks like a binary.
    fs::rename(&partial, target).with_context(|| format!("writing {}", target.display()))?;
    progress.say(&format!(
        "built {title} in {} s",
        started.elapsed().as_secs()
    ));
    Ok(())
}

/// Waits for the end of a build and tells now and then that it goes on.
fn ended(
    child: &mut Child,
    started: Instant,
    title: &str,
    progress: &Progress,
) -> anyhow::Result<ExitStatus> {
    let mut reported = started;
    loop {
        if let Some(status) = child.try_wait().context("waiting for go build")? {
            return Ok(status);
        }
        if reported.elapsed() >= progress.report_every() {
            reported = Instant::now();
            let seconds = started.elapsed().as_secs();
            progress.say(&format!("building {title}: {seconds} s"));
        }
        std::thread::sleep(POLL);
    }
}

fn link(target: &Path, link: &Path) -> anyhow::Result<()> {
    if fs::read_link(link).is_ok_and(|old| old == target) {
        return Ok(());
    }
    if let Some(folder) = link.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    let _ = fs::remove_file(link);
    symlink(target, link).with_context(|| format!("linking {}", link.display()))
}

/// Marks a binary as used today.
fn touch(path: &Path) -> anyhow::Result<()> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    file.set_modified(SystemTime::now())
        .with_context(|| format!("touching {}", path.display()))
}

fn prune(cache: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(cache).context("listing the cache")? {
        let entry = entry.context("listing the cache")?;
        let old = entry
            .metadata()
            .and_then(|meta| meta.modified())
            .ok()
            .and_then(|at| at.elapsed().ok());
        if entry.file_name() != ".lock" && old.is_some_and(|age| age > KEEP) {
            fs::remove_file(entry.path()).context("removing an old binary")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: GoPart = GoPart {
        name: "p",
        module: "m",
        package: ".",
        ldflags: "",
        patches: &[],
    };

    #[test]
    fn everything_that_decides_a_binary_is_in_its_key() {
        let files = vec![("go.mod".to_owned(), b"module m".to_vec())];
        let base = cache_key(&PART, "go1.26 linux amd64", &files);
        assert_eq!(base, cache_key(&PART, "go1.26 linux amd64", &files));
        assert_eq!(base.len(), 16);
        let changed = [
            cache_key(&PART, "go1.27 linux amd64", &files),
            cache_key(&PART, "go1.26 linux arm64", &files),
            cache_key(
                &GoPart {
                    package: "./x",
                    ..PART
                },
                "go1.26 linux amd64",
                &files,
            ),
            cache_key(
                &GoPart {
                    ldflags: "-X a=b",
                    patches: &[],
                    ..PART
                },
                "go1.26 linux amd64",
                &files,
            ),
            cache_key(
                &PART,
                "go1.26 linux amd64",
                &[("go.mod".to_owned(), b"module n".to_vec())],
            ),
            cache_key(
                &PART,
                "go1.26 linux amd64",
                &[("go.modm".to_owned(), b"odule m".to_vec())],
            ),
        ];
        assert!(changed.iter().all(|key| *key != base));
    }

    #[test]
    fn every_part_has_its_module() {
        let checkout = super::super::options::checkout_root().unwrap();
        for part in PARTS.iter().chain([&HELM, &KUBECTL]) {
            let files = module_files(&checkout.join("tests/parts").join(part.module)).unwrap();
            assert!(
                files.iter().any(|(name, _)| name == "go.mod"),
                "{}",
                part.name
            );
        }
    }

    #[test]
    fn a_link_follows_its_target() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("bin/x");
        link(Path::new("/one"), &place).unwrap();
        link(Path::new("/two"), &place).unwrap();
        assert_eq!(fs::read_link(&place).unwrap(), Path::new("/two"));
    }
}
