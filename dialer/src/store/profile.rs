//! Changes that users make to their own account, and password changes.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};

use super::collections::USERS;
use super::database::Store;
use super::fault::{Fault, Reason};
use super::users::User;

/// Fields of an account to write. Fields that are `None` stay unchanged.
#[derive(Debug, Default)]
pub struct ProfileUpdate<'a> {
    pub name: Option<&'a str>,
    /// New e-mail address, which must be normalised.
    pub email: Option<&'a str>,
    /// Hash of the new password, in the current hash scheme.
    pub password_hash: Option<&'a str>,
    /// New picture as a `data:` URL; `Some(None)` removes the picture.
    pub picture: Option<Option<&'a str>>,
    /// Password hash that must still be stored for the account. If the stored hash differs, nothing is written.
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
    /// Returns the stored password hash of the account; `None` if the account does not exist or has no hash.
    pub async fn password_hash(&self, id: ObjectId) -> Result<Option<String>, Fault> {
        let users = self.collection(USERS).await?;
        let found = users
            .find_one(doc! { "_id": id })
            .projection(doc! { "password": 1 })
            .await?;
        Ok(found.and_then(|user| user.get_str("password").ok().map(str::to_owned)))
    }

    /// Writes all changes in one update and returns the changed account. Returns `None` if the account does not exist,
    /// or if its stored hash differs from `update.verified`.
    ///
    /// # Errors
    /// Returns `DuplicateKey` if the new e-mail address belongs to another account or is claimed for one. Of concurrent
    /// calls with the same address, only one succeeds. Any other reason is a database failure.
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
            // The address that is now unused: the old one, or the new one if nothing was written.
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
            // Accounts of the legacy server have no claim in `useremails`, so the claim alone does not detect them.
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

    /// Replaces the hash `verified` by a stronger hash of the same password. Does nothing if the password has changed
    /// in the meantime. `updatedAt` is not changed because nothing visible to users changes.
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

    /// Sets the password hash of an account. Returns false if the account does not exist.
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
