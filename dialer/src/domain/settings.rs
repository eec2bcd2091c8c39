//! User settings: parsing of changes, and their representation in responses. The stored format is that of the legacy
//! server plus the field `timeZone`.

use bson::{Bson, Document, doc};
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::fields::{FieldError, given};

const THEMES: [&str; 3] = ["light", "dark", "system"];

/// Notification channels, each with its default value in the legacy schema.
const NOTIFICATIONS: [(&str, bool); 3] = [("email", true), ("sms", false), ("inApp", true)];

const MAX_FIELDS: usize = 50;
const MAX_NAME_LENGTH: usize = 60;
const MAX_VALUE_LENGTH: usize = 500;

/// Parses a request body into the fields to set. The key of a notification preference is a dotted path, such as
/// `notificationPreferences.sms`. Absent and null fields stay unchanged, except `timeZone`: null resets it to the
/// server's default.
///
/// # Errors
/// Returns the first invalid field.
pub fn parse(body: &Map<String, Value>) -> Result<Document, FieldError> {
    let mut set = Document::new();
    if let Some(theme) = given(body, "theme") {
        let known = THEMES.iter().find(|t| theme.as_str() == Some(**t));
        let known =
            known.ok_or_else(|| ("theme", format!("must be one of {}", THEMES.join(", "))))?;
        set.insert("theme", *known);
    }
    if let Some(value) = given(body, "notificationPreferences") {
        set.extend(notifications(value)?);
    }
    if let Some(value) = given(body, "customFields") {
        set.insert("customFields", custom_fields(value)?);
    }
    match body.get("timeZone") {
        None => {}
        Some(Value::Null) => {
            set.insert("timeZone", Bson::Null);
        }
        Some(value) => {
            set.insert("timeZone", time_zone(value)?);
        }
    }
    Ok(set)
}

fn notifications(value: &Value) -> Result<Document, FieldError> {
    const FIELD: &str = "notificationPreferences";
    let wrong = || {
        (
            FIELD,
            "must be an object of email, sms and inApp, each true or false".to_owned(),
        )
    };
    let mut set = Document::new();
    for (name, value) in value.as_object().ok_or_else(wrong)? {
        let known = NOTIFICATIONS.iter().any(|(known, _)| known == name);
        let on = value.as_bool().filter(|_| known).ok_or_else(wrong)?;
        set.insert(format!("{FIELD}.{name}"), on);
    }
    Ok(set)
}

fn custom_fields(value: &Value) -> Result<Vec<Document>, FieldError> {
    let wrong = || {
        let advice = format!(
            "must be a list of at most {MAX_FIELDS} objects with the texts name (1 to {MAX_NAME_LENGTH} characters) and \
             value (at most {MAX_VALUE_LENGTH})"
        );
        ("customFields", advice)
    };
    let items = value.as_array().filter(|items| items.len() <= MAX_FIELDS);
    let read = |item: &Value| {
        let text = |field: &str, least: usize, most: usize| {
            let text = item.get(field)?.as_str()?;
            (least..=most)
                .contains(&text.chars().count())
                .then(|| text.to_owned())
        };
        Some(
            doc! { "name": text("name", 1, MAX_NAME_LENGTH)?, "value": text("value", 0, MAX_VALUE_LENGTH)? },
        )
    };
    let items = items.ok_or_else(wrong)?.iter();
    items.map(|item| read(item).ok_or_else(wrong)).collect()
}

fn time_zone(value: &Value) -> Result<String, FieldError> {
    let zone = value.as_str().and_then(zone);
    let name = zone.as_ref().and_then(TimeZone::iana_name);
    name.map(str::to_owned).ok_or_else(|| {
        (
            "timeZone",
            "must be the name of a time zone, such as America/Chicago".to_owned(),
        )
    })
}

/// Returns the time zone with this IANA name; `None` for unknown names and for `Etc/Unknown`.
fn zone(name: &str) -> Option<TimeZone> {
    let zone = TimeZone::get(name).ok()?;
    (!zone.is_unknown()).then_some(zone)
}

/// Returns the time zone of stored settings; `None` if it is not set or its name is invalid.
pub fn zone_of(stored: &Document) -> Option<TimeZone> {
    zone(stored.get_str("timeZone").ok()?)
}

