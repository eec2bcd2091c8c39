//! Removes what may be secret from the last lines of a container's log, so that they can be shown to users. Pure
//! functions without I/O.

use k8s_openapi::api::core::v1::Secret;

/// Minimum length of a value of a Secret that is removed, in bytes. Shorter values would remove parts of words.
const MIN_VALUE_LENGTH: usize = 4;

/// Minimum length of a word that is removed because it looks like a key or a token, in bytes.
const MIN_TOKEN_LENGTH: usize = 20;

/// Maximum number of lines that are kept.
const MAX_LINES: usize = 10;

/// Maximum length of the lines that are kept, in characters.
const MAX_LENGTH: usize = 500;

/// Length in bytes from which a log may have been cut by the kubelet, which keeps the last 2048 bytes.
const KUBELET_LIMIT: usize = 2000;

/// Text that replaces what is removed.
const REMOVED: &str = "[removed]";

/// Values that must not be shown.
#[derive(Default)]
pub struct Scrubber {
    /// Values, longest first, so that no part of a longer one remains.
    values: Vec<String>,
}

/// Prints no values, because they are secret.
impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scrubber").finish_non_exhaustive()
    }
}

impl Scrubber {
    /// Returns a scrubber that removes the values of these Secrets, each line of them, and the user names and passwords
    /// of connection strings in them.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut values: Vec<String> = secrets
            .into_iter()
            .flat_map(|secret| secret.data.iter().flatten())
            .flat_map(|(_, value)| parts(&String::from_utf8_lossy(&value.0)))
            .filter(|value| value.len() >= MIN_VALUE_LENGTH)
            .collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self { values }
    }

    /// Returns the last lines of a log, separated by ` | `, without the values, and without words that look like a
    /// password, a key or a token. `None` if nothing is left.
    pub fn last_lines(&self, log: &str) -> Option<String> {
        // The kubelet cuts the beginning off, perhaps in the middle of a value.
        let whole = if log.len() >= KUBELET_LIMIT {
            log.split_once('\n').map_or("", |(_, rest)| rest)
        } else {
            log
        };
        let known = self
            .values
            .iter()
            .fold(whole.to_owned(), |text, value| text.replace(value, REMOVED));
        let lines: Vec<String> = known
            .lines()
            .map(|line| line.trim())
            .filter(|line| !line.is_empty())
            .map(without_tokens)
            .collect();
        let first = lines.len().saturating_sub(MAX_LINES);
        let kept = lines.get(first..).unwrap_or_default().join(" | ");
        let skip = kept.chars().count().saturating_sub(MAX_LENGTH);
        let kept: String = kept.chars().skip(skip).collect();
        (!kept.is_empty()).then_some(kept)
    }
}

/// Returns the parts of a value that must not be shown: the value, its lines, and what stands between `://` and `@`.
fn parts(value: &str) -> Vec<String> {
    let login = value
        .split_once("://")
        .and_then(|(_, rest)| rest.rsplit_once('@'))
        .map(|(login, _)| login);
    let logins = login.into_iter().flat_map(|login| login.split(':'));
    let decoded = logins.flat_map(|word| [word.to_owned(), percent_decoded(word)]);
    let lines = value.lines().map(|line| line.trim().to_owned());
    std::iter::once(value.trim().to_owned())
        .chain(lines)
        .chain(decoded)
        .collect()
}

/// Replaces each `%` and two hexadecimal digits by the byte that they stand for.
fn percent_decoded(word: &str) -> String {
    let mut pieces = word.split('%');
    let mut bytes: Vec<u8> = pieces.next().unwrap_or_default().bytes().collect();
    for piece in pieces {
        let byte = piece
            .get(..2)
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend(piece.bytes().skip(2));
            }
            None => {
                bytes.push(b'%');
                bytes.extend(piece.bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Removes words that look like secrets: after a name such as `password=`, before the `@` of a URL, and long words of
/// letters and digits.
fn without_tokens(line: &str) -> String {
    let plain: String = line
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut words = Vec::new();
    let mut named = false;
    for word in plain.split_whitespace() {
        words.push(if named {
            REMOVED.to_owned()
        } else {
            without_token(word)
        });
        named = word.ends_with([':', '=']) && names_a_secret(word);
    }
    words.join(" ")
}

fn names_a_secret(word: &str) -> bool {
    const NAMES: [&str; 7] = [
        "password",
        "passwd",
        "secret",
        "token",
        "apikey",
        "_key",
        "authorization",
    ];
    let lower = word.to_ascii_lowercase();
    NAMES.iter().any(|name| lower.contains(name))
}

fn without_token(word: &str) -> String {
    if let Some((scheme, rest)) = word.split_once("://")
        && let Some((_, host)) = rest.rsplit_once('@')
    {
        return format!("{scheme}://{REMOVED}@{host}");
    }
    let assigned = word.find(['=', ':']);
    if let Some((name, value)) = assigned.and_then(|at| word.split_at_checked(at))
        && value.len() > 1
        && names_a_secret(name)
    {
        return format!("{name}={REMOVED}");
    }
    word.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || "+_=-.".contains(c)))
        .map(|part| if looks_random(part) { REMOVED } else { part })
        .collect()
}

fn looks_random(part: &str) -> bool {
    part.len() >= MIN_TOKEN_LENGTH
        && part.bytes().any(|b| b.is_ascii_digit())
        && part.bytes().any(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::ByteString;
    use std::collections::BTreeMap;

    fn secret(value: &str) -> Secret {
        let value = ByteString(value.as_bytes().to_vec());
        Secret {
            data: Some(BTreeMap::from([("K".to_owned(), value)])),
            ..Secret::default()
        }
    }

    #[test]
    fn values_of_secrets_are_removed_however_the_log_quotes_them() {
        let uri = secret("mongodb://crok:hunter2%40x@db.test/shop\n");
        let many = secret("first line\nsecond-line");
        let scrub = Scrubber::of([&uri, &many]);
        for (log, shown) in [
            (
                "REGISTRATION: must be invite or open",
                "REGISTRATION: must be invite or open",
            ),
            (
                "bad uri mongodb://crok:hunter2%40x@db.test/shop",
                "bad uri [removed]",
            ),
            (
                "user crok, password hunter2@x",
                "user [removed], password [removed]",
            ),
            ("a second-line of it", "a [removed] of it"),
            (
                "postgres://other:pw@db.test:5432/x failed",
                "postgres://[removed]@db.test:5432/x failed",
            ),
            ("API_TOKEN=abc PORT=3005", "API_TOKEN=[removed] PORT=3005"),
            ("password: short or not", "password: [removed] or not"),
            ("Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6.x", "Bearer [removed]"),
        ] {
            assert_eq!(scrub.last_lines(log).as_deref(), Some(shown));
        }
        assert_eq!(format!("{scrub:?}"), "Scrubber { .. }");
    }

    #[test]
    fn only_the_last_lines_are_kept_and_not_too_much_of_them() {
        let scrub = Scrubber::default();
        let log: String = (1..=30).map(|n| format!("line {n}\n\n")).collect();
        let shown = scrub.last_lines(&log).unwrap();
        assert!(shown.starts_with("line 21 | "), "{shown}");
        assert!(shown.ends_with("line 30"), "{shown}");
        let long = scrub
            .last_lines(&format!("\n{}", "é ".repeat(800)))
            .unwrap();
        assert_eq!(long.chars().count(), MAX_LENGTH);
        assert_eq!(scrub.last_lines(" \n\n"), None);
    }
}
