//! Scrubbing of text for logs and Sentry: a credential is removed in any context.

use crokodial_dialer::security::scrub::text as scrubbed;
use serde_json::json;

use crate::input::{halves, text};

/// A value that no input contains by chance.
const PLANTED: &str = "q7HunterZ2x9";

/// Two lines: the text before and the text after the credential.
pub fn scrub(data: &[u8]) {
    let text = text(data);
    if text.contains(PLANTED) {
        return;
    }
    let out = scrubbed(&text);
    assert!(out.len() <= 6 * text.len() + 64, "{out}");
    let (before, after) = halves(&text);
    // Part of a name, as in OAUTH2_CLIENT_SECRET.
    let plain = before
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c));
    let name: String = plain.take(20).collect();
    if name.contains(PLANTED) {
        return;
    }
    for planted in [
        format!("{before} mongodb://app:{PLANTED}@db.example/x {after}"),
        format!("{before} Bearer {PLANTED} {after}"),
        format!("{before} {name}password={PLANTED} {after}"),
        format!("{before} {name}_SECRET: {PLANTED} {after}"),
        format!("{before} {PLANTED}@example.com {after}"),
        // A password of any characters in a body.
        format!(
            "{} {after}",
            json!({ "name": "x", "password": format!("{before}{PLANTED}") })
        ),
        // And in a body escaped within another text, or in debug output.
        format!(
            "{:?}",
            json!({ "token": format!("{before}{PLANTED}"), "name": after }).to_string()
        ),
    ] {
        let out = scrubbed(&planted);
        assert!(!out.contains(PLANTED), "{planted:?} became {out:?}");
    }
}
