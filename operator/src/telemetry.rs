//! Logging setup of the process.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// Format of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One human-readable line per event.
    Text,
    /// One JSON object per line, for log collectors.
    Json,
}

/// Reason why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A global `tracing` subscriber has already been installed.
    #[error("logging is already set up: call telemetry::init once, from main")]
    AlreadySet,
}

/// Sets up logging to standard error, so that log lines do not mix with the output of a subcommand.
///
/// # Errors
/// Returns [`TelemetryError::AlreadySet`] if logging has already been set up.
pub fn init(format: LogFormat, filter: EnvFilter) -> Result<(), TelemetryError> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(format == LogFormat::Text && std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
    }
    .map_err(|_| TelemetryError::AlreadySet)
}

/// Logs every panic like other errors, with its place in the source. A text that was put together at run time is left
/// out, because it can quote an object.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string);
        let text = panic.payload().downcast_ref::<&str>();
        tracing::error!(at, text, "a panic");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_subscriber_is_an_error_and_not_a_panic() {
        // Another test in this process may have called it first. The second call here must fail in any case.
        let _ = init(LogFormat::Json, EnvFilter::new("off"));
        let again = init(LogFormat::Text, EnvFilter::new("off"));
        assert!(matches!(again, Err(TelemetryError::AlreadySet)));
    }
}
