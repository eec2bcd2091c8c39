//! What the first `up` chooses and later ones keep to.

use anyhow::bail;

use super::layout::Layout;
use super::options::{Mode, Options, Ports};
use super::state::Settings;
use super::{images, relay};

/// The settings of the first `up`, or those asked for now. A cluster that runs keeps its ports.
///
/// # Errors
/// When another mode, or other ports of a running cluster, are asked for.
pub fn decide(options: &Options, layout: &Layout, running: bool) -> anyhow::Result<Settings> {
    if let Some(settings) = Settings::read(layout)? {
        if options.mode.is_some_and(|mode| mode != settings.mode) {
            bail!(
                "this cluster was started with CLUSTER={}: run `make down` before starting another kind",
                settings.mode.as_str()
            );
        }
        let ports = match options.ports {
            Some(asked) if asked != settings.ports && running => bail!(
                "this cluster runs on other ports ({:?}): run `make down` before choosing new ones",
                settings.ports
            ),
            Some(asked) => asked,
            // Somebody took one of the free ports chosen earlier.
            None if !running && relay::open(&settings.ports).is_err() => Ports::free()?,
            None => settings.ports,
        };
        let settings = Settings { ports, ..settings };
        settings.write(layout)?;
        return Ok(settings);
    }
    let mode = match options.mode {
        Some(mode) => mode,
        None => Mode::detect(
            images::engine_answers(),
            super::command::find("kind").is_some(),
            cfg!(target_os = "linux") && nix::unistd::geteuid().is_root(),
        )?,
    };
    let ports = match options.ports {
        Some(ports) => ports,
        None => Ports::free()?,
    };
    let settings = Settings { mode, ports };
    settings.write(layout)?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_up_decides_and_a_second_may_not_differ() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        let mut options = Options::for_tests(dir.path(), "/bin/false".as_ref()).unwrap();
        options.mode = Some(Mode::Local);
        let first = decide(&options, &layout, false).unwrap();
        assert_eq!(decide(&options, &layout, true).unwrap(), first);
        options.mode = Some(Mode::Kind);
        let refused = decide(&options, &layout, true).unwrap_err().to_string();
        assert!(refused.contains("make down"), "{refused}");
    }

    #[test]
    fn ports_change_only_while_nothing_runs() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        let mut options = Options::for_tests(dir.path(), "/bin/false".as_ref()).unwrap();
        options.mode = Some(Mode::Local);
        let first = decide(&options, &layout, false).unwrap();
        let other = Ports::free().unwrap();
        options.ports = Some(other);
        let refused = decide(&options, &layout, true).unwrap_err().to_string();
        assert!(refused.contains("other ports"), "{refused}");
        assert_eq!(decide(&options, &layout, false).unwrap().ports, other);
        options.ports = None;
        let holder = std::net::TcpListener::bind(Ports::local(other.http)).unwrap();
        let chosen = decide(&options, &layout, false).unwrap().ports;
        assert!(chosen != other && chosen != first.ports);
        drop(holder);
        assert_eq!(decide(&options, &layout, true).unwrap().ports, chosen);
    }
}
