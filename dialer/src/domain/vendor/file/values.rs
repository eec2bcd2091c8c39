//! Conversion of cell values: numbers that a spreadsheet application changed, and dates in various formats.

use jiff::civil::{Date, DateTime, Time};

/// Returns true if the text is a number in scientific notation, such as `5.55012E+09`. The spreadsheet has dropped the
/// last digits of such a number.
pub fn is_mangled(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let Some((mantissa, exponent)) = lower.split_once("e+") else {
        return false;
    };
    let number =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    number(mantissa) && number(exponent)
}

/// Removes the suffix `.0` that spreadsheets append to whole numbers.
pub fn whole(text: &str) -> &str {
    match text.strip_suffix(".0") {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => digits,
        _ => text,
    }
}

/// Formats a date as `MM/DD/YYYY`. The year must have four digits and be first or last. Of the other two numbers the
/// first is the month, or the day if it exceeds 12. Other text is unchanged.
pub fn birthday(text: &str) -> String {
    date(text).map_or_else(
        || text.to_owned(),
        |d| format!("{:02}/{:02}/{:04}", d.month(), d.day(), d.year()),
    )
}

/// Converts a time of purchase to ISO 8601 without a time zone. Accepts a date as in [`birthday`], optionally followed
/// by a time of day. Other text is unchanged.
pub fn moment(text: &str) -> String {
    let (day, rest) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    // A date without a time means midnight.
    let read = date(day).zip(time(rest.trim()));
    read.map_or_else(
        || text.to_owned(),
        |(day, time)| DateTime::from_parts(day, time).to_string(),
    )
}

fn date(text: &str) -> Option<Date> {
    let mut parts = text.split(['/', '-']);
    let parts: [&str; 3] = [
        parts.next()?,
        parts.next()?,
        parts.next().filter(|_| parts.next().is_none())?,
    ];
    let number = |text: &str, most: usize| {
        let plain = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse::<i16>().ok()).flatten()
    };
    let [a, b, c] = parts;
    let (year, first, second) = if a.len() == 4 {
        (number(a, 4)?, number(b, 2)?, number(c, 2)?)
    } else if c.len() == 4 {
        (number(c, 4)?, number(a, 2)?, number(b, 2)?)
    } else {
        return None;
    };
    let (month, day) = if first > 12 {
        (second, first)
    } else {
        (first, second)
    };
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// Parses a time of day: `14:05`, `14:05:09` or `2:05 PM`. Empty text is midnight.
fn time(text: &str) -> Option<Time> {
    if text.is_empty() {
        return Some(Time::midnight());
    }
    let upper = text.to_ascii_uppercase();
    let (clock, noon) = match (upper.strip_suffix("PM"), upper.strip_suffix("AM")) {
        (Some(clock), _) => (clock.trim_end(), Some(true)),
        (_, Some(clock)) => (clock.trim_end(), Some(false)),
        _ => (upper.as_str(), None),
    };
    let mut parts = clock.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    let hour = match noon {
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
        None => hour,
    };
    Time::new(hour, minute, second, 0)
        .ok()
        .filter(|_| parts.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn days_and_moments() {
        for (given, shown) in [
            ("1/2/1980", "01/02/1980"),
            ("25-12-1980", "12/25/1980"),
            ("1980-12-25", "12/25/1980"),
            ("1/2/80", "1/2/80"),
            ("13/13/1980", "13/13/1980"),
            ("1980", "1980"),
            ("1/2/3/1980", "1/2/3/1980"),
            ("", ""),
        ] {
            assert_eq!(birthday(given), shown);
        }
        for (given, shown) in [
            ("7/21/2025 2:05 PM", "2025-07-21T14:05:00"),
            ("07/21/2025 12:00:30 am", "2025-07-21T00:00:30"),
            ("7/21/2025", "2025-07-21T00:00:00"),
            ("2025-07-21 10:00:00", "2025-07-21T10:00:00"),
            ("2025-07-21T10:00:00.123Z", "2025-07-21T10:00:00.123Z"),
            ("7/21/2025 13:00 PM", "7/21/2025 13:00 PM"),
            ("7/21/2025 25:00", "7/21/2025 25:00"),
            ("soon", "soon"),
        ] {
            assert_eq!(moment(given), shown);
        }
    }

    #[test]
    fn numbers_that_a_spreadsheet_spoiled() {
        for (text, spoiled) in [
            ("5.55012E+09", true),
            ("1e+15", true),
            ("a.e+b", false),
            ("555", false),
            ("e+1", false),
        ] {
            assert_eq!(is_mangled(text), spoiled, "{text}");
        }
        assert_eq!(
            (whole("5550123456.0"), whole("1.50"), whole("a.0")),
            ("5550123456", "1.50", "a.0")
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".{0,20}|[0-9/:APM -]{0,20}") {
            prop_assert_eq!(birthday(&birthday(&text)), birthday(&text));
            let _ = (moment(&text), is_mangled(&text), whole(&text));
        }
    }
}
