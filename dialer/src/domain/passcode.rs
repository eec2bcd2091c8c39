//! Invite codes for registration: their format, and the rules for their use.

use bson::oid::ObjectId;
use jiff::Timestamp;
use serde_json::Value;

use super::fields::FieldError;

/// Maximum number of uses of one code. It limits the search for an unused slot and is far more than an invite code
/// needs.
pub const MAX_USES: i64 = 10_000;

/// Minimum and maximum length of a code, in characters.
const LENGTH: std::ops::RangeInclusive<usize> = 6..=20;

/// Maximum length of a description, in characters.
const MAX_DESCRIPTION_LENGTH: usize = 200;

/// Letters and digits of generated codes, without those that are easily confused. There are 32, so a random byte modulo
/// 32 selects each with the same probability.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Reason why an invite code cannot be used. Clients search the error message for `expired` and `maximum usage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InviteRefusal {
    /// The code does not exist or is inactive.
    #[error("the invite code is not valid")]
    Unknown,
    #[error("the invite code has expired")]
    Expired,
    #[error("the invite code has reached its maximum usage")]
    UsedUp,
}

/// A stored invite code. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteCode {
    pub id: ObjectId,
    pub code: String,
    pub is_active: bool,
    pub max_uses: i64,
    /// Number of uses that the legacy server counted in its field `currentUses`.
    pub old_uses: i64,
    /// Number of uses that this application counted. Each is stored as a separate document.
    pub taken: i64,
    pub created_by: Option<ObjectId>,
    pub created_ms: Option<i64>,
    pub expires_ms: Option<i64>,
    pub description: Option<String>,
}

impl InviteCode {
    /// Returns true if the code is active and has not expired. Its uses are not checked.
    pub fn is_valid(&self, now_ms: i64) -> bool {
        self.is_active && self.expires_ms.is_none_or(|end| end > now_ms)
    }

    /// Returns the total number of uses: those that the legacy server counted and those that this application counted.
    pub fn current_uses(&self) -> i64 {
        self.old_uses.saturating_add(self.taken)
    }

    /// Returns the number of uses that are left. Does not check whether the code is active or has expired.
    pub fn remaining_uses(&self) -> i64 {
        let left = self.max_uses.saturating_sub(self.current_uses());
        left.clamp(0, MAX_USES)
    }

    /// Returns the number of slots for uses, including slots that are already taken. It is `max_uses` minus the uses
    /// that the legacy server counted, at most [`MAX_USES`].
    ///
    /// # Errors
    /// Returns an error if the code is inactive, has expired, or was used up on the legacy server.
    pub fn places(&self, now_ms: i64) -> Result<i64, InviteRefusal> {
        if !self.is_active {
            return Err(InviteRefusal::Unknown);
        }
        if !self.is_valid(now_ms) {
            return Err(InviteRefusal::Expired);
        }
        let places = self.max_uses.saturating_sub(self.old_uses);
        if places < 1 {
            return Err(InviteRefusal::UsedUp);
        }
        Ok(places.min(MAX_USES))
    }

    /// Checks that a user can register with the code.
    ///
    /// # Errors
    /// Returns the reason why the code cannot be used.
    pub fn check(&self, now_ms: i64) -> Result<(), InviteRefusal> {
        self.places(now_ms)?;
        if self.remaining_uses() < 1 {
            return Err(InviteRefusal::UsedUp);
        }
        Ok(())
    }
}

/// Properties of a new invite code. `expires_ms` is in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteSpec {
    pub max_uses: i64,
    pub expires_ms: Option<i64>,
    pub description: Option<String>,
}

/// Normalises a code: trims it and converts it to upper case. Codes are stored and compared in this form.
pub fn normalise(code: &str) -> String {
    code.trim().to_uppercase()
}

/// Normalises a code that an administrator chose, and checks its length and characters.
///
/// # Errors
/// Returns an error message for the administrator if the code is not valid.
pub fn new_code(typed: &str) -> Result<String, &'static str> {
    let code = normalise(typed);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !LENGTH.contains(&code.chars().count()) || !code.chars().all(plain) {
        return Err("must have 6 to 20 letters, digits, - or _");
    }
    Ok(code)
}

/// Generates a code of 8 characters. It contains 5 bits of each random byte, 40 bits in all.
pub fn from_random(bytes: [u8; 8]) -> String {
    let letters = bytes.map(|byte| {
        let letter = ALPHABET.get(usize::from(byte % 32));
        char::from(letter.copied().unwrap_or(b'A'))
    });
    letters.iter().collect()
}

