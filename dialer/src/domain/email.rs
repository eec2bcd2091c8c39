//! Normalisation and validation of the e-mail addresses that identify accounts.

/// Maximum length of an e-mail address, in bytes. RFC 5321 allows a path of 256 bytes, including two angle brackets.
pub const MAX_LENGTH: usize = 254;

/// Normalises an e-mail address: trims it and converts ASCII letters to lower case. New addresses of accounts and leads
/// are stored in this form. Other letters are unchanged because their case rules depend on the language.
pub fn normalise(email: &str) -> String {
    email.trim().to_ascii_lowercase()
}

/// Checks that a text can be an e-mail address. The check is deliberately loose because only a delivered message proves
/// that an address exists.
///
/// # Errors
/// Returns an error message for the user if the text cannot be an address.
pub fn check(email: &str) -> Result<(), &'static str> {
    if email.len() > MAX_LENGTH {
        return Err("is longer than 254 characters");
    }
    if email.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("must not contain spaces or control characters");
    }
    let Some((local, host)) = email.split_once('@') else {
        return Err("must look like name@example.com");
    };
    if local.is_empty() || host.is_empty() || host.contains('@') {
        return Err("must look like name@example.com");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accepts_addresses_and_names_what_is_wrong_with_others() {
        for good in ["a@b", "rep.one+x@example.com", "o'neil@example.co.uk"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\n"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check(&format!("{}@b", "a".repeat(300))).is_err());
    }

    fn check_any(typed: &str) {
        let normal = normalise(typed);
        assert_eq!(normalise(&normal), normal);
        assert!(normal.len() <= typed.len());
        if check(typed).is_ok() {
            assert_eq!(check(&normal), Ok(()), "{typed:?}");
            assert!(normal.eq_ignore_ascii_case(typed), "{typed:?}");
        }
        if check(&normal).is_ok() {
            assert!(normal.len() <= MAX_LENGTH && normal.matches('@').count() == 1);
            assert!(!normal.chars().any(|c| c.is_whitespace() || c.is_control()));
        }
    }

    #[test]
    fn odd_addresses() {
        for typed in [
            "a\u{fffd}@b",
            &format!("{}@b.c", "a".repeat(250)),
            "a@b\u{a0}",
            "a@b@c",
            " Rep.One+X@Example.COM\n",
            "rep@example.com",
            "\u{c4}NNA@\u{212a}elvin.example",
        ] {
            check_any(typed);
        }
    }

    proptest! {
        #[test]
        fn an_address_that_is_accepted_stays_so_when_normalised(typed in "(\\PC{0,30}@\\PC{0,30}|.{0,60})") {
            check_any(&typed);
        }

        #[test]
        fn normalising_twice_is_normalising_once(text in ".{0,60}") {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
        }
    }
}
