//! Shutdown on SIGTERM and SIGINT.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

/// How long requests in progress may take after shutdown began: 10 s, as on the old server. Kubernetes kills the
/// process later.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// Waits for the first SIGTERM or SIGINT and returns its name.
///
/// # Errors
/// If the signal handlers cannot be installed.
pub async fn requested() -> std::io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
