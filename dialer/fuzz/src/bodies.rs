//! Fuzz targets for JSON request bodies. Each parsed body is serialized and parsed again, and the result must be the
//! same.

use bson::Document;
use crokodial_dialer::domain::dispositions::DispositionEdit;
use crokodial_dialer::domain::email;
use crokodial_dialer::domain::passcode::{self as code, InviteSpec};
use crokodial_dialer::domain::profile as account;
use crokodial_dialer::domain::settings as setting;
use crokodial_dialer::http::schema::dispositions::DispositionChange;
use crokodial_dialer::http::schema::passcodes::CodeLimits;
use crokodial_dialer::http::schema::read::{ReadError, read};
use crokodial_dialer::security::password;
use serde_json::{Map, Value, json};

use crate::input::{fields, moment_of, object, text};

/// Current e-mail address of the account that the requests change.
const NOW: &str = "rep@example.com";

/// Current time that the fuzz targets assume: June 2025, in milliseconds since the Unix epoch.
const NOW_MS: i64 = 1_750_000_000_000;

/// Fuzzes invite codes. The input is used as the text of a code and also as the JSON body of a request that creates a
/// code.
pub fn passcode(data: &[u8]) {
    let typed = text(data);
    let normal = code::normalise(&typed);
    assert_eq!(code::normalise(&normal), normal);
    if let Ok(new) = code::new_code(&typed) {
        assert_eq!(code::new_code(&new).as_ref(), Ok(&new));
        assert!(new.is_ascii() && (6..=20).contains(&new.len()));
        assert_eq!(new, normal);
    }
    let Some(body) = object(data) else { return };
    let Ok(wanted) = spec(&body) else {
        return;
    };
    assert!((1..=code::MAX_USES).contains(&wanted.max_uses));
    let end = wanted.expires_ms.map(|ms| {
        assert!(ms > NOW_MS);
        moment_of(ms)
    });
    let again = json!({
        "maxUses": wanted.max_uses, "expiresAt": end, "description": wanted.description,
    });
    assert_eq!(spec(&fields(again)), Ok(wanted));
}

fn spec(body: &Map<String, Value>) -> Result<InviteSpec, String> {
    let limits: CodeLimits = read(body).map_err(|error| error.to_string())?;
    limits
        .spec(NOW_MS)
        .map_err(|(field, advice)| format!("{field} {advice}"))
}

pub fn settings(data: &[u8]) {
    let Some(body) = object(data) else { return };
    let Ok(set) = setting::parse(&body) else {
        return;
    };
    let stored = stored(&set);
    let shown = setting::shown("u", &stored);
    for field in ["theme", "timeZone"] {
        if let Ok(value) = set.get_str(field) {
            assert_eq!(shown.get(field).and_then(Value::as_str), Some(value));
        }
    }
    // Clients send back the settings that they received, so these must be accepted.
    let again = setting::parse(&fields(shown.clone()));
    assert!(again.is_ok(), "{again:?}");
    let again = again.unwrap_or_default();
    assert_eq!(setting::shown("u", &self::stored(&again)), shown);
}

/// Builds a document from fields whose keys may be dotted paths, such as `map.field`.
fn stored(set: &Document) -> Document {
    let mut stored = Document::new();
    for (path, value) in set {
        match path.split_once('.') {
            None => {
                stored.insert(path, value);
            }
            Some((map, part)) => {
                let mut parts = stored.get_document(map).cloned().unwrap_or_default();
                assert!(!part.contains('.') && !part.starts_with('$'), "{part}");
                parts.insert(part, value);
                stored.insert(map, parts);
            }
        }
    }
    stored
}

pub fn dispositions(data: &[u8]) {
    let Some(body) = object(data) else { return };
    let mut set = body.clone();
    set.retain(|_, value| !value.is_null());
    let taken = disposition(&set);
    assert_eq!(disposition(&body), taken, "null is absent");
    let Ok(change) = taken else { return };
    let short = |text: &Option<String>, most: usize| {
        let text = text.as_deref().unwrap_or_default();
        assert!(text.chars().count() <= most && text.trim() == text);
    };
    short(&change.name, 60);
    short(&change.color, 7);
    short(&change.emoji, 16);
    let again = json!({
        "name": change.name, "color": change.color, "emoji": change.emoji, "sortOrder": change.sort_order,
    });
    assert_eq!(disposition(&fields(again)), Ok(change));
}

fn disposition(body: &Map<String, Value>) -> Result<DispositionEdit, ReadError> {
    let change: DispositionChange = read(body)?;
    Ok(change.into())
}

pub fn profile(data: &[u8]) {
    let Some(body) = object(data) else { return };
    let Ok(change) = account::parse(&body, NOW) else {
        return;
    };
    if let Some(address) = &change.email {
        assert!(address != NOW && email::check(address).is_ok());
    }
    if let Some(new) = &change.password {
        assert_eq!(password::check(new), Ok(()));
    }
    let proven = change.current_password.is_some();
    assert!(proven || (change.email.is_none() && change.password.is_none()));
    let mut again = fields(json!({
        "name": change.name, "email": change.email, "password": change.password,
        "currentPassword": change.current_password,
    }));
    if let Some(picture) = &change.picture {
        again.insert("profilePicture".to_owned(), json!(picture));
    }
    assert!(account::parse(&again, NOW) == Ok(change));
}
