//! Finds and removes a cluster's resources on the host, even after the supervisor was killed.
//!
//! Processes, network namespace, cgroups and run directory are found by the cluster's name. Mounts need no removal:
//! they exist only in the supervisor's mount namespace and disappear with its last process.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::layout::Layout;

/// Timeout for killed processes to exit, and for their cgroups to become removable. Only processes in uninterruptible
/// I/O need this time; others exit immediately.
const KILL_TIMEOUT: Duration = Duration::from_secs(20);

/// Removes the cluster's processes, network namespace, cgroups and run directory. The state directory is kept.
///
/// # Errors
/// When a resource cannot be removed; the error names it.
pub fn remove(layout: &Layout) -> anyhow::Result<()> {
    kill_processes(layout)?;
    remove_netns(layout)?;
    remove_cgroups(layout)?;
    remove_run_directory(layout)
}

/// Returns a description of each process, network namespace, cgroup, directory and mount of the cluster that exists on
/// the host, except the state directory. The list is empty after `down`.
///
/// # Errors
/// When /proc cannot be read.
pub fn list(layout: &Layout) -> anyhow::Result<Vec<String>> {
    let mut found: Vec<String> = processes(layout)?
        .into_iter()
        .map(|pid| format!("process {pid} {}", command_line(pid)))
        .collect();
    if layout.netns().exists() {
        found.push(format!("network namespace {}", layout.name));
    }
    found.extend(
        cgroups(layout)
            .iter()
            .map(|path| format!("cgroup {}", path.display())),
    );
    if layout.run.exists() {
        found.push(format!("directory {}", layout.run.display()));
    }
    let run = format!("{}/", layout.run.display());
    let state = format!("{}/", layout.dir.display());
    let mounts = fs::read_to_string("/proc/self/mounts").context("reading /proc/self/mounts")?;
    for target in mounts.lines().filter_map(|line| line.split(' ').nth(1)) {
        if target.starts_with(&run) || target.starts_with(&state) {
            found.push(format!("mount {target}"));
        }
    }
    Ok(found)
}

/// Returns the process ids, on the host, of the cluster's processes whose `argv[0]` is `program`, such as the path of a
/// pod's program in its image.
///
/// # Errors
/// When /proc cannot be read.
pub fn pods_running(layout: &Layout, program: &str) -> anyhow::Result<Vec<i32>> {
    let named = |pid: &i32| command_line(*pid).split(' ').next() == Some(program);
    Ok(processes(layout)?.into_iter().filter(named).collect())
}

/// Kills all processes of the cluster except this one, and waits until they have exited.
///
/// # Errors
/// When a process survives for [`KILL_TIMEOUT`]; the error names it.
pub(crate) fn kill_processes(layout: &Layout) -> anyhow::Result<()> {
    let deadline = Instant::now() + KILL_TIMEOUT;
    loop {
        let found = processes(layout)?;
        if found.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            let lines: Vec<_> = found
                .iter()
                .map(|pid| format!("{pid} {}", command_line(*pid)))
                .collect();
            bail!(
                "these processes of {} survive SIGKILL: {}",
                layout.name,
                lines.join("; ")
            );
        }
        for pid in &found {
            match kill(Pid::from_raw(*pid), Signal::SIGKILL) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(error).with_context(|| format!("killing process {pid}")),
            }
        }
        // A process may have forked just before it was killed, so this repeats until no process is found.
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Returns the ids of the cluster's processes, except this process. Daemons such as etcd and containerd's shims are
/// found by their network namespace, and pods by their cgroup.
fn processes(layout: &Layout) -> anyhow::Result<BTreeSet<i32>> {
    let namespace = fs::metadata(layout.netns())
        .ok()
        .map(|meta| (meta.dev(), meta.ino()));
    let own = std::process::id().to_string();
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc").context("listing /proc")? {
        let entry = entry.context("listing /proc")?;
        let file_name = entry.file_name();
        let Some(text) = file_name.to_str().filter(|text| *text != own) else {
            continue;
        };
        let Ok(pid) = text.parse::<i32>() else {
            continue;
        };
        // A process that exits during this loop has no readable files any more and is not reported.
        let inside = namespace.is_some()
            && fs::metadata(entry.path().join("ns/net"))
                .ok()
                .map(|meta| (meta.dev(), meta.ino()))
                == namespace;
        let grouped = fs::read_to_string(entry.path().join("cgroup"))
            .is_ok_and(|groups| in_cgroup(&groups, &layout.name));
        if (inside || grouped) && !is_zombie(&entry.path()) {
            found.insert(pid);
        }
    }
    Ok(found)
}

