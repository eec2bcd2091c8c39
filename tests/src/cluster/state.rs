//! What the supervisor tells the other commands, as one JSON file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::files::write_private;
use super::layout::Layout;
use super::options::{Mode, Ports};

/// Where the cluster stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Parts are being started.
    Starting,
    /// Every part was ready at once.
    Ready,
    /// A part did not become ready; everything was stopped.
    Failed,
    /// Stopped on request.
    Stopped,
}

/// Where one part stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartPhase {
    /// Its dependencies are not ready yet.
    Waiting,
    /// Its process runs and is not ready yet.
    Starting,
    /// Its readiness check passed.
    Ready,
    /// It ended and is started again after a delay.
    Restarting,
}

/// One part as `status` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartState {
    /// Where it stands.
    pub phase: PartPhase,
    /// Process id while it runs.
    pub pid: Option<u32>,
    /// How often it was started again.
    pub restarts: u32,
    /// How it ended last, or why it is not ready.
    pub message: Option<String>,
    /// When `phase` last changed.
    pub since: Timestamp,
}

/// The whole cluster as the supervisor sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Where the cluster stands.
    pub phase: Phase,
    /// Why it failed, with the end of the part's log.
    pub message: Option<String>,
    /// Hash of the parts' binaries, arguments and configuration: an `up` that renders another one restarts them.
    pub plan: String,
    /// Every part by name.
    pub parts: BTreeMap<String, PartState>,
}

impl State {
    /// Path of the file.
    #[must_use]
    pub fn path(layout: &Layout) -> PathBuf {
        layout.path("state.json")
    }

    /// The last state written, if any.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read(layout: &Layout) -> anyhow::Result<Option<Self>> {
        read_json(&Self::path(layout))
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, layout: &Layout) -> anyhow::Result<()> {
        write_json(&Self::path(layout), self)
    }
}

/// What the first `up` decided and later commands keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Where the Kubernetes comes from.
    pub mode: Mode,
    /// Ports on 127.0.0.1.
    pub ports: Ports,
}

impl Settings {
    /// The settings of the first `up`, if there was one.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read(layout: &Layout) -> anyhow::Result<Option<Self>> {
        read_json(&layout.path("settings.json"))
    }

    /// Keeps the settings for later commands.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, layout: &Layout) -> anyhow::Result<()> {
        write_json(&layout.path("settings.json"), self)
    }
}

/// Reads a JSON file; `None` when there is none.
///
/// # Errors
/// When the file cannot be read or does not hold a `T`.
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

/// Writes a JSON file whole, readable by its owner only.
///
/// # Errors
/// When it cannot be written.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> anyhow::Result<()> {
    write_private(
        path,
        &serde_json::to_vec_pretty(value).context("encoding JSON")?,
    )
}
