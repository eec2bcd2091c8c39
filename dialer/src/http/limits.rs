//! Limits of requests: body sizes and timeouts.

use std::time::Duration;

use axum::extract::DefaultBodyLimit;

use crate::domain::vendor::file::limits::MAX_BYTES;

/// Maximum size of a request body, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// Maximum size of a body with a profile picture, in bytes: base64 makes a picture of 1 MB longer by a third.
pub const MAX_PICTURE_BODY: usize = MAX_BODY + MAX_BODY / 2;

/// Additional bytes that are allowed for the multipart headers around an uploaded file.
const MULTIPART_OVERHEAD: usize = 64 * 1024;

/// Maximum duration of a handler.
pub const HANDLER_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum duration of the upload handler, which receives a whole file.
pub const UPLOAD_TIMEOUT: Duration = Duration::from_secs(300);

/// Route of the upload, which has its own limits for body and duration.
pub const UPLOAD_PATH: &str = "/api/csv-upload";

/// Body limit of the upload: the maximum file size and the multipart headers.
pub fn upload_body() -> DefaultBodyLimit {
    let file = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
    DefaultBodyLimit::max(file.saturating_add(MULTIPART_OVERHEAD))
}

/// Timeouts of a WebSocket.
#[derive(Debug, Clone, Copy)]
pub struct SocketTimeouts {
    /// From the handshake until the client must have sent its `authenticate` message.
    pub authenticate: Duration,
    /// Interval of pings. A socket is closed if a ping is not answered before the next one is due.
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
