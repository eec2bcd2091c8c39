//! Changes of an account by its owner, and its password.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};

use super::collections::USERS;
use super::database::Store;
use super::fault::{Fault, Reason};
use super::users::User;

/// What to write. `None` stays as it is.
#[derive(Debug, Default)]
pub struct ProfileUpdate<'a> {
    pub name: Option<&'a str>,
    /// Normalised.
    pub email: Option<&'a str>,
    /// Of the form in force.
    pub password_hash: Option<&'a str>,
    /// `Some(None)` takes the picture away.
    pub picture: Option<Option<&'a str>>,
    /// The hash that the current password was compared with: nothing is written if it is another by now.
    pub verified: Option<&'a str>,
}

impl ProfileUpdate<'_> {
    fn document(&self, now: DateTime) -> Document {
        let mut set = doc! { "updatedAt": now };
        if let Some(name) = self.name {
            set.insert("name", name);
        }
        if let Some(email) = self.email {
            for field in ["email", "emailLower", "username"] {
                set.insert(field, email);
            }
        }
        if let Some(hash) = self.password_hash {
            set.insert("password", hash);
        }
        if let Some(Some(picture)) = self.picture {
            set.insert("profilePicture", picture);
        }
        let mut update = doc! { "$set": set };
        if self.picture == Some(None) {
            update.insert("$unset", doc! { "profilePicture": "" });
        }
        update
    }
}

impl Store {
    /// The stored hash of an account's password.
    pub async fn password_hash(&self, id: ObjectId) -> Result<Option<String>, Fault> {
        let users = self.collection(USERS).await?;
        let found = users
            .find_one(doc! { "_id": id })
            .projection(doc! { "password": 1 })
            .await?;
        Ok(found.and_then(|user| user.get_str("password").ok().map(str::to_owned)))
    }

    /// Writes the change at once; the account as it is then, or `None` where the account is gone or its password is
    /// another than `verified`.
    ///
    /// # Errors
    /// `DuplicateKey` if another account has the address; of any number of callers at once one gets it.
    pub async fn update_profile(
        &self,
        user: &User,
        update: &ProfileUpdate<'_>,
    ) -> Result<Option<User>, Fault> {
        let now = DateTime::now();
        if let Some(email) = update.email {
            self.claim_email(email, user.id, now).await?;
        }
        let written = self.write_profile(user.id, update, now).await;
        if let Some(email) = update.email {
            // The address that nobody has now: the old one, or the new one if nothing was written.
            let freed = match written {
                Ok(true) => &user.email,
                _ => email,
            };
            self.release_email(freed, user.id).await;
        }
        if written? {
            self.user(user.id).await
        } else {
            Ok(None)
        }
    }

    async fn write_profile(
        &self,
        id: ObjectId,
        update: &ProfileUpdate<'_>,
        now: DateTime,
    ) -> Result<bool, Fault> {
        if let Some(email) = update.email
            && self.email_is_taken(email, Some(id)).await?
        {
            // Accounts of the old server have no claim.
            return Err(Fault::new(Reason::DuplicateKey));
        }
        let mut which = doc! { "_id": id };
        if let Some(verified) = update.verified {
            which.insert("password", verified);
        }
        let users = self.collection(USERS).await?;
        let written = users.update_one(which, update.document(now)).await?;
        Ok(written.matched_count > 0)
    }

    /// Replaces a hash by a better one of the same password, unless the password is another by now. Losing this is
    /// harmless. The account is not changed otherwise, so neither is `updatedAt`.
    pub async fn improve_hash(
        &self,
        id: ObjectId,
        verified: &str,
        better: &str,
    ) -> Result<(), Fault> {
        let users = self.collection(USERS).await?;
        let same = doc! { "_id": id, "password": verified };
        let set = doc! { "$set": { "password": better } };
        users.update_one(same, set).await?;
        Ok(())
    }

    /// Replaces the hash of a password that was forgotten; false where the account is gone.
    pub async fn set_password(&self, id: ObjectId, hash: &str) -> Result<bool, Fault> {
        let update = ProfileUpdate {
            password_hash: Some(hash),
            ..ProfileUpdate::default()
        };
        self.write_profile(id, &update, DateTime::now()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_is_written_and_an_address_in_all_its_places() {
        let now = DateTime::now();
        let none = ProfileUpdate::default().document(now);
        assert_eq!(none, doc! { "$set": { "updatedAt": now } });
        let update = ProfileUpdate {
            email: Some("new@example.com"),
            picture: Some(None),
            ..ProfileUpdate::default()
        };
        let update = update.document(now);
        let set = update.get_document("$set").unwrap();
        for field in ["email", "emailLower", "username"] {
            assert_eq!(set.get_str(field), Ok("new@example.com"));
        }
        assert!(!set.contains_key("password"));
        assert_eq!(
            update.get_document("$unset").unwrap(),
            &doc! { "profilePicture": "" }
        );
    }
}
