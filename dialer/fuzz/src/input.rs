//! Helpers that convert the input bytes of a fuzz target.

use std::borrow::Cow;

use crokodial_dialer::http::body;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// Decodes the input as UTF-8. Invalid bytes become replacement characters.
pub fn text(data: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(data)
}

/// Splits a text into its first line and the rest.
pub fn halves(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// Parses the input as a JSON request body; `None` if it is not a JSON object.
pub fn object(data: &[u8]) -> Option<Map<String, Value>> {
    body::object(data).ok()
}

/// Returns the fields of a JSON object. Returns an empty map for any other JSON value.
pub fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Formats a time in milliseconds since the Unix epoch as ISO 8601. Only whole seconds are converted with jiff, because
/// jiff cannot construct a timestamp with milliseconds in the last second of its range.
pub fn moment_of(ms: i64) -> String {
    let second = Timestamp::from_second(ms.div_euclid(1000));
    let ms = ms.rem_euclid(1000);
    second.map_or_else(
        |_| format!("{ms} ms of no time"),
        |at| format!("{}.{ms:03}Z", at.to_string().trim_end_matches('Z')),
    )
}

/// Parses the input as a URL query string and returns its key-value pairs.
pub fn pairs(data: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(data).into_owned().collect()
}

/// Returns `genuine`, an ASCII text, with a part replaced. The first byte of `data` is the position of the part, the
/// second its length, and the remaining bytes are the replacement.
pub fn altered(genuine: &str, data: &[u8]) -> String {
    let (place, cut, put) = match data {
        [place, cut, put @ ..] => (usize::from(*place), usize::from(*cut), put),
        _ => (0, 0, data),
    };
    let place = place.min(genuine.len());
    let after = place.saturating_add(cut).min(genuine.len());
    let head = genuine.get(..place).unwrap_or_default();
    let tail = genuine.get(after..).unwrap_or_default();
    format!("{head}{}{tail}", text(put))
}
