//! Validation of profile pictures, which clients send and display as `data:` URLs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Maximum size of a decoded picture, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Function that checks whether a file begins with the signature of its media type.
type Begins = fn(&[u8]) -> bool;

/// Allowed media types, each with the check of the file signature. A WebP signature has two parts, with the file length
/// between them.
const KINDS: [(&str, Begins); 3] = [
    ("image/png", |bytes| bytes.starts_with(b"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", |bytes| bytes.starts_with(b"\xff\xd8\xff")),
    ("image/webp", |bytes| {
        bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP".as_slice())
    }),
];

/// Checks that a text is a `data:` URL of a PNG, JPEG or WebP picture in base64. The content must have the signature of
/// the declared type, because a script could be declared as a picture.
///
/// # Errors
/// Returns an error message for the user if the text is not such a URL, the picture is too large, or its signature does
/// not match.
pub fn check(data_url: &str) -> Result<(), &'static str> {
    const SHAPE: &str = "must be a data URL of a PNG, JPEG or WebP picture";
    let (head, encoded) = data_url.split_once(',').ok_or(SHAPE)?;
    let mime = head
        .strip_prefix("data:")
        .and_then(|head| head.strip_suffix(";base64"))
        .ok_or(SHAPE)?;
    let (_, begins_right) = KINDS.iter().find(|(name, _)| *name == mime).ok_or(SHAPE)?;
    // Checked before decoding: four base64 characters encode three bytes.
    if encoded.len() / 4 > MAX_BYTES / 3 + 1 {
        return Err("must be at most 1 MB");
    }
    let bytes = STANDARD
        .decode(encoded)
        .map_err(|_| "must be encoded in base64")?;
    if bytes.len() > MAX_BYTES {
        return Err("must be at most 1 MB");
    }
    if !begins_right(&bytes) {
        return Err("is not a picture of the type that it says");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

    fn url(mime: &str, bytes: &[u8]) -> String {
        format!("data:{mime};base64,{}", STANDARD.encode(bytes))
    }

    fn png(length: usize) -> String {
        let mut bytes = PNG.to_vec();
        bytes.resize(length, 7);
        url("image/png", &bytes)
    }

    #[test]
    fn three_kinds_are_known_by_their_first_bytes() {
        assert_eq!(check(&png(200)), Ok(()));
        assert_eq!(check(&url("image/jpeg", b"\xff\xd8\xff\xe0rest")), Ok(()));
        assert_eq!(check(&url("image/webp", b"RIFF\x10\0\0\0WEBPVP8 ")), Ok(()));
        for bad in [
            "",
            "https://example.com/a.png",
            "data:image/png,abc",
            "data:image/png;base64",
            "data:image/png;base64,@@@@",
            "data:image/png;base64,iVBORw0KGgo",
            &url("image/png", b""),
            &url("image/png", b"<script>alert(1)</script>"),
            &url("image/jpeg", PNG),
            &url(
                "image/svg+xml",
                b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            ),
            &url("text/html", PNG),
            &url("image/webp", b"RIFF\x10\0\0\0WAVEfmt "),
            &url("image/webp", b"RIFF"),
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn one_megabyte_and_not_a_byte_more() {
        assert_eq!(check(&png(MAX_BYTES)), Ok(()));
        assert_eq!(check(&png(MAX_BYTES + 1)), Err("must be at most 1 MB"));
        assert_eq!(check(&png(2 * MAX_BYTES)), Err("must be at most 1 MB"));
    }

    fn check_any(url: &str) {
        if check(url).is_err() {
            return;
        }
        let (head, encoded) = url.split_once(',').unwrap();
        let bytes = STANDARD.decode(encoded).unwrap();
        assert!((1..=MAX_BYTES).contains(&bytes.len()));
        assert_eq!(STANDARD.encode(&bytes), encoded);
        let begin: &[u8] = match head {
            "data:image/png;base64" => b"\x89PNG",
            "data:image/jpeg;base64" => b"\xff\xd8",
            "data:image/webp;base64" => b"RIFF",
            _ => panic!("{head}"),
        };
        assert!(bytes.starts_with(begin), "{head}");
    }

    #[test]
    fn odd_pictures() {
        for url in [
            "data:image/png;base64,\u{fffd}",
            "data:text/html;base64,PHNjcmlwdD4=",
            "data:image/jpeg;base64,/9j/4HJlc3Q=",
            "data:image/png;base64,iVBORw0KGgo=",
            "data:image/png;base64,iVBORw0KGgp=",
            "data:image/png;base64,iVBORw0KGgo",
            "data:image/webp;base64,UklGRhAAAABXRUJQVlA4IA==",
        ] {
            check_any(url);
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_a_picture_of_its_type(
            mime in "(image/(png|jpeg|webp|gif)|text/html)",
            text in "((iVBORw0KGgo|/9j/|UklGRhAAAABXRUJQ)[A-Za-z0-9+/]{0,12}={0,2}|\\PC{0,40})"
        ) {
            check_any(&format!("data:{mime};base64,{text}"));
        }

        #[test]
        fn never_panics(text in "(data:image/(png|webp);base64,)?\\PC{0,80}") {
            let _ = check(&text);
        }

        #[test]
        fn what_is_accepted_decodes_to_a_picture(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if check(&url("image/png", &bytes)).is_ok() {
                prop_assert!(bytes.starts_with(PNG));
            }
        }
    }
}
