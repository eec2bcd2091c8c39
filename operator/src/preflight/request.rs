//! Request for a check of a connection string, and the deadlines of its parts.

use std::time::Duration;

use tokio::time::Instant;

use super::rights::Role;

/// What to check.
#[derive(Clone)]
pub struct CheckRequest {
    /// Connection string.
    pub uri: String,
    /// Database on which the role is needed.
    pub database: String,
    /// Required role.
    pub role: Role,
    /// Timeout of all checks together.
    pub timeout: Duration,
}

/// Prints nothing, because the request contains the credential.
impl std::fmt::Debug for CheckRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckRequest").finish_non_exhaustive()
    }
}

/// Deadline of each check. Later checks may use the time that earlier ones leave; all together have the timeout.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// For DNS lookups.
    pub names: Instant,
    /// For TCP connections.
    pub connect: Instant,
    /// For TLS handshakes.
    pub tls: Instant,
    /// For the server's response to `hello`.
    pub hello: Instant,
    /// For login and rights: the timeout.
    pub end: Instant,
}

impl Deadlines {
    /// Deadlines that begin now.
    pub(super) fn within(timeout: Duration) -> Self {
        let start = Instant::now();
        // A dropped SYN is sent again after 1 s and 3 s: a third of the default 15 s covers both.
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
