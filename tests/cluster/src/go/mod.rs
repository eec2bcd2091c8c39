//! Builds binaries from Go modules and keeps them in a cache outside the checkout.
//!
//! The file name of a cached binary contains a hash of everything that determines its content: the module's files
//! (`go.sum` pins every dependency), the package, the linker flags, the patches, the Go version and the platform. A
//! stale binary is therefore never used.

mod patch;
mod programs;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

pub use self::programs::{GITOPS_CHECK, GoProgram, HELM, KUBECTL, PROGRAMS};
use crate::layout::Layout;
use crate::wait::Progress;

/// Time since the last use of a cached binary after which the next build deletes it.
const RETENTION: Duration = Duration::from_secs(60 * 24 * 3600);
/// Time between two checks whether a running build has finished.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Flags of every `go build`. The last flag omits debug information, which the linker flags `-s -w` would strip anyway.
/// This saves a sixth of the compile time.
const FLAGS: [&str; 3] = ["-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false"];

/// Returns the cache folder: `$CROKODIAL_CACHE`, or `crokodial` in the user's cache folder if the variable is not set.
///
/// # Errors
/// When none of `CROKODIAL_CACHE`, `XDG_CACHE_HOME` and `HOME` is set.
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

/// Builds the programs that are not in the cache, and links all `programs` into the folder `bin` of the state
/// directory.
///
/// # Errors
/// When Go is missing or a build fails; the error contains the output of the build.
pub fn ensure(
    checkout: &Path,
    layout: &Layout,
    programs: &[GoProgram],
    progress: &Progress,
) -> anyhow::Result<()> {
    let cache = cache_dir()?.join("bin");
    fs::create_dir_all(&cache).with_context(|| format!("creating {}", cache.display()))?;
    // Two checkouts must not build the same program at the same time.
    let lock = File::create(cache.join(".lock")).context("opening the cache's lock")?;
    if lock.try_lock().is_err() {
        progress.say("another build uses the cache: waiting for it");
        lock.lock().context("locking the cache")?;
    }
    let mut missing = Vec::new();
    for program in programs {
        let path = cache.join(cached_name(checkout, program)?);
        if path.is_file() {
            touch(&path)?;
        } else {
            missing.push((*program, path.clone()));
        }
        link(&path, &layout.binary(program.name))?;
    }
    if missing.is_empty() {
        return Ok(());
    }
    progress.say(&format!(
        "building {} programs from Go modules, once; about 12 min on 2 cores when all are missing",
        missing.len()
    ));
    for (number, (program, path)) in missing.iter().enumerate() {
        let title = format!("{} ({} of {})", program.name, number + 1, missing.len());
        compile(checkout, program, path, &title, progress)?;
    }
    prune(&cache)
}

/// Links `kubectl` from PATH into the folder `bin` of the state directory. Builds kubectl first if it is not in PATH.
///
/// # Errors
/// When kubectl must be built but Go is missing or the build fails.
pub fn ensure_kubectl(checkout: &Path, layout: &Layout, progress: &Progress) -> anyhow::Result<()> {
    match crate::command::find("kubectl") {
        Some(found) => link(&found, &layout.binary("kubectl")),
        None => ensure(checkout, layout, &[KUBECTL], progress),
    }
}

/// Returns the file name of a program in the cache: `<name>-<hash>`.
///
/// # Errors
/// When the module cannot be read or Go is missing.
pub fn cached_name(checkout: &Path, program: &GoProgram) -> anyhow::Result<String> {
    let module = checkout.join("tests/parts").join(program.module);
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
        program,
        &String::from_utf8_lossy(&output.stdout),
        &module_files(&module)?,
    );
    Ok(format!("{}-{key}", program.name))
}

/// Returns a hash of everything that determines a program's binary.
///
/// The hash includes the `Debug` output of [`patch::Patch`]. Renaming a field or variant of that type therefore
/// rebuilds the patched programs on every machine.
fn cache_key(program: &GoProgram, toolchain: &str, files: &[(String, Vec<u8>)]) -> String {
    let mut hasher = Sha256::new();
    let mut field = |bytes: &[u8]| {
        // Each field is prefixed by its length, so that different lists of fields have different hashes.
        hasher.update(bytes.len().to_be_bytes());
        hasher.update(bytes);
    };
    for text in [
        program.name,
        program.package,
        program.ldflags,
        toolchain,
        "CGO_ENABLED=0 -s -w",
        &FLAGS.join(" "),
    ] {
        field(text.as_bytes());
    }
    for patch in program.patches {
        field(format!("{patch:?}").as_bytes());
    }
    for (name, content) in files {
        field(name.as_bytes());
        field(content);
    }
    hex::encode(hasher.finalize()).chars().take(16).collect()
}

