//! Limits of requests: sizes of bodies, and times.

use std::time::Duration;

use axum::extract::DefaultBodyLimit;

use crate::domain::vendor::file::limits::MAX_BYTES;

/// Maximum size of a request body, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// Maximum size of a body with a profile picture, in bytes: base64 makes a picture of 1 MB a third longer.
pub const MAX_PICTURE_BODY: usize = MAX_BODY + MAX_BODY / 2;

/// Allowance for the multipart headers around an uploaded file, in bytes.
const MULTIPART_OVERHEAD: usize = 64 * 1024;

/// Timeout of a handler.
pub const HANDLER_TIMEOUT: Duration = Duration::from_secs(30);

/// Timeout of the handler that receives a whole file.
pub const UPLOAD_TIMEOUT: Duration = Duration::from_secs(300);

/// Route of the upload, which has limits of its own.
pub const UPLOAD_PATH: &str = "/api/csv-upload";

/// Body limit of the upload: a file of the maximum size and its multipart headers.
pub fn upload_body() -> DefaultBodyLimit {
    let file = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
    DefaultBodyLimit::max(file.saturating_add(MULTIPART_OVERHEAD))
}

/// Timeouts of a WebSocket.
#[derive(Debug, Clone, Copy)]
pub struct SocketTimeouts {
    /// From the handshake to the client's `authenticate` message.
    pub authenticate: Duration,
    /// Interval of pings; a ping must be answered before the next one.
    pub ping: Duration,
    /// For the closing handshake.
    pub close: Duration,
}

impl Default for SocketTimeouts {
    fn default() -> Self {
        Self {
            authenticate: Duration::from_secs(10),
            ping: Duration::from_secs(30),
            close: Duration::from_secs(2),
        }
    }
}
