//! State of the cluster and its processes. The supervisor writes it to a JSON file, which commands such as `up` and
//! `status` read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::files::write_private;
use crate::layout::Layout;

/// Phase of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The processes are being started.
    Starting,
    /// Every process has been ready at least once.
    Ready,
    /// The supervisor ended with an error, for example because a process did not become ready.
    Failed,
    /// The supervisor stopped all processes after SIGTERM or SIGINT.
    Stopped,
}

/// Phase of a part, which is a process of the cluster such as etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartPhase {
    /// The process has not been started, because it depends on processes that are not ready yet.
    Waiting,
    /// The process runs but is not ready yet.
    Starting,
    /// The process runs, and its readiness check has passed once since its start.
    Ready,
    /// The process exited or did not become ready. It will be restarted after a delay, unless it has never been ready:
    /// the cluster then fails.
    Restarting,
}

/// State of a part, which is a process of the cluster such as etcd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartState {
    /// Current phase of the process.
    pub phase: PartPhase,
    /// Process id; `None` in the phases `Waiting` and `Restarting`.
    pub pid: Option<u32>,
    /// Number of restarts since the supervisor started.
    pub restarts: u32,
    /// Reason why the process last exited or did not become ready. It is removed when the process is ready.
    pub message: Option<String>,
    /// Time at which `phase` last changed.
    pub since: Timestamp,
}

/// State of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Current phase of the cluster.
    pub phase: Phase,
    /// Reason why the cluster failed; `None` if it did not fail. If a process did not become ready, the reason
    /// includes the end of its log.
    pub message: Option<String>,
    /// Hash of the programs, arguments and configuration of all processes. If `up` computes another hash, it restarts
    /// them.
    pub plan: String,
    /// States of the processes, by name.
    pub parts: BTreeMap<String, PartState>,
}

impl State {
    /// Returns the path of the state file.
    #[must_use]
    pub fn path(layout: &Layout) -> PathBuf {
        layout.path("state.json")
    }

    /// Reads the state file; `None` if it does not exist.
    ///
    /// # Errors
    /// When the file exists but cannot be read or parsed.
    pub fn read(layout: &Layout) -> anyhow::Result<Option<Self>> {
        read_json(&Self::path(layout))
    }

    /// Writes the state file, replacing an existing one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, layout: &Layout) -> anyhow::Result<()> {
        write_json(&Self::path(layout), self)
    }
}

/// Reads and parses a JSON file; `None` if the file does not exist.
///
/// # Errors
/// When the file cannot be read, or its content is not a JSON representation of `T`.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let value = serde_json::from_slice(&text).with_context(|| {
        format!(
            "{} is damaged: run `make down`, then `make up`",
            path.display()
        )
    })?;
    Ok(Some(value))
}

/// Writes `value` as JSON to a file that only its owner may read.
///
/// # Errors
/// When the file cannot be written.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> anyhow::Result<()> {
    write_private(
        path,
        &serde_json::to_vec_pretty(value).context("encoding JSON")?,
    )
}