/// Returns the names and contents of the module's `.go` files, `go.mod` and `go.sum`, sorted by name.
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
    program: &GoProgram,
    target: &Path,
    title: &str,
    progress: &Progress,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let partial = target.with_extension("partial");
    let log = target.with_extension("log");
    progress.say(&format!("building {title}"));
    let module = checkout.join("tests/parts").join(program.module);
    let scratch = tempfile::tempdir().context("making a scratch folder")?;
    let modfile = match program.patches {
        [] => Vec::<PathBuf>::new(),
        patches => vec![
            "-modfile".into(),
            patch::write(patches, &module, scratch.path())?,
        ],
    };
    let output = File::create(&log).with_context(|| format!("writing {}", log.display()))?;
    let mut child = Command::new("go")
        .arg("build")
        .args(FLAGS)
        .args(["-ldflags", &format!("-s -w {}", program.ldflags), "-o"])
        .arg(&partial)
        .args(modfile)
        .arg(program.package)
        .current_dir(module)
        .env("CGO_ENABLED", "0")
        .stdin(Stdio::null())
        .stdout(output.try_clone().context("opening the build's log")?)
        .stderr(output)
        .spawn()
        .context("running go build")?;
    let status = wait(&mut child, started, title, progress)?;
    let text = fs::read_to_string(&log).unwrap_or_default();
    let _ = fs::remove_file(&log);
    if !status.success() {
        let _ = fs::remove_file(&partial);
        bail!(
            "go build of {} failed ({status}):\n{}",
            program.name,
            text.trim()
        );
    }
    // The build writes to a temporary name, so that an interrupted build leaves no incomplete binary in the cache.
    fs::rename(&partial, target).with_context(|| format!("writing {}", target.display()))?;
    progress.say(&format!(
        "built {title} in {} s",
        started.elapsed().as_secs()
    ));
    Ok(())
}

/// Waits until a build ends and returns its exit status. Reports the elapsed time periodically.
fn wait(
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
        std::thread::sleep(POLL_INTERVAL);
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

/// Sets the modification time of a cached binary to the current time, to record its last use.
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
        if entry.file_name() != ".lock" && old.is_some_and(|age| age > RETENTION) {
            fs::remove_file(entry.path()).context("removing an old binary")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: GoProgram = GoProgram {
        name: "p",
        module: "m",
        package: ".",
        ldflags: "",
        patches: &[],
    };

    #[test]
    fn everything_that_determines_a_binary_is_in_its_key() {
        let files = vec![("go.mod".to_owned(), b"module m".to_vec())];
        let base = cache_key(&PROGRAM, "go1.26 linux amd64", &files);
        assert_eq!(base, cache_key(&PROGRAM, "go1.26 linux amd64", &files));
        assert_eq!(base.len(), 16);
        let changed = [
            cache_key(&PROGRAM, "go1.27 linux amd64", &files),
            cache_key(&PROGRAM, "go1.26 linux arm64", &files),
            cache_key(
                &GoProgram {
                    package: "./x",
                    ..PROGRAM
                },
                "go1.26 linux amd64",
                &files,
            ),
            cache_key(
                &GoProgram {
                    ldflags: "-X a=b",
                    patches: &[],
                    ..PROGRAM
                },
                "go1.26 linux amd64",
                &files,
            ),
            cache_key(
                &PROGRAM,
                "go1.26 linux amd64",
                &[("go.mod".to_owned(), b"module n".to_vec())],
            ),
            cache_key(
                &PROGRAM,
                "go1.26 linux amd64",
                &[("go.modm".to_owned(), b"odule m".to_vec())],
            ),
        ];
        assert!(changed.iter().all(|key| *key != base));
    }

    #[test]
    fn every_program_has_its_module() {
        let checkout = crate::options::checkout_root().unwrap();
        for program in PROGRAMS.iter().chain([&GITOPS_CHECK, &HELM, &KUBECTL]) {
            let files = module_files(&checkout.join("tests/parts").join(program.module)).unwrap();
            assert!(
                files.iter().any(|(name, _)| name == "go.mod"),
                "{}",
                program.name
            );
        }
    }

    #[test]
    fn a_link_follows_its_target() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bin/x");
        link(Path::new("/one"), &path).unwrap();
        link(Path::new("/two"), &path).unwrap();
        assert_eq!(fs::read_link(&path).unwrap(), Path::new("/two"));
    }
}
