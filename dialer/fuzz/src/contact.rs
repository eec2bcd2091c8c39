//! Telephone numbers and e-mail addresses.

use crokodial_dialer::domain::email as address;
use crokodial_dialer::domain::leads::phone as number;
use crokodial_dialer::domain::lists;
use regex::Regex;
use serde_json::json;

use crate::input::{fields, object, text};

/// Digits of the longest number that is looked for in itself: a pattern of thousands takes long to compile.
const MOST_DIGITS: usize = 12;

pub fn phone(data: &[u8]) {
    let text = text(data);
    let digits = number::digits(&text);
    assert!(digits.bytes().all(|b| b.is_ascii_digit()));
    let shown = number::display(&text);
    assert_eq!(number::display(&shown), shown);
    assert_eq!(number::e164(&shown), number::e164(&text));
    if let Some(e164) = number::e164(&text) {
        let rest = e164.strip_prefix('+').unwrap_or_default();
        assert!((8..=15).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_digit()));
        assert!(rest.ends_with(&digits));
        assert_eq!(number::e164(&e164).as_ref(), Some(&e164));
        assert_eq!(lists::listed_as(&text), Some(e164));
    }
    if let Some(listed) = lists::listed_as(&text) {
        assert_eq!(lists::listed_as(&listed), Some(listed));
    }
    match number::last_ten(&text) {
        Some(last) => assert!(last.len() == 10 && digits.ends_with(&last)),
        None => assert!(digits.len() < 10),
    }
    if digits.len() <= MOST_DIGITS {
        let pattern = Regex::new(&number::pattern(&digits));
        assert!(pattern.is_ok_and(|pattern| pattern.is_match(&text)));
    }
}

pub fn email(data: &[u8]) {
    let typed = text(data);
    let normal = address::normalise(&typed);
    assert_eq!(address::normalise(&normal), normal);
    assert!(normal.len() <= typed.len());
    if address::check(&typed).is_ok() {
        assert_eq!(address::check(&normal), Ok(()));
        assert!(normal.eq_ignore_ascii_case(&typed));
    }
    if address::check(&normal).is_ok() {
        assert!(normal.len() <= address::MAX_LENGTH && normal.matches('@').count() == 1);
        assert!(!normal.chars().any(|c| c.is_whitespace() || c.is_control()));
    }
}

/// The body that adds to a do-not-call list.
pub fn numbers(data: &[u8]) {
    let Some(body) = object(data) else { return };
    let Ok(addition) = lists::parse(&body) else {
        return;
    };
    let numbers = &addition.numbers;
    assert!((1..=lists::MOST_AT_ONCE).contains(&numbers.len()));
    for listed in numbers {
        assert_eq!(number::e164(listed).as_ref(), Some(listed));
    }
    let note = addition.note.as_deref().unwrap_or("-");
    assert!(!note.is_empty() && note.trim() == note);
    let again = fields(json!({ "numbers": numbers, "note": addition.note }));
    // Each is there once: none goes for being there before.
    assert_eq!(lists::parse(&again), Ok(addition));
}