/// Returns true if the content of `/proc/<pid>/cgroup` contains the cgroup `/<name>` or one of its descendants, in any
/// hierarchy.
fn in_cgroup(proc_cgroup: &str, name: &str) -> bool {
    proc_cgroup
        .lines()
        .filter_map(|line| line.splitn(3, ':').nth(2))
        .any(|path| path.trim_start_matches('/').split('/').next() == Some(name))
}

fn is_zombie(process: &Path) -> bool {
    fs::read_to_string(process.join("stat"))
        .ok()
        .and_then(|stat| {
            stat.rsplit_once(") ")
                .map(|(_, rest)| rest.starts_with('Z'))
        })
        .unwrap_or(true)
}

fn command_line(pid: i32) -> String {
    fs::read(format!("/proc/{pid}/cmdline"))
        .map(|bytes| {
            let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
            text.chars().take(80).collect()
        })
        .unwrap_or_default()
}

fn remove_netns(layout: &Layout) -> anyhow::Result<()> {
    if !layout.netns().exists() {
        return Ok(());
    }
    let output = Command::new("ip")
        .args(["netns", "delete", &layout.name])
        .output()
        .context("running ip netns delete")?;
    if !output.status.success() {
        bail!(
            "ip netns delete {}: {}",
            layout.name,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

/// Returns the existing paths of the cluster's top-level cgroup: one path on cgroup v2, one per hierarchy on v1.
pub(crate) fn cgroups(layout: &Layout) -> Vec<PathBuf> {
    cgroup_roots()
        .into_iter()
        .map(|root| root.join(&layout.name))
        .filter(|path| path.is_dir())
        .collect()
}

/// Returns the mount points of all cgroup hierarchies on this machine.
pub(crate) fn cgroup_roots() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let (_, target, kind) = (fields.next()?, fields.next()?, fields.next()?);
            matches!(kind, "cgroup" | "cgroup2").then(|| PathBuf::from(target))
        })
        .collect()
}

fn remove_cgroups(layout: &Layout) -> anyhow::Result<()> {
    let deadline = Instant::now() + KILL_TIMEOUT;
    for top in cgroups(layout) {
        // The kernel frees a cgroup a moment after its last process has exited; until then `rmdir` fails with EBUSY.
        while let Err(error) = remove_cgroup_tree(&top) {
            if Instant::now() > deadline {
                return Err(error)
                    .with_context(|| format!("removing the cgroup {}", top.display()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

/// Removes a cgroup and its descendants with `rmdir`, children first. The control files in a cgroup need not be
/// deleted first.
fn remove_cgroup_tree(top: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(top)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_cgroup_tree(&entry.path())?;
        }
    }
    match fs::remove_dir(top) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn remove_run_directory(layout: &Layout) -> anyhow::Result<()> {
    match fs::remove_dir_all(&layout.run) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("removing {}", layout.run.display()));
        }
    }
    // All clusters share the parent folder. It is removed only when it is empty, with the last cluster.
    if layout
        .run
        .parent()
        .is_some_and(|parent| fs::remove_dir(parent).is_ok())
    {
        for path in crate::supervisor::netns::FIXED_PATHS {
            let _ = fs::remove_dir(path);
        }
        remove_empty_netns_folder();
    }
    Ok(())
}

/// Unmounts and removes `/run/netns` if it is empty. `ip netns add` bind-mounts this folder on itself and never
/// unmounts it.
fn remove_empty_netns_folder() {
    let folder = Path::new("/run/netns");
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none()) {
        #[cfg(target_os = "linux")]
        let _ = nix::mount::umount(folder);
        let _ = fs::remove_dir(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cgroup_belongs_by_its_first_component() {
        assert!(in_cgroup(
            "4:memory:/crok-12345678/kubepods/pod1\n",
            "crok-12345678"
        ));
        assert!(in_cgroup("0::/crok-12345678\n", "crok-12345678"));
        assert!(!in_cgroup("0::/user/crok-12345678\n", "crok-12345678"));
        assert!(!in_cgroup("0::/crok-123456789\n", "crok-12345678"));
    }
}
