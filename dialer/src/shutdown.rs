//! Detection of SIGTERM and SIGINT, and the deadline of a graceful shutdown.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

/// Maximum time that requests in progress may take after shutdown has begun. It is shorter than the default grace
/// period after which Kubernetes kills a container (30 s).
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
