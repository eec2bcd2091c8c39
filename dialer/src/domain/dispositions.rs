//! Call dispositions: labels for the outcome of a call. Contains the default dispositions and the validation of user
//! input.

use serde_json::Value;

/// Name, colour and sort position of each default disposition. Specified by `C-2.3-09` in `tests/contract/rows.toml`.
pub const DEFAULTS: [(&str, &str, i32); 14] = [
    ("Positive Contact", "#38A169", 0),
    ("Negative Contact", "#E53E3E", 1),
    ("Employer Coverage", "#2196F3", 2),
    ("Brokie", "#FF9800", 3),
    ("Buy Or Die", "#9C27B0", 4),
    ("Unhealthy/Referred", "#795548", 5),
    ("Foreign", "#607D8B", 6),
    ("Quoted", "#00BCD4", 7),
    ("SOLD", "#84CC16", 8),
    ("Appointment", "#FFC107", 9),
    ("No Contact", "#805AD5", 10),
    ("Invalid/Disconnected", "#E91E63", 11),
    ("Hung Up", "#9E9E9E", 12),
    ("Ghosted", "#E6F0F5", 13),
];

/// Name and emoji of the only default disposition that has an emoji.
pub const GHOST: (&str, &str) = ("Ghosted", "👻");

const MAX_NAME_LENGTH: usize = 60;
const MAX_EMOJI_LENGTH: usize = 16;

/// Valid values of `sortOrder`, the sort position of a disposition.
const PLACES: std::ops::RangeInclusive<i64> = 0..=10_000;

/// Changes to a disposition. Fields that are `None` stay unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DispositionEdit {
    pub name: Option<String>,
    pub color: Option<String>,
    pub emoji: Option<String>,
    pub sort_order: Option<i64>,
}

/// Validates the name of a disposition and returns it trimmed.
///
/// # Errors
/// Returns an error message for the user if the name is empty, too long or contains control characters.
pub fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=MAX_NAME_LENGTH).contains(&length) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(format!("must have 1 to {MAX_NAME_LENGTH} characters"))
}

/// Validates a colour in the form `#RGB` or `#RRGGBB` and returns it trimmed.
///
/// # Errors
/// Returns an error message for the user if the text has neither form.
pub fn color(text: &str) -> Result<String, String> {
    let text = text.trim();
    let digits = text.strip_prefix('#').unwrap_or_default();
    let right = matches!(digits.len(), 3 | 6) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if right {
        return Ok(text.to_owned());
    }
    Err("must be a colour such as #38A169".to_owned())
}

/// Validates the emoji of a disposition and returns it trimmed. Only the length is checked; empty text is valid.
///
/// # Errors
/// Returns an error message for the user if the text is longer than 16 characters.
pub fn emoji(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.chars().count() <= MAX_EMOJI_LENGTH {
        return Ok(text.to_owned());
    }
    Err("must be one emoji".to_owned())
}

/// Parses `sortOrder`, the sort position of a disposition.
///
/// # Errors
/// Returns an error message for the user if the value is not a whole number from 0 to 10,000.
pub fn place(value: &Value) -> Result<i64, &'static str> {
    value
        .as_i64()
        .filter(|n| PLACES.contains(n))
        .ok_or("must be a whole number from 0")
}
