//! Limits of HTTP requests and WebSockets: body sizes and timeouts.

use std::time::Duration;

use axum::extract::DefaultBodyLimit;

use crate::domain::vendor::file::limits::MAX_BYTES;

/// Maximum size of a request body, in bytes. Some routes have a higher limit.
pub const MAX_BODY: usize = 1024 * 1024;

/// Maximum size of a request body with a profile picture, in bytes. A picture of 1 MB, which base64 makes longer by a
/// third, fits into it together with the other fields.
pub const MAX_PICTURE_BODY: usize = MAX_BODY + MAX_BODY / 2;

/// Maximum size of the multipart headers that surround an uploaded file, in bytes.
const MULTIPART_OVERHEAD: usize = 64 * 1024;

/// Maximum duration of a handler, except for file uploads.
pub const HANDLER_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum duration of the handler for file uploads.
pub const UPLOAD_TIMEOUT: Duration = Duration::from_secs(300);

/// Route of file uploads, which has its own limits for body size and duration.
pub const UPLOAD_PATH: &str = "/api/csv-upload";

/// Returns the body limit of file uploads: the maximum file size plus the multipart headers.
pub fn upload_body() -> DefaultBodyLimit {
    let file = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
    DefaultBodyLimit::max(file.saturating_add(MULTIPART_OVERHEAD))
}

/// Timeouts of a WebSocket.
#[derive(Debug, Clone, Copy)]
pub struct SocketTimeouts {
    /// Maximum time from the handshake until the client's `authenticate` message.
    pub authenticate: Duration,
    /// Interval between pings. A socket is closed if a ping is not answered before the next one is due.
    pub ping: Duration,
    /// Maximum duration of the closing handshake.
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
