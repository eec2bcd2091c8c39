//! Minimal client of the MongoDB wire protocol: sends one command as OP_MSG on an open connection and reads the
//! response.
//!
//! The MongoDB driver reports the failures of all servers in one text, which does not distinguish TLS failures,
//! timeouts and refused connections. This module therefore sends the first command itself. The driver performs the
//! login and all other commands.

use std::io;

use mongodb::bson::{self, Document};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Opcode of OP_MSG, the message format of all current MongoDB servers.
const OP_MSG: i32 = 2013;
/// Size of the message header in bytes: message length, request ID, `responseTo` and opcode.
const HEADER: usize = 16;
/// Size in bytes of the part between header and document: the flags (4) and the kind of the only section (1).
const PREFIX: usize = 5;
/// Maximum size of a received message in bytes. A response to `hello` has only a few KiB.
pub const MAX_ANSWER: usize = 256 * 1024;

/// Sends a command and reads its response. It has no timeout, so the caller must set one.
///
/// # Errors
/// An I/O error of the connection, or `InvalidData` if the response is not a valid OP_MSG message or is larger than
/// [`MAX_ANSWER`].
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    command: &Document,
) -> io::Result<Document> {
    stream.write_all(&encode(command, 1, 0)?).await?;
    stream.flush().await?;
    read(stream).await.map(|(_, answer)| answer)
}

/// Encodes a document as an OP_MSG message. `request` is the ID of the message. `answers` is the ID of the request to
/// which the message responds, or 0 if it is a request.
///
/// # Errors
/// `InvalidData` if the document is too large or cannot be encoded.
pub fn encode(document: &Document, request: i32, answers: i32) -> io::Result<Vec<u8>> {
    let body = bson::to_vec(document).map_err(invalid)?;
    let length = i32::try_from(HEADER + PREFIX + body.len()).map_err(invalid)?;
    let mut message = Vec::with_capacity(HEADER + PREFIX + body.len());
    for number in [length, request, answers, OP_MSG, 0] {
        message.extend_from_slice(&number.to_le_bytes());
    }
    message.push(0);
    message.extend_from_slice(&body);
    Ok(message)
}

/// Reads the next message and returns its request ID and document.
///
/// # Errors
/// An I/O error of the connection, or `InvalidData` if the message is not OP_MSG, is larger than [`MAX_ANSWER`], or
/// contains no valid document.
pub async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<(i32, Document)> {
    let length = stream.read_i32_le().await?;
    let request = stream.read_i32_le().await?;
    let _answers = stream.read_i32_le().await?;
    let opcode = stream.read_i32_le().await?;
    let length = usize::try_from(length).map_err(invalid)?;
    if opcode != OP_MSG || !(HEADER + PREFIX..=MAX_ANSWER).contains(&length) {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    let mut rest = vec![0; length - HEADER];
    stream.read_exact(&mut rest).await?;
    let body = rest.get(PREFIX..).unwrap_or_default();
    let document = Document::from_reader(body).map_err(invalid)?;
    Ok((request, document))
}

/// Returns an `InvalidData` error without its cause, because the cause may quote the message.
fn invalid<E>(_: E) -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}
