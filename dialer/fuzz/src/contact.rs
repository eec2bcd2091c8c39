//! Fuzz target for requests that add telephone numbers to a list, such as the do-not-call list.

use crokodial_dialer::domain::leads::phone as number;
use crokodial_dialer::domain::lists;
use serde_json::json;

use crate::input::{fields, object};

/// Fuzzes the parser for the JSON body of a request that adds numbers to a list.
pub fn numbers(data: &[u8]) {
    let Some(body) = object(data) else { return };
    let Ok(addition) = lists::parse(&body) else {
        return;
    };
    let numbers = &addition.numbers;
    assert!((1..=lists::MAX_NUMBERS).contains(&numbers.len()));
    for listed in numbers {
        assert_eq!(number::e164(listed).as_ref(), Some(listed));
    }
    let note = addition.note.as_deref().unwrap_or("-");
    assert!(!note.is_empty() && note.trim() == note);
    let again = fields(json!({ "numbers": numbers, "note": addition.note }));
    // The parsed numbers contain no duplicate, so parsing them again drops none.
    assert_eq!(lists::parse(&again), Ok(addition));
}
