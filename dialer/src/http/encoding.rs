//! Selection of the precompressed variant of a file that matches the header `Accept-Encoding`.

/// Content encoding of a file. The variants are in order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    /// Returns the suffix of names of files in this encoding, such as `.gz`; empty for uncompressed files.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
            Self::Identity => "",
        }
    }

    /// Returns the value of the header `Content-Encoding`; `None` for uncompressed files.
    pub fn token(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }
}

/// Returns the encodings that the client accepts, best first. `Identity` is always the last one, even if the client
/// refuses it, because an uncompressed file is better than a 406 response.
pub fn acceptable(accept_encoding: &str) -> Vec<Encoding> {
    let mut encodings: Vec<Encoding> = [Encoding::Brotli, Encoding::Gzip]
        .into_iter()
        .filter(|encoding| accepts(accept_encoding, encoding.token().unwrap_or_default()))
        .collect();
    encodings.push(Encoding::Identity);
    encodings
}

fn accepts(header: &str, token: &str) -> bool {
    let mut wildcard = false;
    for item in header.split(',') {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let quality = parts
            .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
            .map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0));
        if name.eq_ignore_ascii_case(token) {
            return quality > 0.0;
        }
        if name == "*" {
            wildcard = quality > 0.0;
        }
    }
    wildcard
}

#[cfg(test)]
mod tests {
    use super::*;
    use Encoding::{Brotli, Gzip, Identity};
    use proptest::prelude::*;

    #[test]
    fn table() {
        for (header, expected) in [
            ("gzip, deflate, br, zstd", vec![Brotli, Gzip, Identity]),
            ("gzip", vec![Gzip, Identity]),
            ("br;q=0, gzip;q=0.5", vec![Gzip, Identity]),
            ("*", vec![Brotli, Gzip, Identity]),
            ("*;q=0", vec![Identity]),
            ("*, br;q=0", vec![Gzip, Identity]),
            ("GZIP; q=1.0", vec![Gzip, Identity]),
            ("br;q=x", vec![Identity]),
            ("", vec![Identity]),
            ("identity", vec![Identity]),
        ] {
            assert_eq!(acceptable(header), expected, "{header:?}");
        }
    }

    fn check(header: &str) {
        let taken = acceptable(header);
        let (last, compressed) = taken.split_last().unwrap();
        assert_eq!(*last, Identity, "{header:?}");
        let orders: [&[Encoding]; 4] = [&[], &[Brotli], &[Gzip], &[Brotli, Gzip]];
        assert!(orders.contains(&compressed), "{header:?}: {taken:?}");
        assert_eq!(acceptable(&header.to_ascii_uppercase()), taken);
        let refused = acceptable(&format!("br;q=0,gzip;q=0.000,{header}"));
        assert_eq!(refused, [Identity], "{header:?}");
        let wanted = acceptable(&format!("br,gzip;q=0.1,{header}"));
        assert_eq!(wanted.len(), 3, "{header:?}");
    }

    #[test]
    fn odd_headers() {
        for header in [
            "*;q=0.1, br;q=0",
            "br;q=\u{fffd}",
            ",;,",
            "br;q=nan, gzip;q=inf",
            "GZIP; Q=1.0",
            "gzip, deflate, br, zstd",
            "br;q=0, gzip;q=0.5",
        ] {
            check(header);
        }
    }

    proptest! {
        #[test]
        fn the_plain_file_is_last_and_the_first_item_of_a_name_counts(
            header in "([bgrzip*;=,. qQ0-9]{0,30}|\\PC{0,40})"
        ) {
            check(&header);
        }
    }
}
