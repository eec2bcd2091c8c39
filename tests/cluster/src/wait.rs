//! Helpers that wait for a condition with a timeout and print progress messages.

use std::future::Future;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;

/// Time between two checks of a condition that is waited for.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Time between progress messages during a long wait, if standard error is not a terminal.
const REPORT_INTERVAL: Duration = Duration::from_secs(15);

/// Printer of progress messages on standard error.
#[derive(Clone, Debug)]
pub struct Progress {
    quiet: bool,
    started: Arc<Instant>,
}

impl Progress {
    /// Creates a printer that prints its messages. Each message starts with the number of seconds since this call.
    #[must_use]
    pub fn shown() -> Self {
        Self {
            quiet: false,
            started: Arc::new(Instant::now()),
        }
    }

    /// Creates a printer that discards its messages.
    #[must_use]
    pub fn quiet() -> Self {
        Self {
            quiet: true,
            started: Arc::new(Instant::now()),
        }
    }

    /// Prints one line, with the number of seconds since the creation of this printer.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            let seconds = self.started.elapsed().as_secs_f32();
            // The error is ignored: standard error may be closed.
            let _ = writeln!(std::io::stderr(), "[{seconds:6.1}s] {line}");
        }
    }

    /// Returns the time since the creation of this printer.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Returns the time between progress messages during a long wait: 5 s on a terminal, otherwise 15 s.
    #[must_use]
    pub fn report_every(&self) -> Duration {
        if std::io::stderr().is_terminal() {
            Duration::from_secs(5)
        } else {
            REPORT_INTERVAL
        }
    }
}

/// Repeats `attempt` until it succeeds or `deadline` has passed. `what` names the awaited condition in progress
/// messages and in the error.
///
/// # Errors
/// When the deadline passes; the error contains the last error of `attempt`.
pub async fn until<T, F, Fut>(
    progress: &Progress,
    what: &str,
    deadline: Duration,
    mut attempt: F,
) -> anyhow::Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = anyhow::Result<T>>,
{
    let started = Instant::now();
    let mut reported = started;
    let mut refusal = "no answer".to_owned();
    loop {
        let left = deadline.saturating_sub(started.elapsed());
        match tokio::time::timeout(left, attempt()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => refusal = format!("{error:#}"),
            // The deadline interrupted this attempt; the error of an earlier attempt is more useful.
            Err(_) => {}
        }
        if started.elapsed() >= deadline {
            bail!("waited {} s for {what}: {refusal}", deadline.as_secs());
        }
        if reported.elapsed() >= progress.report_every() {
            reported = Instant::now();
            progress.say(&format!("waiting for {what}: {refusal}"));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failed_attempt_is_repeated_and_the_value_returned() {
        let tries = Cell::new(0);
        let quiet = Progress::quiet();
        let got = until(&quiet, "it", Duration::from_secs(60), || {
            tries.set(tries.get() + 1);
            let tries = tries.get();
            async move {
                if tries < 3 {
                    bail!("not yet")
                } else {
                    Ok(tries)
                }
            }
        });
        assert_eq!(got.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn the_last_error_is_returned() {
        let quiet = Progress::quiet();
        let tries = Cell::new(0);
        let got = until(&quiet, "the tide", Duration::from_millis(1), || {
            tries.set(tries.get() + 1);
            let tries = tries.get();
            async move {
                if tries > 1 {
                    std::future::pending::<()>().await;
                }
                anyhow::Result::<()>::Err(anyhow::anyhow!("still out"))
            }
        });
        let error = got.await.unwrap_err().to_string();
        assert_eq!(error, "waited 0 s for the tide: still out");
    }
}
