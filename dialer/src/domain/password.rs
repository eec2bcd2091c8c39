//! What a new password must be, and which stored hashes we read.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Shortest and longest password accepted, in characters.
pub const LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

/// bcrypt work factor of new hashes. The old server wrote 10 and can still verify this.
pub const COST: u32 = 10;

/// bcrypt (cost 10) of a random text that was thrown away: verified for unknown accounts, so that they take as
/// long as known ones.
pub const DUMMY_HASH: &str = "$2b$10$yd1QWm50ysh/.p8pxLgNvO1qw82oYVL.1hZR5BDDg26.xW2yTlQZe";

static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("common-passwords.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect()
});

/// Refuses a new password that is too short, too long or one of the 3,000 most common. No composition rules:
/// they make passwords worse.
///
/// # Errors
/// A sentence for the person who typed it; it never repeats the password.
pub fn check(password: &str) -> Result<(), &'static str> {
    let length = password.chars().count();
    if length < *LENGTH.start() {
        return Err("must have at least 8 characters");
    }
    if length > *LENGTH.end() {
        return Err("must have at most 128 characters");
    }
    if password.contains('\0') {
        return Err("must not contain a NUL character");
    }
    if COMMON.contains(password.to_lowercase().as_str()) {
        return Err("is one of the most common passwords: choose another");
    }
    Ok(())
}

/// True for the bcrypt forms found in existing data (`$2a$`, `$2b$`).
pub fn is_bcrypt(hash: &str) -> bool {
    hash.len() == 60 && (hash.starts_with("$2a$") || hash.starts_with("$2b$"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn table() {
        assert!(check("short77").is_err());
        assert!(check(&"x".repeat(129)).is_err());
        assert!(check("Password123").is_err(), "common, whatever the case");
        assert!(check("nul\0inside!").is_err());
        assert_eq!(check("correct horse battery"), Ok(()));
        assert_eq!(check("ünïcödé-pass"), Ok(()));
        assert_eq!(COMMON.len(), 3000);
    }

    #[test]
    fn the_dummy_is_a_hash_like_the_real_ones_and_nobody_s_password() {
        assert!(is_bcrypt(DUMMY_HASH));
        assert!(!bcrypt::verify("", DUMMY_HASH).unwrap());
        let fresh = bcrypt::hash("correct horse battery", COST).unwrap();
        assert_eq!(
            &fresh[..7],
            &DUMMY_HASH[..7],
            "same form and cost as new hashes"
        );
    }

    #[test]
    fn hashes_written_by_the_old_server_verify() {
        // bcryptjs 2.4.3, cost 10, of "legacy-password-1".
        let bcryptjs = bcrypt::hash_with_salt("legacy-password-1", 10, *b"0123456789abcdef")
            .unwrap()
            .format_for_version(bcrypt::Version::TwoA);
        assert!(is_bcrypt(&bcryptjs));
        assert!(bcrypt::verify("legacy-password-1", &bcryptjs).unwrap());
        assert!(!bcrypt::verify("legacy-password-2", &bcryptjs).unwrap());
    }

    proptest! {
        #[test]
        fn never_panics_and_accepts_only_allowed_lengths(text in "\\PC{0,200}") {
            if check(&text).is_ok() {
                prop_assert!(LENGTH.contains(&text.chars().count()));
            }
        }
    }
}
