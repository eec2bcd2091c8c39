//! Removes values from the texts of decoding errors, because a value of `config.env` may be secret although it should
//! not stand there.

/// Replaces the quoted values in the text of a decoding error by `…`. Names of fields stay.
pub fn without_values(error: &str) -> String {
    let mut result = String::with_capacity(error.len());
    let mut rest = error;
    while let Some(start) = rest.find(['"', '`']) {
        let (before, quoted) = rest.split_at(start);
        result.push_str(before);
        let quote = if quoted.starts_with('"') { '"' } else { '`' };
        let inner = quoted.get(1..).unwrap_or_default();
        // A value may contain quotes, so it ends at the last one before what was expected instead, or before the
        // position.
        let end = [", expected ", " at line "]
            .iter()
            .filter_map(|next| inner.find(next))
            .min()
            .unwrap_or(inner.len());
        let is_name = before.ends_with("field ") || before.ends_with("expected one of ");
        let closing = if is_name {
            inner.find(quote)
        } else {
            inner.get(..end).and_then(|part| part.rfind(quote))
        };
        let Some(closing) = closing else {
            result.push('…');
            return result;
        };
        let (value, after) = inner.split_at(closing);
        result.push(quote);
        result.push_str(if is_name { value } else { "…" });
        result.push(quote);
        rest = after.get(1..).unwrap_or_default();
        // What follows is the operator's own text: the expected type and the position.
        if !is_name || rest.starts_with(", expected ") {
            break;
        }
    }
    result.push_str(rest);
    result
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
                "invalid type: string \"hunter2\", expected i32 at line 1 column 9",
                "invalid type: string \"…\", expected i32 at line 1 column 9",
            ),
            (
                "invalid value: string \"hun\"ter2\", expected a duration",
                "invalid value: string \"…\", expected a duration",
            ),
            (
                "unknown variant `hunter2`, expected one of `None`, `Plan`",
                "unknown variant `…`, expected one of `None`, `Plan`",
            ),
            (
                "invalid type: integer `42`, expected a string",
                "invalid type: integer `…`, expected a string",
            ),
            ("an open \"hunter2", "an open …"),
        ] {
            let told = without_values(text);
            assert_eq!(told, wanted);
            assert!(!told.contains("ter2"), "{told}");
        }
    }
}