/// Parses the requested maximum number of uses; 1 if it is absent or null.
///
/// # Errors
/// Returns an error message for the administrator if the value is not a whole number from 1 to [`MAX_USES`].
pub fn max_uses(given: Option<&Value>) -> Result<i64, &'static str> {
    match given {
        None | Some(Value::Null) => Ok(1),
        Some(value) => value
            .as_i64()
            .filter(|uses| (1..=MAX_USES).contains(uses))
            .ok_or("must be a whole number from 1 to 10000"),
    }
}

/// Parses the requested expiry time; `None` if it is absent or null.
///
/// # Errors
/// Returns an error message for the administrator if the value is not a time.
pub fn expiry(given: Option<&Value>) -> Result<Option<Timestamp>, &'static str> {
    match given {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let text = value.as_str().unwrap_or_default();
            let end = text
                .parse()
                .map_err(|_| "must be a time such as 2030-01-31T12:00:00Z")?;
            Ok(Some(end))
        }
    }
}

/// Parses the requested description; `None` if it is absent, null or empty.
///
/// # Errors
/// Returns an error message for the administrator if the value is not text or is too long.
fn description(given: Option<&Value>) -> Result<Option<String>, &'static str> {
    match given {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= MAX_DESCRIPTION_LENGTH => {
            Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
        }
        Some(_) => Err("must be text of at most 200 characters"),
    }
}

impl InviteSpec {
    /// Creates the properties of a new code. `now_ms` is the current time in milliseconds since 1970.
    ///
    /// # Errors
    /// Returns the first invalid field: `expiresAt` if the time is not in the future, `description` if it is not text
    /// or is too long.
    pub fn new(
        max_uses: i64,
        expires: Option<Timestamp>,
        description: Option<&Value>,
        now_ms: i64,
    ) -> Result<Self, FieldError<&'static str>> {
        let expires_ms = expires.map(Timestamp::as_millisecond);
        if expires_ms.is_some_and(|end| end <= now_ms) {
            return Err(("expiresAt", "must be in the future"));
        }
        let description =
            self::description(description).map_err(|advice| ("description", advice))?;
        Ok(Self {
            max_uses,
            expires_ms,
            description,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn passcode(max_uses: i64, old_uses: i64, taken: i64) -> InviteCode {
        InviteCode {
            id: ObjectId::new(),
            code: "ABC123".into(),
            is_active: true,
            max_uses,
            old_uses,
            taken,
            created_by: None,
            created_ms: None,
            expires_ms: None,
            description: None,
        }
    }

    #[test]
    fn places_left() {
        assert_eq!(passcode(3, 1, 0).places(0), Ok(2));
        assert_eq!(passcode(3, 3, 0).places(0), Err(InviteRefusal::UsedUp));
        let off = InviteCode {
            is_active: false,
            ..passcode(3, 0, 0)
        };
        assert_eq!(off.places(0), Err(InviteRefusal::Unknown));
        let ends = InviteCode {
            expires_ms: Some(1_000),
            ..passcode(3, 1, 0)
        };
        assert_eq!(ends.places(999), Ok(2));
        assert_eq!(ends.places(1_000), Err(InviteRefusal::Expired));
        assert_eq!(passcode(1_000_000, 0, 0).places(0), Ok(MAX_USES));
    }

    #[test]
    fn what_remains_counts_the_old_uses_and_the_new() {
        let code = passcode(5, 2, 1);
        assert_eq!((code.current_uses(), code.remaining_uses()), (3, 2));
        assert_eq!(code.check(0), Ok(()));
        assert_eq!(passcode(5, 2, 3).check(0), Err(InviteRefusal::UsedUp));
        assert_eq!(passcode(5, 9, 9).remaining_uses(), 0);
        assert!(InviteRefusal::UsedUp.to_string().contains("maximum usage"));
        assert!(InviteRefusal::Expired.to_string().contains("expired"));
    }

    #[test]
    fn codes() {
        assert_eq!(normalise(" abc123 "), "ABC123");
        assert_eq!(new_code(" team-1_a "), Ok("TEAM-1_A".into()));
        for bad in ["", "ABC12", "A B C D", "ABC:12", "ÄÖÜÄÖÜ", &"A".repeat(21)] {
            assert!(new_code(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_random_code_is_one_that_could_be_typed(bytes in any::<[u8; 8]>()) {
            let code = from_random(bytes);
            prop_assert_eq!(code.len(), 8);
            prop_assert_eq!(new_code(&code), Ok(code.clone()));
        }

        /// A code that passes `check` has slots and remaining uses, whatever numbers its stored document contains.
        #[test]
        fn what_admits_has_a_place(max in any::<i64>(), old in any::<i64>(), taken in 0_i64..20_000) {
            let code = passcode(max, old, taken);
            if code.check(0).is_ok() {
                prop_assert!(code.places(0).is_ok() && code.remaining_uses() > 0);
            }
            prop_assert!((0..=MAX_USES).contains(&code.remaining_uses()));
        }
    }
}
