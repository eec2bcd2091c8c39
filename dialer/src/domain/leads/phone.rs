//! Parsing, formatting and matching of phone numbers by their digits. No numbering plan is applied, because it would
//! reject the fictional numbers 555-01xx, and stored phone fields may contain arbitrary text.

/// Returns the ASCII digits of a text, in order.
pub fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Converts a phone number to E.164. Ten digits without `+`, or eleven that begin with 1, are a North American number.
/// Any other number must begin with `+` and have 8 to 15 digits. Returns `None` for other text. Leads are matched by
/// the result.
pub fn e164(text: &str) -> Option<String> {
    let digits = digits(text);
    let international = text.trim_start().starts_with('+');
    match digits.len() {
        10 if !international => Some(format!("+1{digits}")),
        11 if digits.starts_with('1') => Some(format!("+{digits}")),
        // ITU-T E.164 allows at most 15 digits. No subscriber number has fewer than 8.
        8..=15 if international => Some(format!("+{digits}")),
        _ => None,
    }
}

/// Formats a North American number as `(XXX) XXX-XXXX`, like the importer of the legacy server. Other text is only
/// trimmed.
pub fn display(text: &str) -> String {
    let number = e164(text).unwrap_or_default();
    let national = number.strip_prefix("+1").filter(|n| n.len() == 10);
    let parts = national.and_then(|n| Some((n.get(..3)?, n.get(3..6)?, n.get(6..)?)));
    match parts {
        Some((area, exchange, line)) => format!("({area}) {exchange}-{line}"),
        None => text.trim().to_owned(),
    }
}

/// Returns a regular expression that matches `digits` in a stored phone number. Any other characters may be between the
/// digits.
pub fn pattern(digits: &str) -> String {
    let digits: Vec<String> = digits.chars().map(String::from).collect();
    digits.join("[^0-9]*")
}

/// Returns the last ten digits of a phone number; `None` if there are fewer. Dial counts are stored under these digits.
pub fn last_ten(text: &str) -> Option<String> {
    let digits = digits(text);
    let from = digits.len().checked_sub(10)?;
    digits.get(from..).map(str::to_owned)
}

/// Texts that tests parse as phone numbers; not all of them are. Also used by the tests in `domain/lists.rs`.
#[cfg(test)]
pub(crate) const ODD_NUMBERS: [&str; 8] = [
    "+1\u{fffd}555 0123456",
    "+44 20 7946 0958",
    "+123456789012345678901234567890",
    "(555) 012-3456",
    "1-555-012-3456",
    "x+1 555 012 3456",
    "\u{665}\u{665} \u{ff15} 555 012 3456",
    "call me",
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn table() {
        for (text, e164_form, shown) in [
            ("5550123456", Some("+15550123456"), "(555) 012-3456"),
            ("(555) 012-3456", Some("+15550123456"), "(555) 012-3456"),
            ("1-555-012-3456", Some("+15550123456"), "(555) 012-3456"),
            ("+1 555 012 3456", Some("+15550123456"), "(555) 012-3456"),
            (
                "+44 20 7946 0958",
                Some("+442079460958"),
                "+44 20 7946 0958",
            ),
            ("442079460958", None, "442079460958"),
            ("+49 30 901820", Some("+4930901820"), "+49 30 901820"),
            ("012-3456", None, "012-3456"),
            ("", None, ""),
            ("call me", None, "call me"),
        ] {
            assert_eq!(e164(text).as_deref(), e164_form, "{text}");
            assert_eq!(display(text), shown, "{text}");
        }
        assert_eq!(last_ten("+1 (555) 012-3456").as_deref(), Some("5550123456"));
        assert_eq!(last_ten("12345"), None);
    }

    /// Maximum number of digits for which the test compiles the search pattern. Longer patterns are slow to compile.
    const MAX_DIGITS: usize = 12;

    fn check(text: &str) {
        let digits = digits(text);
        assert!(digits.bytes().all(|b| b.is_ascii_digit()));
        let shown = display(text);
        assert_eq!(display(&shown), shown);
        assert_eq!(e164(&shown), e164(text), "{text:?}");
        if let Some(number) = e164(text) {
            let rest = number.strip_prefix('+').unwrap();
            assert!((8..=15).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_digit()));
            assert!(rest.ends_with(&digits), "{text:?}");
            assert_eq!(e164(&number).as_ref(), Some(&number));
        }
        match last_ten(text) {
            Some(last) => assert!(last.len() == 10 && digits.ends_with(&last)),
            None => assert!(digits.len() < 10, "{text:?}"),
        }
        if digits.len() <= MAX_DIGITS {
            let pattern = regex::Regex::new(&pattern(&digits)).unwrap();
            assert!(pattern.is_match(text), "{text:?}");
        }
    }

    #[test]
    fn odd_numbers() {
        for text in ODD_NUMBERS {
            check(text);
        }
    }

    proptest! {
        #[test]
        fn a_number_is_the_same_however_it_is_shown_or_searched(text in "([-+()x 0-9]{0,24}|\\PC{0,24})") {
            check(&text);
        }

        #[test]
        fn what_is_shown_is_the_same_number(text in "[-+() 0-9a-z]{0,20}") {
            prop_assert_eq!(e164(&display(&text)), e164(&text));
        }

        #[test]
        fn an_e164_number_is_its_own(text in ".{0,30}") {
            if let Some(number) = e164(&text) {
                prop_assert_eq!(e164(&number), Some(number.clone()));
                prop_assert!(number.len() <= 16);
            }
        }
    }
}
