//! Conversions of fuzz input.

use std::borrow::Cow;

use crokodial_dialer::http::body;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// As text; invalid UTF-8 becomes replacement characters, as where the dialer reads headers and variables.
pub fn text(data: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(data)
}

/// The first line and the rest.
pub fn halves(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// As a request body.
pub fn object(data: &[u8]) -> Option<Map<String, Value>> {
    body::object(data).ok()
}

/// The map of `json!({…})`.
pub fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// A time in ISO 8601, from milliseconds since 1970. Built from whole seconds, because in the calendar's last second
/// jiff parses milliseconds that it cannot construct.
pub fn moment_of(ms: i64) -> String {
    let second = Timestamp::from_second(ms.div_euclid(1000));
    let ms = ms.rem_euclid(1000);
    second.map_or_else(
        |_| format!("{ms} ms of no time"),
        |at| format!("{}.{ms:03}Z", at.to_string().trim_end_matches('Z')),
    )
}

/// As the pairs of a query string.
pub fn pairs(data: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(data).into_owned().collect()
}

/// An ASCII text with a part replaced: the first byte is the position, the second the length, the rest the replacement.
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
