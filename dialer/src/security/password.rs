//! Rules for new passwords, and the schemes for hashing passwords.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::argon2id::{self, Memory};

/// Allowed lengths of a new password, in characters.
pub const LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

/// Cost of new bcrypt hashes, the same as on the legacy server, which must be able to verify them.
pub const COST: u32 = 10;

/// bcrypt hash of a random text that was discarded, with cost 10. It is verified if an account does not exist, so that
/// the response takes as long as for an existing account.
pub const DUMMY_HASH: &str = "$2b$10$yd1QWm50ysh/.p8pxLgNvO1qw82oYVL.1hZR5BDDg26.xW2yTlQZe";

/// Argon2id hash that is verified if an account does not exist, so that the response takes as long as for an existing
/// account. Its bytes are random, so no password is known to match it.
const ARGON2ID_DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$/E5fzYmESMiY2yi+w/QaMw$zK1JoNR6Mu0pKWC5wTGQeY9Gsrvgbrn9omqtOXCeeog";

/// Number of bytes that bcrypt reads, including the NUL byte that terminates the password.
const BCRYPT_READS: usize = 72;

static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("common-passwords.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect()
});

/// Checks that a new password has an allowed length, contains no NUL character, and is not one of the 3,000 most common
/// passwords. There are no rules about kinds of characters, because such rules lead to weaker passwords.
///
/// # Errors
/// A message for the user. It never contains the password.
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

/// Scheme for hashing passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashScheme {
    /// bcrypt with the prefix `$2b$`, which the legacy server can verify.
    Bcrypt,
    /// Argon2id, for databases that the legacy server no longer uses.
    Argon2id,
}

/// Error returned if the library for the hash scheme cannot hash a password. It contains no details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashError;

impl HashScheme {
    /// Returns the name of the scheme, for logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bcrypt => "bcrypt",
            Self::Argon2id => "argon2id",
        }
    }

    /// Hashes a password with a random salt. This is deliberately slow. Argon2id works in `memory`.
    ///
    /// # Errors
    /// [`HashError`] if the library for the hash scheme returns an error.
    pub fn hash(self, password: &str, memory: &mut Memory) -> Result<String, HashError> {
        match self {
            Self::Bcrypt => bcrypt::hash(password, COST).map_err(|_| HashError),
            Self::Argon2id => argon2id::hash(password, memory).ok_or(HashError),
        }
    }

    /// Returns a hash that no known password matches. If an account has no usable hash, this hash is verified instead,
    /// so that the response takes equally long.
    pub const fn dummy(self) -> &'static str {
        match self {
            Self::Bcrypt => DUMMY_HASH,
            Self::Argon2id => ARGON2ID_DUMMY,
        }
    }

    /// Returns true if the scheme is Argon2id and `stored` is not an Argon2id hash with at least the parameters of new
    /// hashes. Returns false for bcrypt, whatever is stored.
    pub fn improves(self, stored: &str) -> bool {
        self == Self::Argon2id
            && !argon2id::parse(stored).is_some_and(|hash| argon2id::is_enough(&hash))
    }
}

/// Returns true if the password matches a stored hash of either scheme. This is as slow as hashing. Argon2id works in
/// `memory`.
pub fn verify(password: &str, stored: &str, memory: &mut Memory) -> bool {
    match argon2id::parse(stored) {
        Some(hash) => argon2id::verify(password, &hash, memory),
        None => bcrypt::verify(password, stored).unwrap_or(false),
    }
}

/// Returns true if the hash is a bcrypt hash with the prefix `$2a$` or `$2b$`, or an Argon2id hash that can be
/// verified with 64 MiB of memory.
pub fn is_known(stored: &str) -> bool {
    is_bcrypt(stored) || argon2id::parse(stored).is_some()
}

/// Returns true if bcrypt reads the whole password, so that only this password matches its hash.
///
/// The password must be shorter than 72 bytes, because bcrypt ignores all later bytes. It must not contain NUL, because
/// bcrypt repeats the NUL-terminated password: `a` and `a\0a` have the same hash for the same salt.
pub fn is_read_whole(password: &str) -> bool {
    password.len() < BCRYPT_READS && !password.contains('\0')
}

/// Returns true for bcrypt hashes with the prefix `$2a$` or `$2b$`, which are the variants in existing data.
pub fn is_bcrypt(hash: &str) -> bool {
    hash.len() == 60 && (hash.starts_with("$2a$") || hash.starts_with("$2b$"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hash(scheme: HashScheme, password: &str) -> String {
        scheme.hash(password, &mut Memory::default()).unwrap()
    }

    fn verify(password: &str, stored: &str) -> bool {
        super::verify(password, stored, &mut Memory::default())
    }

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

    /// Returns the part of a hash that determines how long its verification takes.
    fn cost(hash: &str) -> &str {
        if is_bcrypt(hash) {
            return &hash[..7];
        }
        hash.rsplitn(3, '$').last().unwrap()
    }

    #[test]
    fn the_dummies_are_hashes_like_the_real_ones_and_nobody_s_password() {
        for form in [HashScheme::Bcrypt, HashScheme::Argon2id] {
            let (dummy, fresh) = (form.dummy(), hash(form, "correct horse battery"));
            assert!(is_known(dummy) && !verify("", dummy), "{form:?}");
            assert_eq!(
                cost(dummy),
                cost(&fresh),
                "same form and cost as new hashes"
            );
            assert_eq!(dummy.len(), fresh.len());
            assert!(verify("correct horse battery", &fresh));
            assert!(!verify("correct horse batterz", &fresh));
            assert_ne!(hash(form, "correct horse battery"), fresh, "salted");
        }
    }

    #[test]
    fn new_hashes_have_owasp_s_parameters() {
        let hash = hash(HashScheme::Argon2id, "correct horse battery");
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
    }

    #[test]
    fn weaker_hashes_are_improved_once_the_old_server_is_gone() {
        let fresh = hash(HashScheme::Argon2id, "correct horse battery");
        let bcrypt = DUMMY_HASH.to_owned();
        for (stored, improved) in [
            (fresh.clone(), false),
            (fresh.replace("m=19456", "m=65536"), false),
            (fresh.replace("m=19456", "m=8192"), true),
            (fresh.replace("t=2", "t=1"), true),
            (fresh.replace("v=19", "v=16"), true),
            (fresh.replace("argon2id", "argon2i"), true),
            (bcrypt, true),
        ] {
            assert_eq!(HashScheme::Argon2id.improves(&stored), improved, "{stored}");
            assert!(
                !HashScheme::Bcrypt.improves(&stored),
                "the legacy server reads no other"
            );
        }
    }

    #[test]
    fn what_is_no_hash_is_not_known_and_fits_nothing() {
        for odd in [
            "",
            "plain",
            "$2b$10$short",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ",
            "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
        ] {
            assert!(!is_known(odd) && !verify("plain", odd), "{odd}");
        }
    }

    #[test]
    fn bcrypt_takes_a_beginning_or_a_repetition_for_the_password() {
        let long = "x".repeat(80);
        let stored = hash(HashScheme::Bcrypt, &long);
        assert!(verify(&"x".repeat(72), &stored));
        assert!(!is_read_whole(&long) && !is_read_whole(&"x".repeat(72)));
        assert!(!is_read_whole("a\0a") && is_read_whole(&"x".repeat(71)));
    }

    #[test]
    fn hashes_written_by_the_old_server_verify() {
        // Format of a hash by bcryptjs 2.4.3, the legacy server's library: cost 10, of "legacy-password-1".
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
