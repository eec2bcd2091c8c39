//! Handle to the supervisor's process, with which `up` starts the process and checks if it has exited.

use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use anyhow::Context;

use crate::layout::Layout;

/// Subcommand of `cluster` that runs the supervisor.
const SUBCOMMAND: &str = "supervise";

/// Handle to the supervisor's process.
#[derive(Debug)]
pub enum SupervisorHandle {
    /// Supervisor that an earlier `up` started.
    Found,
    /// Supervisor that this process started.
    Started {
        /// Exit status as text; not set while the supervisor runs.
        ended: Arc<OnceLock<String>>,
        /// Path of the supervisor's log file. Earlier supervisors may have written to the same file.
        log: PathBuf,
        /// Offset, in bytes, of this supervisor's first output in the log file.
        from: u64,
    },
}

/// Returns true if this process was started by [`SupervisorHandle::start`]. Such a process must call
/// [`crate::cli::main`] before it does anything else.
#[must_use]
pub fn is_supervisor() -> bool {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    matches!(&arguments[..], [dir, _, command] if dir == "--dir" && command == SUBCOMMAND)
}

impl SupervisorHandle {
    /// Starts `program` as the supervisor. `program` is the `cluster` binary, or another program that calls
    /// [`crate::cli::main`] if [`is_supervisor`] returns true.
    ///
    /// # Errors
    /// When the program cannot be started or its log cannot be opened.
    pub fn start(program: &Path, layout: &Layout) -> anyhow::Result<Self> {
        let log = layout.log("supervisor");
        std::fs::create_dir_all(layout.path("logs")).context("creating the log folder")?;
        let mut output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .context("opening the supervisor's log")?;
        let from = output
            .seek(SeekFrom::End(0))
            .context("the supervisor's log")?;
        let mut child = Command::new(program)
            .args(["--dir", &layout.dir.to_string_lossy(), SUBCOMMAND])
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("opening the supervisor's log")?)
            .stderr(output)
            .current_dir("/")
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let ended = Arc::new(OnceLock::new());
        // A thread waits for the process, so that a supervisor that exits early does not stay a zombie.
        let reported = Arc::clone(&ended);
        std::thread::spawn(move || {
            let how = child.wait().map_or_else(
                |error| format!("it cannot be waited for: {error}"),
                |status| status.to_string(),
            );
            let _ = reported.set(how);
        });
        Ok(Self::Started { ended, log, from })
    }

    /// Returns a message if the supervisor has exited; `None` while it runs. If this process started the supervisor,
    /// the message contains its exit status and output.
    ///
    /// # Errors
    /// When the supervisor's lock or log cannot be read.
    pub fn gone(&self, layout: &Layout) -> anyhow::Result<Option<String>> {
        match self {
            Self::Found => {
                let gone = super::try_lock(layout)?.is_some();
                Ok(gone.then(|| "the supervisor is gone".to_owned()))
            }
            Self::Started { ended, log, from } => {
                let Some(how) = ended.get() else {
                    return Ok(None);
                };
                let mut file = std::fs::File::open(log).context("opening the supervisor's log")?;
                file.seek(SeekFrom::Start(*from))
                    .context("the supervisor's log")?;
                let mut said = String::new();
                file.read_to_string(&mut said)
                    .context("the supervisor's log")?;
                let said = said.trim_end();
                Ok(Some(format!("the supervisor ended ({how}): {said}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wait::{Progress, until};

    #[tokio::test]
    async fn a_supervisor_that_exits_at_once_is_reported_with_its_output() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        std::fs::create_dir_all(layout.path("logs")).unwrap();
        std::fs::write(layout.log("supervisor"), "of an earlier one\n").unwrap();
        // `/bin/sh` exits at once with an error, because it does not understand the supervisor's arguments.
        let supervisor = SupervisorHandle::start(Path::new("/bin/sh"), &layout).unwrap();
        let progress = Progress::quiet();
        let gone = until(&progress, "its end", Duration::from_secs(30), || async {
            supervisor.gone(&layout)?.context("it runs")
        });
        let gone = gone.await.unwrap();
        assert!(gone.contains("(exit status: 2): "), "{gone}");
        assert!(gone.contains("option"), "{gone}");
        assert!(!gone.contains("earlier"), "{gone}");
    }
}
