//! The React build, embedded at compile time. A file may have `.br` and `.gz` variants made by that build.

use std::borrow::Cow;

use rust_embed::RustEmbed;

use crate::http::encoding::{Encoding, acceptable};

#[derive(RustEmbed)]
#[folder = "ui/dist"]
struct Dist;

/// A file ready to be served.
#[derive(Debug)]
pub struct Asset {
    pub body: Cow<'static, [u8]>,
    pub mime: String,
    pub encoding: Encoding,
    /// Of the encoded bytes, quoted, as the header's value.
    pub etag: String,
}

/// A file as stored.
#[derive(Debug)]
pub struct StoredFile {
    pub body: Cow<'static, [u8]>,
    pub sha256: [u8; 32],
    pub mime: String,
}

/// Source of files: the embedded build, or a table in tests.
pub trait Files: Send + Sync + std::fmt::Debug {
    fn get(&self, path: &str) -> Option<StoredFile>;
}

/// The build embedded in this binary.
#[derive(Debug, Clone, Copy)]
pub struct Embedded;

impl Files for Embedded {
    fn get(&self, path: &str) -> Option<StoredFile> {
        let file = Dist::get(path)?;
        Some(StoredFile {
            mime: file.metadata.mimetype().to_owned(),
            sha256: file.metadata.sha256_hash(),
            body: file.data,
        })
    }
}

/// The file at `path` (without leading slash) in the best encoding that the client accepts. The compressed variants are
/// not served as files of their own.
pub fn find(files: &dyn Files, path: &str, accept_encoding: &str) -> Option<Asset> {
    if path.ends_with(".br") || path.ends_with(".gz") {
        return None;
    }
    let plain = files.get(path)?;
    let mime = with_charset(&plain.mime);
    let compressed = acceptable(accept_encoding)
        .into_iter()
        .filter(|encoding| *encoding != Encoding::Identity)
        .find_map(|encoding| {
            let file = files.get(&format!("{path}{}", encoding.suffix()))?;
            Some((encoding, file))
        });
    let (encoding, file) = compressed.unwrap_or((Encoding::Identity, plain));
    let (short, _) = file.sha256.split_at(16);
    Some(Asset {
        etag: format!("\"{}\"", hex::encode(short)),
        body: file.body,
        mime,
        encoding,
    })
}

fn with_charset(mime: &str) -> String {
    if mime.starts_with("text/") {
        return format!("{mime}; charset=utf-8");
    }
    mime.to_owned()
}
