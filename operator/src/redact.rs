//! Removes values from the texts of decoding errors, because a value of `config.env` may be secret although it should
//! not stand there.

/// Beginnings of the errors that name only fields.
const OF_FIELDS: &[&str] = &["missing field ", "unknown field ", "duplicate field "];

/// Beginnings of the errors that quote a value, if at all, before the text that says what was expected.
const OF_VALUES: &[&str] = &[
    "invalid type: ",
    "invalid value: ",
    "invalid length ",
    "unknown variant ",
];

/// Replaces the value in the text of a decoding error by `…`. Names of fields and what was expected remain. A text of
/// another form is replaced as a whole.
pub fn without_values(error: &str) -> String {
    let begins = |with: &[&str]| with.iter().any(|beginning| error.starts_with(beginning));
    if begins(OF_FIELDS) {
        return error.to_owned();
    }
    if !begins(OF_VALUES) {
        return "its value cannot be used".to_owned();
    }
    // A value may contain anything, so it ends at the last place where the expected text can begin.
    let (seen, expected) = match error.rfind(", expected ") {
        Some(end) => error.split_at(end),
        None => (error, ""),
    };
    match seen.find(['"', '`']) {
        Some(start) => format!("{}…{expected}", seen.get(..start).unwrap_or_default()),
        None => error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoding_error_names_the_field_and_no_value() {
        for (text, wanted) in [
            ("missing field `image`", "missing field `image`"),
            (
                "unknown field `imge`, expected one of `image`, `domain`",
                "unknown field `imge`, expected one of `image`, `domain`",
            ),
            (
                "invalid type: string \"hunter2\", expected i32",
                "invalid type: string …, expected i32",
            ),
            (
                "invalid value: string \"hun\"ter2\", expected a duration",
                "invalid value: string …, expected a duration",
            ),
            (
                "invalid type: string \"a\" at line hunter2\", expected i32",
                "invalid type: string …, expected i32",
            ),
            (
                "invalid type: string \"a\", expected hunter2\", expected i32",
                "invalid type: string …, expected i32",
            ),
            (
                "unknown variant `hunter2`, expected one of `None`, `Plan`",
                "unknown variant …, expected one of `None`, `Plan`",
            ),
            (
                "invalid type: integer `42`, expected a string",
                "invalid type: integer …, expected a string",
            ),
            (
                "invalid type: null, expected a string",
                "invalid type: null, expected a string",
            ),
            ("unknown variant `hunter2`", "unknown variant …"),
            ("hunter2 is no quantity", "its value cannot be used"),
        ] {
            let redacted = without_values(text);
            assert_eq!(redacted, wanted);
            assert!(!redacted.contains("ter2"), "{redacted}");
        }
    }
}
