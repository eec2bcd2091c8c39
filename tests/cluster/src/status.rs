//! `cluster status`: reports the state of the cluster and of each of its processes.

use std::fmt::Write as _;

use jiff::{SpanRound, Timestamp, Unit};
use serde::Serialize;

use crate::layout::Layout;
use crate::options::Mode;
use crate::settings::Settings;
use crate::state::State;
use crate::supervisor;

/// The output of `cluster status -o json`.
#[derive(Debug, Serialize)]
pub struct ClusterStatus {
    /// Name of the cluster, which is also the name of its network namespace and cgroup.
    pub name: String,
    /// True if the supervisor is running.
    pub running: bool,
    /// Mode and host ports; `None` before the first `up` and after `down`.
    pub settings: Option<Settings>,
    /// State that the supervisor wrote last; `None` if it has not written any, as in the modes `kind` and `current`.
    pub state: Option<State>,
}

impl ClusterStatus {
    /// Reads the status from the state directory, and checks if the supervisor is running.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(layout: &Layout) -> anyhow::Result<Self> {
        let running = layout.run.exists() && supervisor::try_lock(layout)?.is_none();
        Ok(Self {
            name: layout.name.clone(),
            running,
            settings: Settings::read(layout)?,
            state: State::read(layout)?,
        })
    }

    /// Returns the status as a table for the terminal. `now` is the time relative to which ages are shown.
    #[must_use]
    pub fn render(&self, now: Timestamp) -> String {
        let mut text = String::new();
        let Some(settings) = &self.settings else {
            return format!("{}: no cluster. `make up` starts one.\n", self.name);
        };
        let Some(state) = &self.state else {
            let hint = match settings.mode {
                Mode::Kind => format!(
                    "its parts are containers: docker ps --filter name={0}; kind export logs --name {0}",
                    self.name
                ),
                Mode::Current => "the caller's own: kubectl get nodes".to_owned(),
                Mode::Local => "it was not started to its end: run `make up` again".to_owned(),
            };
            return format!("{} ({}): {hint}\n", self.name, settings.mode.as_str());
        };
        let phase = if self.running {
            format!("{:?}", state.phase)
        } else {
            "Down".to_owned()
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} ({}): {phase}", self.name, settings.mode.as_str());
        let ports = settings.ports;
        let _ = writeln!(
            text,
            "127.0.0.1: API {}, HTTPS {}, HTTP {}, registry {}, Mongo {}\n",
            ports.api, ports.https, ports.http, ports.registry, ports.mongo
        );
        if !self.running {
            let _ = writeln!(
                text,
                "The supervisor does not run: `make up` repairs it, `make down` removes the rest."
            );
            return text;
        }
        let _ = writeln!(
            text,
            "{:<24} {:<11} {:>8} {:>9} {:>10}  MESSAGE",
            "PART", "PHASE", "PID", "RESTARTS", "SINCE"
        );
        for (name, part) in &state.parts {
            let pid = part
                .pid
                .map_or_else(|| "-".to_owned(), |pid| pid.to_string());
            let round = SpanRound::new().smallest(Unit::Second).largest(Unit::Hour);
            let since = now.since(part.since).and_then(|span| span.round(round));
            let since = since.map_or_else(|_| "-".to_owned(), |span| format!("{span:#}"));
            let _ = writeln!(
                text,
                "{name:<24} {:<11} {pid:>8} {:>9} {since:>10}  {}",
                format!("{:?}", part.phase),
                part.restarts,
                part.message.as_deref().unwrap_or("")
            );
        }
        text
    }
}
