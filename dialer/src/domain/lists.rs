//! The do-not-call and text opt-out lists: parsing of requests, and the form in which phone numbers are compared.

use serde_json::{Map, Value};

use super::fields::FieldError;
use super::leads::phone;

/// Maximum number of phone numbers per request.
pub const MAX_NUMBERS: usize = 1000;

const MAX_NUMBER_LENGTH: usize = 40;
const MAX_NOTE_LENGTH: usize = 200;

/// One of the two lists that each tenant has: phone numbers that must not be called, or that must not be texted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    DoNotCall,
    TextOptOut,
}

impl List {
    /// Returns the list's name for messages to users.
    pub fn name(self) -> &'static str {
        match self {
            Self::DoNotCall => "do-not-call list",
            Self::TextOptOut => "text opt-out list",
        }
    }
}

/// Phone numbers to add to a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    /// Phone numbers in E.164 form, without duplicates, in the order of the request.
    pub numbers: Vec<String>,
    /// Note that the user gave as the reason; `None` if there is none.
    pub note: Option<String>,
}

/// Parses a request body: either `phone` or `numbers`, and optionally `note`. If one number is invalid, the whole
/// request is rejected, because users rely on the list being complete.
///
/// # Errors
/// Returns the first invalid field.
pub fn parse(body: &Map<String, Value>) -> Result<Addition, FieldError> {
    let mut numbers = Vec::new();
    match (body.get("phone"), body.get("numbers")) {
        (Some(phone), None) => {
            let number = number(phone).ok_or_else(|| ("phone", advice("must be")))?;
            numbers.push(number);
        }
        (None, Some(Value::Array(items))) if (1..=MAX_NUMBERS).contains(&items.len()) => {
            for (at, item) in items.iter().enumerate() {
                let wrong = || format!("holds at place {} what is not", at + 1);
                let number = number(item).ok_or_else(|| ("numbers", advice(&wrong())))?;
                numbers.push(number);
            }
        }
        (None, Some(_)) => {
            return Err((
                "numbers",
                format!("must be a list of 1 to {MAX_NUMBERS} numbers"),
            ));
        }
        (None, None) => return Err(("phone", "is required, or numbers".to_owned())),
        (Some(_), Some(_)) => {
            return Err(("numbers", "must not be given beside phone".to_owned()));
        }
    }
    let mut seen = std::collections::HashSet::new();
    numbers.retain(|number| seen.insert(number.clone()));
    Ok(Addition {
        numbers,
        note: note(body.get("note"))?,
    })
}

fn number(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let short = text.chars().count() <= MAX_NUMBER_LENGTH;
    short.then(|| phone::e164(text)).flatten()
}

fn advice(what: &str) -> String {
    format!("{what} a telephone number: ten digits, or + and the country code first")
}

fn note(value: Option<&Value>) -> Result<Option<String>, FieldError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= MAX_NOTE_LENGTH => {
            Ok(Some(text.trim().to_owned()).filter(|t| !t.is_empty()))
        }
        Some(_) => Err((
            "note",
            format!("must be text of at most {MAX_NOTE_LENGTH} characters"),
        )),
    }
}

/// Returns the E.164 form in which a phone number is looked up on a list; `None` if it has no such form. Digits without
/// `+` that are not a North American number are read as a country code and a number. Blocking too many calls is better
/// than calling a listed number.
pub fn listed_as(phone: &str) -> Option<String> {
    phone::e164(phone).or_else(|| {
        let digits = phone::digits(phone);
        phone::e164(&format!("+{digits}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(body: &Value) -> Result<Addition, FieldError> {
        parse(body.as_object().unwrap())
    }

    #[test]
    fn one_or_many_each_once() {
        let one = read(&json!({ "phone": "(555) 012-3456", "note": " asked " })).unwrap();
        assert_eq!(one.numbers, ["+15550123456"]);
        assert_eq!(one.note.as_deref(), Some("asked"));
        let many = json!({ "numbers": ["5550123456", "+44 20 7946 0958", "1-555-012-3456"], "note": null });
        let many = read(&many).unwrap();
        assert_eq!(many.numbers, ["+15550123456", "+442079460958"]);
        assert_eq!(many.note, None);
    }

    #[test]
    fn what_cannot_be_stored_is_named() {
        let many = vec!["5550123456"; MAX_NUMBERS + 1];
        for (body, field) in [
            (json!({}), "phone"),
            (json!({ "phone": "12" }), "phone"),
            (json!({ "phone": 5_550_123_456_i64 }), "phone"),
            (json!({ "phone": { "$ne": 1 } }), "phone"),
            (
                json!({ "phone": format!("5550123456{}", " ".repeat(40)) }),
                "phone",
            ),
            (json!({ "numbers": [] }), "numbers"),
            (json!({ "numbers": "5550123456" }), "numbers"),
            (json!({ "numbers": many }), "numbers"),
            (
                json!({ "phone": "5550123456", "numbers": ["5550123456"] }),
                "numbers",
            ),
            (
                json!({ "phone": "5550123456", "note": "x".repeat(201) }),
                "note",
            ),
            (json!({ "phone": "5550123456", "note": 1 }), "note"),
        ] {
            assert_eq!(read(&body).unwrap_err().0, field, "{body}");
        }
        let second = json!({ "numbers": ["5550123456", "none"] });
        assert!(read(&second).unwrap_err().1.contains("place 2"));
    }

    #[test]
    fn odd_numbers_are_listed_as_themselves() {
        for text in phone::ODD_NUMBERS {
            if let Some(number) = phone::e164(text) {
                assert_eq!(listed_as(text), Some(number), "{text:?}");
            }
            if let Some(number) = listed_as(text) {
                assert_eq!(listed_as(&number), Some(number), "{text:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_stored_phone_is_found_however_it_is_written(digits in "[2-9][0-9]{9}", a in "[-( ]{0,2}", b in "[-) .]{0,2}") {
            let listed = phone::e164(&digits);
            let (area, rest) = digits.split_at(3);
            for written in [format!("{a}{area}{b}{rest}"), format!("+1 {area}{b}{rest}"), format!("1{a}{digits}")] {
                prop_assert_eq!(listed_as(&written), listed.clone(), "{}", written);
            }
        }

        #[test]
        fn a_number_with_its_country_code_is_listed_as_it_is(text in "([-+() 0-9]{0,20}|\\PC{0,20})") {
            if let Some(number) = phone::e164(&text) {
                prop_assert_eq!(listed_as(&text), Some(number));
            }
        }

        #[test]
        fn a_listed_number_is_listed_as_itself(text in ".{0,30}") {
            if let Some(number) = listed_as(&text) {
                prop_assert_eq!(listed_as(&number), Some(number));
            }
        }
    }
}
