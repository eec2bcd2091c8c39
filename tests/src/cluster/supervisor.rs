//! The supervisor as a process of its own: started here, and asked whether it is gone.

use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use anyhow::Context;

use super::layout::Layout;
use super::supervise;

/// The process that runs the parts, as `up` sees it.
#[derive(Debug)]
pub enum Supervisor {
    /// It ran before.
    Found,
    Started {
        /// How it ended, once it did.
        ended: Arc<OnceLock<String>>,
        log: PathBuf,
        /// Where in the log its own lines begin.
        from: u64,
    },
}

impl Supervisor {
    /// Starts `program`, the `cluster` binary.
    ///
    /// # Errors
    /// When it or its log cannot be opened.
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
            .args(["--dir", &layout.dir.to_string_lossy(), "supervise"])
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("opening the supervisor's log")?)
            .stderr(output)
            .current_dir("/")
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let ended = Arc::new(OnceLock::new());
        // In the background, so that a supervisor that ends early is not kept as a zombie.
        let told = Arc::clone(&ended);
        std::thread::spawn(move || {
            let how = child.wait().map_or_else(
                |error| format!("it cannot be waited for: {error}"),
                |status| status.to_string(),
            );
            let _ = told.set(how);
        });
        Ok(Self::Started { ended, log, from })
    }

    /// If it is gone: how it ended, and what it said. Whoever waits for it need not wait any longer.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub fn gone(&self, layout: &Layout) -> anyhow::Result<Option<String>> {
        match self {
            Self::Found => {
                let gone = supervise::try_lock(layout)?.is_some();
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

    use super::super::wait::{Progress, until};
    use super::*;

    #[tokio::test]
    async fn a_supervisor_that_ends_at_once_is_told_with_its_last_words() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        std::fs::create_dir_all(layout.path("logs")).unwrap();
        std::fs::write(layout.log("supervisor"), "of an earlier one\n").unwrap();
        // It refuses the supervisor's arguments.
        let supervisor = Supervisor::start(Path::new("/bin/sh"), &layout).unwrap();
        let progress = Progress::quiet();
        let told = until(&progress, "its end", Duration::from_secs(30), || async {
            supervisor.gone(&layout)?.context("it runs")
        });
        let told = told.await.unwrap();
        assert!(told.contains("(exit status: 2): "), "{told}");
        assert!(told.contains("option"), "{told}");
        assert!(!told.contains("earlier"), "{told}");
    }
}
