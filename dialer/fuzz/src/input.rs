//! Conversions of a fuzz target's input bytes.

use std::borrow::Cow;

use crokodial_dialer::http::body;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// The input as text. Invalid UTF-8 becomes replacement characters, like in headers and variables that the dialer
/// reads.
pub fn text(data: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(data)
}

/// The first line of a text, and the rest.
pub fn halves(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// The input as a request body; `None` if it is not a JSON object.
pub fn object(data: &[u8]) -> Option<Map<String, Value>> {
    body::object(data).ok()
}

/// The fields of a JSON object that `json!({…})` made.
pub fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// A time in milliseconds since 1970, in ISO 8601. Built from whole seconds, because in the last second of the calendar
/// jiff parses milliseconds that it cannot construct.
pub fn moment_of(ms: i64) -> String {
    let second = Timestamp::from_second(ms.div_euclid(1000));
    let ms = ms.rem_euclid(1000);
    second.map_or_else(
        |_| format!("{ms} ms of no time"),
        |at| format!("{}.{ms:03}Z", at.to_string().trim_end_matches('Z')),
    )
}

/// The input as the pairs of a query string.
pub fn pairs(data: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(data).into_owned().collect()
}

/// The ASCII text `genuine` with a part replaced. The first byte of the input is the position of the part, the second
/// its length, and the rest is the replacement.
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
