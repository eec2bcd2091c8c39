//! One command and its answer on an open connection: OP_MSG of the MongoDB wire protocol, as far as `hello` needs it.
//!
//! The driver's own first exchange cannot be told apart by its errors: it folds TLS, silence and refusal of every
//! server into one text. So the first words are ours; login and commands are the driver's.

use std::io;

use mongodb::bson::{self, Document};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Opcode of OP_MSG.
const OP_MSG: i32 = 2013;
/// Length, request, answered request, opcode.
const HEADER: usize = 16;
/// Flags and the kind of the only section.
const PREFIX: usize = 5;
/// An answer to `hello` has a few kilobytes; who sends more is no MongoDB.
pub const MOST_ANSWER: usize = 256 * 1024;

/// Sends a command and reads its answer. The caller bounds the time.
///
/// # Errors
/// The connection's, or `InvalidData` for what is no OP_MSG.
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    command: &Document,
) -> io::Result<Document> {
    stream.write_all(&encode(command, 1, 0)?).await?;
    stream.flush().await?;
    read(stream).await.map(|(_, answer)| answer)
}

/// A message as bytes.
///
/// # Errors
/// A document that is too large or cannot be written.
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

/// The number of the next message and its document.
///
/// # Errors
/// The connection's, or `InvalidData` for what is no OP_MSG with one section.
pub async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<(i32, Document)> {
    let length = stream.read_i32_le().await?;
    let request = stream.read_i32_le().await?;
    let _answers = stream.read_i32_le().await?;
    let opcode = stream.read_i32_le().await?;
    let length = usize::try_from(length).map_err(invalid)?;
    if opcode != OP_MSG || !(HEADER + PREFIX..=MOST_ANSWER).contains(&length) {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    let mut rest = vec![0; length - HEADER];
    stream.read_exact(&mut rest).await?;
    let body = rest.get(PREFIX..).unwrap_or_default();
    let document = Document::from_reader(body).map_err(invalid)?;
    Ok((request, document))
}

/// Drops the cause: it can quote what was sent.
fn invalid<E>(_: E) -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}
