//! Parameters of a preflight check, and the deadlines of its steps.

use std::time::Duration;

use tokio::time::Instant;

use super::rights::Role;

/// Parameters of a preflight check.
#[derive(Clone)]
pub struct CheckRequest {
    /// MongoDB connection string.
    pub uri: String,
    /// Name of the database on which the role is needed.
    pub database: String,
    /// Role that the user of the connection string needs.
    pub role: Role,
    /// Timeout of all steps of the check together.
    pub timeout: Duration,
}

/// The debug output contains no field, because the request contains the credential.
impl std::fmt::Debug for CheckRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckRequest").finish_non_exhaustive()
    }
}

/// Deadlines of the steps of a check. A step may also use the time that earlier steps did not need.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Deadline of DNS lookups.
    pub names: Instant,
    /// Deadline of TCP connections.
    pub connect: Instant,
    /// Deadline of TLS handshakes.
    pub tls: Instant,
    /// Deadline of the server's response to the command `hello`.
    pub hello: Instant,
    /// Deadline of login and rights, and of the whole check.
    pub end: Instant,
}

impl Deadlines {
    /// Returns the deadlines of a check that starts now and has this timeout.
    pub(super) fn within(timeout: Duration) -> Self {
        let start = Instant::now();
        // A lost SYN is sent again after 1 s and 3 s. Connecting has at least a third of the timeout, so 5 s by
        // default, which covers both.
        let part = |of: u32| start + timeout / 12 * of;
        Self {
            names: part(4),
            connect: part(8),
            tls: part(9),
            hello: part(10),
            end: part(12),
        }
    }
}
