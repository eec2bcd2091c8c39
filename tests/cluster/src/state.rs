//! The state of the supervisor. It writes a JSON file, which the other commands read.

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
    /// Parts are being started.
    Starting,
    /// All parts were ready at the same time.
    Ready,
    /// A part did not become ready; all parts were stopped.
    Failed,
    /// The supervisor was stopped on request.
    Stopped,
}

/// Phase of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartPhase {
    /// Parts on which this part depends are not ready yet.
    Waiting,
    /// The process runs but is not ready yet.
    Starting,
    /// The readiness check passed.
    Ready,
    /// The process exited and is restarted after a delay.
    Restarting,
}

/// State of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartState {
    /// Phase.
    pub phase: PartPhase,
    /// Process id; `None` while the process does not run.
    pub pid: Option<u32>,
    /// Number of restarts.
    pub restarts: u32,
    /// How the process last exited, or why the part is not ready.
    pub message: Option<String>,
    /// When `phase` last changed.
    pub since: Timestamp,
}

/// State of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Phase.
    pub phase: Phase,
    /// Why the cluster failed, with the end of the log of the part that did not become ready.
    pub message: Option<String>,
    /// Hash of the parts' binaries, arguments and configuration. An `up` with another hash restarts the parts.
    pub plan: String,
    /// States of the parts, by name.
    pub parts: BTreeMap<String, PartState>,
}

impl State {
    /// Path of the state file.
    #[must_use]
    pub fn path(layout: &Layout) -> PathBuf {
        layout.path("state.json")
    }

    /// Reads the state file; `None` if it does not exist.
    ///
    /// # Errors
    /// When the file exists but cannot be read.
    pub fn read(layout: &Layout) -> anyhow::Result<Option<Self>> {
        read_json(&Self::path(layout))
    }

    /// Replaces the state file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, layout: &Layout) -> anyhow::Result<()> {
        write_json(&Self::path(layout), self)
    }
}

/// Reads a JSON file; `None` if the file does not exist.
///
/// # Errors
/// When the file cannot be read or does not contain a `T`.
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

/// Writes a JSON file that only its owner may read.
///
/// # Errors
/// When the file cannot be written.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> anyhow::Result<()> {
    write_private(
        path,
        &serde_json::to_vec_pretty(value).context("encoding JSON")?,
    )
}
