//! Parsing and validation of the changes that users make to their own account.

use serde_json::{Map, Value};

use super::fields::{self, FieldError};
use super::{email, picture};
use crate::security::password;

/// Maximum length of a user's name, in characters.
const MAX_NAME_LENGTH: usize = 200;

/// Maximum length of a password that a client sends to be verified, in bytes. No password that [`password::check`]
/// accepts is longer.
pub const MAX_TYPED_LENGTH: usize = 1024;

/// Changes to an account. Fields that are `None` stay unchanged.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProfileEdit {
    pub name: Option<String>,
    /// E-mail address, normalised by [`email::normalise`].
    pub email: Option<String>,
    pub password: Option<String>,
    /// New picture as a `data:` URL; `Some(None)` removes the picture.
    pub picture: Option<Option<String>>,
    /// Current password, which confirms the change. Always present if the e-mail address or the password changes.
    pub current_password: Option<String>,
}

impl std::fmt::Debug for ProfileEdit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProfileEdit(redacted)")
    }
}

/// Validates a user's name and returns it trimmed.
///
/// # Errors
/// Returns an error message for the user if the name is empty, too long or contains control characters.
pub fn name(typed: &str) -> Result<String, &'static str> {
    let name = typed.trim();
    if name.is_empty()
        || name.chars().count() > MAX_NAME_LENGTH
        || name.chars().any(char::is_control)
    {
        return Err("must have 1 to 200 characters and no control characters");
    }
    Ok(name.to_owned())
}

/// Parses a request body; `now` is the account's current e-mail address. Clients send the complete form. Absent fields,
/// the current e-mail address and an empty password therefore change nothing. A null or empty picture removes the
/// stored picture. Other null fields change nothing.
///
/// # Errors
/// Returns the first invalid field.
pub fn parse(
    body: &Map<String, Value>,
    now: &str,
) -> Result<ProfileEdit, FieldError<&'static str>> {
    let name = text(body, "name")?
        .map(|typed| name(typed).map_err(|advice| ("name", advice)))
        .transpose()?;
    let email = match text(body, "email")? {
        Some(typed) => other_email(typed, now).map_err(|advice| ("email", advice))?,
        None => None,
    };
    let new_password = text(body, "password")?.filter(|typed| !typed.is_empty());
    if let Some(typed) = new_password {
        password::check(typed).map_err(|advice| ("password", advice))?;
    }
    let current = text(body, "currentPassword")?.filter(|typed| !typed.is_empty());
    if current.is_some_and(|typed| typed.len() > MAX_TYPED_LENGTH) {
        return Err(("currentPassword", "is too long"));
    }
    if current.is_none() && (email.is_some() || new_password.is_some()) {
        return Err((
            "currentPassword",
            "is required to change the password or the e-mail address",
        ));
    }
    Ok(ProfileEdit {
        name,
        email,
        password: new_password.map(str::to_owned),
        picture: picture_of(body)?,
        current_password: current.map(str::to_owned),
    })
}

fn text<'a>(
    body: &'a Map<String, Value>,
    field: &'static str,
) -> Result<Option<&'a str>, FieldError<&'static str>> {
    fields::text(body, field).map_err(|advice| (field, advice))
}

fn other_email(typed: &str, now: &str) -> Result<Option<String>, &'static str> {
    if typed == now {
        return Ok(None);
    }
    let normal = email::normalise(typed);
    email::check(&normal)?;
    Ok((normal != now).then_some(normal))
}

fn picture_of(
    body: &Map<String, Value>,
) -> Result<Option<Option<String>>, FieldError<&'static str>> {
    const FIELD: &str = "profilePicture";
    if !body.contains_key(FIELD) {
        return Ok(None);
    }
    let Some(url) = text(body, FIELD)?.filter(|url| !url.is_empty()) else {
        return Ok(Some(None));
    };
    picture::check(url).map_err(|advice| (FIELD, advice))?;
    Ok(Some(Some(url.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const NOW: &str = "Rep@Example.com";

    fn parsed(body: Value) -> Result<ProfileEdit, &'static str> {
        let body = body.as_object().cloned().unwrap();
        parse(&body, NOW).map_err(|(field, _)| field)
    }

    #[test]
    fn what_is_absent_or_as_before_is_unchanged() {
        let form = json!({ "name": " Rep ", "email": NOW, "password": "", "currentPassword": "" });
        let change = parsed(form).unwrap();
        assert_eq!(change.name.as_deref(), Some("Rep"));
        assert_eq!((change.email, change.password), (None, None));
        assert_eq!(parsed(json!({})), Ok(ProfileEdit::default()));
        assert_eq!(parsed(json!({ "name": null })), Ok(ProfileEdit::default()));
    }

    #[test]
    fn password_and_e_mail_need_the_current_password() {
        for body in [
            json!({ "password": "correct horse 2" }),
            json!({ "email": "new@example.com" }),
            json!({ "email": "rep@example.com", "currentPassword": "" }),
            json!({ "email": "new@example.com", "currentPassword": "x".repeat(2000) }),
        ] {
            assert_eq!(parsed(body), Err("currentPassword"));
        }
        let body = json!({ "email": " New@Example.com", "currentPassword": "old" });
        let change = parsed(body).unwrap();
        assert_eq!(change.email.as_deref(), Some("new@example.com"));
        assert_eq!(change.current_password.as_deref(), Some("old"));
    }

    #[test]
    fn refusals_name_the_field() {
        for (body, field) in [
            (json!({ "name": "" }), "name"),
            (json!({ "name": "a\u{0}b" }), "name"),
            (json!({ "name": "x".repeat(201) }), "name"),
            (json!({ "name": { "$ne": 1 } }), "name"),
            (json!({ "email": "nobody" }), "email"),
            (json!({ "email": { "$gt": "" } }), "email"),
            (json!({ "password": "short" }), "password"),
            (json!({ "password": 12345678 }), "password"),
            (
                json!({ "profilePicture": "javascript:alert(1)" }),
                "profilePicture",
            ),
            (json!({ "profilePicture": 7 }), "profilePicture"),
        ] {
            assert_eq!(parsed(body.clone()), Err(field), "{body}");
        }
    }

    #[test]
    fn a_picture_is_kept_set_or_taken_away() {
        assert_eq!(parsed(json!({})).unwrap().picture, None);
        for none in [json!(null), json!("")] {
            let change = parsed(json!({ "profilePicture": none })).unwrap();
            assert_eq!(change.picture, Some(None));
        }
        let url = "data:image/png;base64,iVBORw0KGgo=";
        let change = parsed(json!({ "profilePicture": url })).unwrap();
        assert_eq!(change.picture, Some(Some(url.to_owned())));
    }

    proptest! {
        #[test]
        fn an_accepted_address_is_normal_and_another(typed in "\\PC{0,40}") {
            let change = parsed(json!({ "email": typed, "currentPassword": "old" }));
            if let Ok(ProfileEdit { email: Some(email), .. }) = change {
                prop_assert_eq!(email::normalise(&email), email.clone());
                prop_assert!(email != NOW && email::check(&email).is_ok());
            }
        }
    }
}
