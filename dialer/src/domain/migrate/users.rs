//! Inspection of accounts for the command `dialer migrate`.

use std::collections::HashMap;

use bson::Document;

use super::{Finding, Occurrences, Severity};
use crate::domain::email::normalise;

/// Collects findings about accounts. Each stored account is passed to `see`.
#[derive(Debug, Default)]
pub struct UserInspector {
    unlowered: Occurrences,
    no_email: Occurrences,
    no_hash: Occurrences,
    bcrypt: Occurrences,
    role: Occurrences,
    shared: Occurrences,
    addresses: HashMap<String, u64>,
    admins: u64,
    all: u64,
}

/// Returns the value that the field `emailLower` of an account should have. `None` if the stored value is correct or
/// the account has no e-mail address.
pub fn lowered(user: &Document) -> Option<String> {
    let email = user.get_str("email").ok().filter(|e| !e.is_empty())?;
    let lower = normalise(email);
    (user.get_str("emailLower").ok() != Some(lower.as_str())).then_some(lower)
}

/// Prefixes of bcrypt hashes.
const BCRYPT: [&str; 3] = ["$2a$", "$2b$", "$2y$"];

/// Prefix of Argon2id hashes.
const ARGON2ID: &str = "$argon2id$";

impl UserInspector {
    pub fn see(&mut self, user: &Document) {
        self.all = self.all.saturating_add(1);
        let id = user.get("_id");
        self.unlowered.at_if(lowered(user).is_some(), id);
        let hash = user.get_str("password").unwrap_or_default();
        let bcrypt = BCRYPT.iter().any(|prefix| hash.starts_with(prefix));
        self.bcrypt.at_if(bcrypt, id);
        self.no_hash
            .at_if(!bcrypt && !hash.starts_with(ARGON2ID), id);
        let role = user.get_str("role").unwrap_or("user");
        self.role.at_if(!["admin", "user"].contains(&role), id);
        self.admins = self.admins.saturating_add(u64::from(role == "admin"));
        let Some(email) = user.get_str("email").ok().filter(|e| !e.is_empty()) else {
            self.no_email.at(id);
            return;
        };
        let holders = self.addresses.entry(normalise(email)).or_default();
        self.shared.at_if(*holders > 0, id);
        *holders = holders.saturating_add(1);
    }

    /// Returns true if at least one account was inspected.
    pub fn any(&self) -> bool {
        self.all > 0
    }

    /// Returns the finding about accounts whose password is hashed with bcrypt; `None` if there are none. It is only
    /// reported once the legacy server no longer uses the database.
    pub fn old_hashes(&self) -> Option<Finding> {
        Finding::new(
            "users.bcrypt",
            Severity::Note,
            &self.bcrypt,
            "passwords stored as bcrypt: each becomes Argon2id when its owner next signs in",
        )
    }

    pub fn findings(&self) -> Vec<Finding> {
        let of = |id: &str, severity, seen: &Occurrences, message: &str| {
            Finding::new(format!("users.{id}"), severity, seen, message)
        };
        let no_admin = Occurrences {
            count: u64::from(self.admins == 0),
            example: None,
        };
        [
            of(
                "emailLower",
                Severity::Pending,
                &self.unlowered,
                "`--apply` adds emailLower, so that they sign in whatever case they type",
            ),
            of(
                "sharedAddress",
                Severity::Conflict,
                &self.shared,
                "another account's address but for its case: both sign in only as their address is stored; merge them or \
                 change one",
            ),
            of(
                "noAddress",
                Severity::Conflict,
                &self.no_email,
                "no e-mail address: nobody can sign in to them; left as they are",
            ),
            of(
                "noHash",
                Severity::Conflict,
                &self.no_hash,
                "no hash for a password: nobody can sign in to them until an administrator makes a reset link",
            ),
            of(
                "role",
                Severity::Note,
                &self.role,
                "a role that is neither admin nor user: they are users",
            ),
            of(
                "noAdministrator",
                Severity::Note,
                &no_admin,
                "no administrator: `dialer admin create` makes one",
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::doc;
    use bson::oid::ObjectId;

    fn user(email: &str, more: Document) -> Document {
        let mut user = doc! {
            "_id": ObjectId::new(), "email": email, "emailLower": normalise(email), "role": "admin",
            "password": "$2a$10$abc",
        };
        user.extend(more);
        user
    }

    fn findings(users: &[Document]) -> Vec<(String, Severity, u64)> {
        let mut inspector = UserInspector::default();
        for user in users {
            inspector.see(user);
        }
        let found = inspector.findings().into_iter();
        found.map(|f| (f.id, f.severity, f.count)).collect()
    }

    #[test]
    fn accounts_that_are_migrated_are_nothing_to_report() {
        assert_eq!(findings(&[user("Rep@x.y", doc! {})]), []);
    }

    #[test]
    fn what_keeps_somebody_from_signing_in_is_told() {
        let found = findings(&[
            user("Rep@x.y", doc! { "emailLower": null }),
            user("rep@x.y", doc! { "role": "agent" }),
            user("", doc! {}),
            user("b@x.y", doc! { "password": "plain" }),
        ]);
        use Severity::{Conflict, Note, Pending};
        let expected = [
            ("users.emailLower", Pending),
            ("users.sharedAddress", Conflict),
            ("users.noAddress", Conflict),
            ("users.noHash", Conflict),
            ("users.role", Note),
        ];
        assert_eq!(found, expected.map(|(id, s)| (id.to_owned(), s, 1)));
        assert_eq!(findings(&[])[0].0, "users.noAdministrator");
    }

    #[test]
    fn a_hash_of_either_form_is_one_and_the_old_ones_are_counted() {
        let argon2id = doc! { "password": "$argon2id$v=19$m=19456,t=2,p=1$c$d" };
        let mut inspector = UserInspector::default();
        for user in [user("a@x.y", argon2id), user("b@x.y", doc! {})] {
            inspector.see(&user);
        }
        assert_eq!(inspector.findings(), []);
        let left = inspector.old_hashes().unwrap();
        assert_eq!((left.severity, left.count), (Severity::Note, 1));
    }

    #[test]
    fn only_what_differs_is_lowered() {
        assert_eq!(lowered(&doc! { "email": "A@x" }), Some("a@x".into()));
        assert_eq!(lowered(&doc! { "email": "A@x", "emailLower": "a@x" }), None);
        assert_eq!(lowered(&doc! { "email": 7 }), None);
    }
}
