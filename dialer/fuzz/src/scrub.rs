//! Fuzz target for the removal of credentials from panic messages and Sentry reports. A credential must be removed
//! regardless of the text around it.

use crokodial_dialer::security::scrub::text as scrubbed;
use serde_json::json;

use crate::input::{halves, text};

/// Credential that is inserted into texts. Inputs that already contain it are skipped.
const PLANTED: &str = "q7HunterZ2x9";

/// Fuzzes the removal of credentials. The first line of the input is the text before the credential, and the rest is
/// the text after it.
pub fn scrub(data: &[u8]) {
    let text = text(data);
    if text.contains(PLANTED) {
        return;
    }
    let out = scrubbed(&text);
    assert!(out.len() <= 6 * text.len() + 64, "{out}");
    let (before, after) = halves(&text);
    // Prefix of a secret's name, as in `OAUTH2_CLIENT_SECRET`.
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
        // A JSON body with a password that may contain any character.
        format!(
            "{} {after}",
            json!({ "name": "x", "password": format!("{before}{PLANTED}") })
        ),
        // A JSON body that is escaped within another text, as in debug output.
        format!(
            "{:?}",
            json!({ "token": format!("{before}{PLANTED}"), "name": after }).to_string()
        ),
    ] {
        let out = scrubbed(&planted);
        assert!(!out.contains(PLANTED), "{planted:?} became {out:?}");
    }
}
