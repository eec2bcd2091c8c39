//! Files of the React build, embedded in the binary at compile time. The build may add compressed variants of a file,
//! with the suffixes `.br` and `.gz`.

use std::borrow::Cow;

use rust_embed::RustEmbed;

use crate::http::encoding::{Encoding, acceptable};

#[derive(RustEmbed)]
#[folder = "ui/dist"]
struct Dist;

/// A file ready to be served: its content, and the values for its response headers.
#[derive(Debug)]
pub struct Asset {
    pub body: Cow<'static, [u8]>,
    pub mime: String,
    pub encoding: Encoding,
    /// Value of the `ETag` header, including quotation marks. It is a hash of the encoded body.
    pub etag: String,
}

/// A file as returned by [`Files::get`]: its content, the SHA-256 hash of the content, and its media type.
#[derive(Debug)]
pub struct StoredFile {
    pub body: Cow<'static, [u8]>,
    pub sha256: [u8; 32],
    pub mime: String,
}

/// Source of UI files: the embedded build in production, or a map in tests.
pub trait Files: Send + Sync + std::fmt::Debug {
    fn get(&self, path: &str) -> Option<StoredFile>;
}

/// Source of the files that are embedded in this binary.
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

/// Returns the file at `path` in the best available encoding that the client accepts. `path` has no leading slash.
/// Returns `None` if the file does not exist or is itself a compressed variant (`.br` or `.gz`).
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