/// Returns a user's settings for a response. Missing and invalid values are replaced by defaults, except `timeZone`,
/// which becomes null. The items of `customFields` are not checked.
pub fn shown(user: &str, stored: &Document) -> Value {
    let theme = stored.get_str("theme").ok();
    let theme = theme.filter(|t| THEMES.contains(t)).unwrap_or("system");
    let preferences = stored.get_document("notificationPreferences").ok();
    let on = |(name, usual): (&str, bool)| {
        let stored = preferences.and_then(|p| p.get_bool(name).ok());
        (name.to_owned(), Value::Bool(stored.unwrap_or(usual)))
    };
    let notifications: Map<String, Value> = NOTIFICATIONS.map(on).into_iter().collect();
    let fields = stored
        .get_array("customFields")
        .cloned()
        .unwrap_or_default();
    let fields: Vec<Value> = fields.iter().map(super::to_json::value).collect();
    let zone = zone_of(stored);
    json!({
        "user": user,
        "theme": theme,
        "notificationPreferences": notifications,
        "customFields": fields,
        "timeZone": zone.as_ref().and_then(TimeZone::iana_name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &Value) -> Result<Document, FieldError> {
        parse(body.as_object().unwrap())
    }

    #[test]
    fn what_nobody_has_set_is_as_the_old_server_told_it() {
        let settings = shown("u", &Document::new());
        assert_eq!(
            settings,
            json!({
                "user": "u", "theme": "system", "customFields": [], "timeZone": null,
                "notificationPreferences": { "email": true, "sms": false, "inApp": true },
            })
        );
        let odd = doc! { "theme": 7, "notificationPreferences": { "sms": true, "email": "no" }, "timeZone": "Mars" };
        let settings = shown("u", &odd);
        assert_eq!(settings["theme"], "system");
        assert_eq!(
            settings["notificationPreferences"],
            json!({ "email": true, "sms": true, "inApp": true })
        );
        assert_eq!(settings["timeZone"], Value::Null);
    }

    #[test]
    fn only_what_is_given_is_set() {
        let body = json!({
            "theme": "dark", "notificationPreferences": { "sms": true }, "timeZone": "america/chicago",
            "customFields": [{ "name": "desk", "value": "4", "x": 1 }], "user": "other", "_id": "x",
        });
        assert_eq!(
            read(&body).unwrap(),
            doc! {
                "theme": "dark", "notificationPreferences.sms": true,
                "customFields": [{ "name": "desk", "value": "4" }], "timeZone": "America/Chicago",
            }
        );
        assert_eq!(read(&json!({ "theme": null })), Ok(Document::new()));
        let back = read(&json!({ "timeZone": null })).unwrap();
        assert_eq!(back, doc! { "timeZone": Bson::Null });
    }

    #[test]
    fn what_cannot_be_stored_is_named() {
        let many = vec![json!({ "name": "a", "value": "" }); MAX_FIELDS + 1];
        for (body, field) in [
            (json!({ "theme": "pink" }), "theme"),
            (json!({ "theme": { "$ne": 1 } }), "theme"),
            (
                json!({ "notificationPreferences": [] }),
                "notificationPreferences",
            ),
            (
                json!({ "notificationPreferences": { "fax": true } }),
                "notificationPreferences",
            ),
            (
                json!({ "notificationPreferences": { "sms": 1 } }),
                "notificationPreferences",
            ),
            (
                json!({ "notificationPreferences": { "$set": true } }),
                "notificationPreferences",
            ),
            (json!({ "customFields": {} }), "customFields"),
            (
                json!({ "customFields": [{ "name": "", "value": "" }] }),
                "customFields",
            ),
            (
                json!({ "customFields": [{ "name": "a", "value": {} }] }),
                "customFields",
            ),
            (
                json!({ "customFields": [{ "name": "a", "value": "x".repeat(501) }] }),
                "customFields",
            ),
            (json!({ "customFields": many }), "customFields"),
            (json!({ "timeZone": "Mars/Base" }), "timeZone"),
            (json!({ "timeZone": "Etc/Unknown" }), "timeZone"),
            (json!({ "timeZone": "" }), "timeZone"),
            (json!({ "timeZone": 7 }), "timeZone"),
        ] {
            assert_eq!(read(&body).unwrap_err().0, field, "{body}");
        }
    }
}
