//! Removal of credentials from panic messages and from data that is sent to Sentry. Messages should not contain
//! credentials in the first place, so this module is only a safety net.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// Regular expression for the name of a secret and the separator before its value. It also matches names in JSON that
/// is escaped within other text, and names with a prefix such as `OAUTH2_CLIENT_SECRET`.
const NAME: &str = r#"\\*["']?[a-z0-9_\-]*(?:password|passwd|passcode|secret|token|api_?key|sid|authorization|cookie)\\*["']?\s*[=:]\s*"#;

/// Regular expression for a quoted value: in JSON, in JSON that is escaped within other text, or in single quotes.
const QUOTED: &str =
    r#""(?:[^"\\]|\\.)*"|\\"(?:[^"\\]|\\{3}"|\\{4}|\\{1,2}[^"\\])*\\"|'(?:[^'\\]|\\.)*'"#;

/// Regular expression for a value without quotes.
const BARE: &str = r"[^\s,;&}\)]+";

/// Regular expression for the name of an authentication scheme, such as `Bearer`, before a value.
const SCHEMES: &str = r"(?:(?:bearer|basic)\s+)";

/// Patterns of secrets, each with its replacement text. They are applied in this order.
static PATTERNS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        // `user:password@` of any URI. Matches up to the last `@`, because passwords may contain an unescaped one.
        (
            r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*://)[^\s/]+@".to_owned(),
            "${scheme}[redacted]@",
        ),
        // A secret by its name, which another name may follow, as in `token: password: x`. Comes before the next
        // pattern, which would take the name in `Bearer token: x` for the value.
        (
            format!("(?is)(?P<name>{NAME})(?:{QUOTED}|(?:{SCHEMES}|{NAME})*(?:{QUOTED}|{BARE}))"),
            "${name}[redacted]",
        ),
        (
            format!(r"(?i)\b(?P<scheme>bearer|basic)\s+{SCHEMES}*[A-Za-z0-9._~+/=\-]+"),
            "${scheme} [redacted]",
        ),
        (
            r"\beyJ[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]*)?".to_owned(),
            "[redacted token]",
        ),
        (
            r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}".to_owned(),
            "[redacted hash]",
        ),
        (
            r"\$argon2[a-z]*\$[A-Za-z0-9+/=,.\-$]+".to_owned(),
            "[redacted hash]",
        ),
        (
            r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)+".to_owned(),
            "[redacted e-mail]",
        ),
    ]
    .into_iter()
    .filter_map(|(pattern, with)| Regex::new(&pattern).ok().map(|regex| (regex, with)))
    .collect()
});

/// Returns the text with recognized secrets replaced by placeholders such as `[redacted]`. Recognized are URI
/// credentials, tokens, password hashes, values after the name of a secret such as `password=`, and e-mail addresses.
pub fn text(input: &str) -> String {
    let mut text = Cow::Borrowed(input);
    for (pattern, with) in PATTERNS.iter() {
        if let Cow::Owned(replaced) = pattern.replace_all(&text, *with) {
            text = Cow::Owned(replaced);
        }
    }
    text.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(PATTERNS.len(), 7);
    }

    #[test]
    fn secrets_go_and_the_rest_stays() {
        for (input, gone, stays) in [
            (
                "connect mongodb://app:s3cr3t@db.example:27017/x failed",
                "s3cr3t",
                "db.example:27017/x failed",
            ),
            (
                "mongodb+srv://app:p@ss@cluster0.example/x",
                "p@ss",
                "cluster0.example/x",
            ),
            (
                "Authorization: Bearer abc.def-ghi",
                "abc.def",
                "Authorization",
            ),
            ("got eyJhbGciOi.eyJfaWQi.c2ln here", "eyJfaWQi", "here"),
            (
                "hash $2b$10$yd1QWm50ysh/.p8pxLgNvO1qw82oYVL.1hZR5BDDg26.xW2yTlQZe x",
                "yd1QWm50",
                "hash",
            ),
            (
                "hash $argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g x",
                "aGFzaGhhc2g",
                " x",
            ),
            (
                r#"{"password":"hunter2!","name":"Rep"}"#,
                "hunter2",
                r#""name":"Rep""#,
            ),
            ("JWT_SECRET=0123456789abcdef rest", "0123456789", "rest"),
            (
                "E11000 dup key: { email: \"rep@example.com\" }",
                "rep@example",
                "E11000",
            ),
        ] {
            let out = text(input);
            assert!(!out.contains(gone), "{out}");
            assert!(out.contains(stays), "{out}");
        }
        assert_eq!(
            text("nothing to hide at line 12"),
            "nothing to hide at line 12"
        );
    }

    #[test]
    fn a_secret_goes_whatever_stands_around_it() {
        let json = serde_json::json!({ "password": "a\"b \\ hunter2", "name": "Rep" }).to_string();
        for input in [
            "OAUTH2_CLIENT_SECRET=hunter2",
            "épassword=hunter2",
            "invalid Bearer token: hunter2",
            "got bearer Bearer hunter2",
            "token: password: hunter2",
            "secret= bearer x_token: hunter2",
            &json,
            &format!("body {json:?} refused"),
        ] {
            let out = text(input);
            assert!(!out.contains("hunter2"), "{out}");
        }
        assert!(text(&json).ends_with(r#","name":"Rep"}"#));
        assert!(text(&format!("body {json:?} refused")).ends_with(r#"name\":\"Rep\"}" refused"#));
    }

    proptest! {
        #[test]
        fn a_uri_password_never_survives(password in "[A-Za-z0-9:@%!$_-]{6,20}") {
            let out = text(&format!("cannot reach mongodb://user:{password}@host:27017/db now"));
            prop_assert!(!out.contains(&password), "{out}");
        }
    }
}
