//! Mode and host ports of a cluster, which the first `up` chooses and stores.

use anyhow::bail;
use serde::{Deserialize, Serialize};

use crate::layout::Layout;
use crate::options::{Mode, Options, Ports};
use crate::state::{read_json, write_json};
use crate::supervisor::relay;
use crate::{command, image_builder};

/// Mode and host ports of a cluster. They are stored from the first `up` until `down`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Way in which the cluster is provided.
    pub mode: Mode,
    /// Ports on 127.0.0.1 that are forwarded into the cluster.
    pub ports: Ports,
}

impl Settings {
    /// Reads the settings that an earlier `up` stored; `None` if there are none.
    ///
    /// # Errors
    /// When the file exists but cannot be read or parsed.
    pub fn read(layout: &Layout) -> anyhow::Result<Option<Self>> {
        read_json(&layout.path("settings.json"))
    }

    /// Stores the settings for later commands.
    ///
    /// # Errors
    /// When the file cannot be written.
    fn write(&self, layout: &Layout) -> anyhow::Result<()> {
        write_json(&layout.path("settings.json"), self)
    }

    /// Chooses and stores the settings for this `up`: the settings of an earlier `up` with the requested changes, or
    /// new settings if there are none. `running` is true if the cluster is running; its ports then cannot change.
    ///
    /// # Errors
    /// When this machine cannot run a cluster, or the stored settings cannot be read or written. Also when `options`
    /// request a mode other than the stored mode, or other ports for a running cluster.
    pub fn choose(options: &Options, layout: &Layout, running: bool) -> anyhow::Result<Self> {
        let settings = match Self::read(layout)? {
            Some(settings) => settings.changed(options, running)?,
            None => Self::new(options)?,
        };
        settings.write(layout)?;
        Ok(settings)
    }

    fn new(options: &Options) -> anyhow::Result<Self> {
        let mode = match options.mode {
            Some(mode) => mode,
            None => Mode::detect(
                image_builder::engine_answers(),
                command::find("kind").is_some(),
                cfg!(target_os = "linux") && nix::unistd::geteuid().is_root(),
            )?,
        };
        let ports = match options.ports {
            Some(ports) => ports,
            None => Ports::free()?,
        };
        Ok(Self { mode, ports })
    }

    fn changed(self, options: &Options, running: bool) -> anyhow::Result<Self> {
        if options.mode.is_some_and(|mode| mode != self.mode) {
            bail!(
                "this cluster was started with CLUSTER={}: run `make down` before starting another kind",
                self.mode.as_str()
            );
        }
        let ports = match options.ports {
            Some(requested) if requested != self.ports && running => bail!(
                "this cluster runs on other ports ({:?}): run `make down` before choosing new ones",
                self.ports
            ),
            Some(requested) => requested,
            // Another program now uses one of the free ports chosen earlier, so new ports are chosen.
            None if !running && relay::open(&self.ports).is_err() => Ports::free()?,
            None => self.ports,
        };
        Ok(Self { ports, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_up_chooses_the_mode_and_a_second_may_not_differ() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        let mut options = Options::for_tests(dir.path()).unwrap();
        options.mode = Some(Mode::Local);
        let first = Settings::choose(&options, &layout, false).unwrap();
        assert_eq!(Settings::choose(&options, &layout, true).unwrap(), first);
        options.mode = Some(Mode::Kind);
        let refused = Settings::choose(&options, &layout, true)
            .unwrap_err()
            .to_string();
        assert!(refused.contains("make down"), "{refused}");
    }

    #[test]
    fn ports_change_only_while_nothing_runs() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        let mut options = Options::for_tests(dir.path()).unwrap();
        options.mode = Some(Mode::Local);
        let first = Settings::choose(&options, &layout, false).unwrap();
        let other = Ports::free().unwrap();
        options.ports = Some(other);
        let refused = Settings::choose(&options, &layout, true)
            .unwrap_err()
            .to_string();
        assert!(refused.contains("other ports"), "{refused}");
        assert_eq!(
            Settings::choose(&options, &layout, false).unwrap().ports,
            other
        );
        options.ports = None;
        let holder = std::net::TcpListener::bind(Ports::local(other.http)).unwrap();
        let chosen = Settings::choose(&options, &layout, false).unwrap().ports;
        assert!(chosen != other && chosen != first.ports);
        drop(holder);
        assert_eq!(
            Settings::choose(&options, &layout, true).unwrap().ports,
            chosen
        );
    }
}
