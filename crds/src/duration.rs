//! Parsing and formatting of durations in specs: whole hours, minutes and seconds in Go's notation (`90s`, `1h30m`).

use std::time::Duration;

/// Maximum length of a duration's text in bytes, which is also the limit in the CRD schema.
pub const MAX_LENGTH: usize = 16;

/// Error of parsing a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The text does not have the form that [`parse`] accepts, for example because of a sign, a fraction or an unknown
    /// unit.
    #[error("not a duration: write whole hours, minutes and seconds such as 90s, 10m or 1h30m")]
    Syntax,
    /// The text has more than [`MAX_LENGTH`] bytes.
    #[error("a duration has at most 16 characters: write it with larger units, such as 24h")]
    TooLong,
    /// The total number of seconds does not fit into 64 bits.
    #[error("the duration is too large: write a smaller number")]
    Overflow,
}

/// Parses a duration of the form `^([0-9]+(h|m|s))+$`. As in Go, the parts may be in any order and are added up.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    if text.len() > MAX_LENGTH {
        return Err(DurationError::TooLong);
    }
    let (mut total, mut number) = (0_u64, None::<u64>);
    for character in text.chars() {
        if let Some(digit) = character.to_digit(10) {
            let grown = number
                .unwrap_or(0)
                .checked_mul(10)
                .and_then(|n| n.checked_add(u64::from(digit)));
            number = Some(grown.ok_or(DurationError::Overflow)?);
            continue;
        }
        let seconds = match character {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return Err(DurationError::Syntax),
        };
        let part = number
            .take()
            .ok_or(DurationError::Syntax)?
            .checked_mul(seconds);
        total = part
            .and_then(|part| total.checked_add(part))
            .ok_or(DurationError::Overflow)?;
    }
    if text.is_empty() || number.is_some() {
        return Err(DurationError::Syntax);
    }
    Ok(Duration::from_secs(total))
}

/// Formats a duration in the notation of [`parse`], for example `1h30m`, `45s` or `0s`. Fractions of a second are
/// dropped.
pub fn format(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 3600, 'h'),
        (seconds / 60 % 60, 'm'),
        (seconds % 60, 's'),
    ];
    let text: String = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n}{unit}"))
        .collect();
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_go_reads() {
        for (text, seconds) in [
            ("0s", 0),
            ("90s", 90),
            ("10m", 600),
            ("1h30m", 5400),
            ("5s1h", 3605),
            ("24h", 86_400),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "", "5", "s", "1.5h", "-1s", "+1s", "1d", "1 h", "1ms", "1H", "10m5", "١s",
        ] {
            assert_eq!(parse(text), Err(DurationError::Syntax), "{text}");
        }
        assert_eq!(parse("1h1m1s1h1m1s1h1m1s"), Err(DurationError::TooLong));
        assert_eq!(
            parse("999999999999999h"),
            Ok(Duration::from_secs(3_599_999_999_999_996_400))
        );
    }

    proptest! {
        #[test]
        fn written_durations_read_back(seconds in 0_u64..10_000_000) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            let _ = parse(&text);
        }
    }
}
