//! The collection `users`, in the format of the legacy server. Parsing is lenient: documents may lack fields or have
//! unknown ones.

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};

use super::collections::USERS;
use super::database::Store;
use super::fault::{Fault, Reason};

/// Collection of claimed e-mail addresses. The `_id` is the address. An account is created only after the insert of its
/// claim has succeeded, so addresses are unique even without an index.
const CLAIMS: &str = "useremails";

/// Age in milliseconds from which a claim without an account may be replaced. Such a claim remains, for example, if a
/// process ends before it creates the account.
const CLAIM_STALE_MS: i64 = 60_000;

/// A user account, without the password hash and the profile picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: ObjectId,
    pub email: String,
    pub name: String,
    pub role: String,
}

impl User {
    pub(super) fn from_document(document: &Document) -> Option<Self> {
        let text = |field: &str| document.get_str(field).unwrap_or_default().to_owned();
        let role = text("role");
        Some(Self {
            id: document.get_object_id("_id").ok()?,
            email: text("email"),
            name: text("name"),
            role: if role.is_empty() {
                "user".to_owned()
            } else {
                role
            },
        })
    }
}

/// An account to create. `email` must be normalised, and `password_hash` must be in the current hash scheme.
#[derive(Debug)]
pub struct NewUser<'a> {
    pub email: &'a str,
    pub name: &'a str,
    pub password_hash: &'a str,
    pub role: &'a str,
}

impl NewUser<'_> {
    /// Builds the document of the account, in the format of the legacy schema with the additional field `emailLower`.
    fn document(&self, id: ObjectId, now: DateTime) -> Document {
        doc! {
            "_id": id,
            "email": self.email,
            "emailLower": self.email,
            "password": self.password_hash,
            "name": self.name,
            "username": self.email,
            "role": self.role,
            "gmailConnected": false,
            "createdAt": now,
            "updatedAt": now,
            "__v": 0,
        }
    }
}

pub(super) fn identity() -> Document {
    doc! { "email": 1, "name": 1, "role": 1 }
}

impl Store {
    /// Returns an account by its id; `None` if it does not exist.
    pub async fn user(&self, id: ObjectId) -> Result<Option<User>, Fault> {
        let users = self.collection(USERS).await?;
        let found = users
            .find_one(doc! { "_id": id })
            .projection(identity())
            .await?;
        Ok(found.as_ref().and_then(User::from_document))
    }

    /// Returns the account's profile picture as a `data:` URL; `None` if it has none.
    pub async fn profile_picture(&self, id: ObjectId) -> Result<Option<String>, Fault> {
        let users = self.collection(USERS).await?;
        let found = users
            .find_one(doc! { "_id": id })
            .projection(doc! { "profilePicture": 1 })
            .await?;
        let picture = found.and_then(|user| user.get_str("profilePicture").ok().map(str::to_owned));
        Ok(picture.filter(|picture| !picture.is_empty()))
    }

    /// Returns the account with an e-mail address, and its password hash; `None` if there is no such account or it has
    /// no hash. An account with exactly the address `typed` is preferred. Otherwise the address is compared in lower
    /// case (`lower`). If several accounts match in lower case, a warning is logged and `None` is returned.
    pub async fn credentials(
        &self,
        typed: &str,
        lower: &str,
    ) -> Result<Option<(User, String)>, Fault> {
        let users = self.collection(USERS).await?;
        let mut fields = identity();
        fields.insert("password", 1);
        let exact = users
            .find_one(doc! { "email": typed })
            .projection(fields.clone())
            .await?;
        let found = match exact {
            Some(user) => Some(user),
            None => {
                let mut cursor = users
                    .find(doc! { "emailLower": lower })
                    .projection(fields)
                    .limit(2)
                    .await?;
                let mut found = Vec::new();
                while cursor.advance().await? {
                    found.push(cursor.deserialize_current()?);
                }
                if found.len() > 1 {
                    tracing::warn!(
                        "several accounts share one e-mail address but for its case: none of them is used"
                    );
                    None
                } else {
                    found.pop()
                }
            }
        };
        Ok(found.and_then(|document| {
            let hash = document.get_str("password").ok()?.to_owned();
            Some((User::from_document(&document)?, hash))
        }))
    }

    /// Returns true if an account other than `but` has this e-mail address. `email` must be normalised.
    pub async fn email_is_taken(&self, email: &str, but: Option<ObjectId>) -> Result<bool, Fault> {
        let users = self.collection(USERS).await?;
        for mut filter in [doc! { "email": email }, doc! { "emailLower": email }] {
            if let Some(but) = but {
                filter.insert("_id", doc! { "$ne": but });
            }
            let found = users.find_one(filter).projection(doc! { "_id": 1 }).await?;
            if found.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Creates an account.
    ///
    /// # Errors
    /// Returns `DuplicateKey` if the e-mail address belongs to another account or is claimed for one. Of concurrent
    /// calls with the same address, only one succeeds. Any other reason is a database failure.
    pub async fn insert_user(&self, new: &NewUser<'_>) -> Result<User, Fault> {
        let id = ObjectId::new();
        let now = DateTime::now();
        self.claim_email(new.email, id, now).await?;
        let inserted = async {
            // Accounts of the legacy server have no claim in `useremails`, so the claim alone does not detect them.
            if self.email_is_taken(new.email, None).await? {
                return Err(Fault::new(Reason::DuplicateKey));
            }
            let users = self.collection(USERS).await?;
            users.insert_one(new.document(id, now)).await?;
            Ok(())
        }
        .await;
        if let Err(fault) = inserted {
            self.release_email(new.email, id).await;
            return Err(fault);
        }
        Ok(User {
            id,
            email: new.email.to_owned(),
            name: new.name.to_owned(),
            role: new.role.to_owned(),
        })
    }

    pub(super) async fn claim_email(
        &self,
        email: &str,
        user: ObjectId,
        now: DateTime,
    ) -> Result<(), Fault> {
        let claims = self.collection(CLAIMS).await?;
        let claim = doc! { "_id": email, "userId": user, "createdAt": now };
        let Err(error) = claims.insert_one(&claim).await else {
            return Ok(());
        };
        let fault = Fault::from(error);
        if fault.reason != Reason::DuplicateKey {
            return Err(fault);
        }
        let Some(holder) = claims.find_one(doc! { "_id": email }).await? else {
            return Err(fault);
        };
        let owner = holder.get("userId").cloned().unwrap_or(Bson::Null);
        let age = holder.get_datetime("createdAt").map_or(i64::MAX, |at| {
            now.timestamp_millis().saturating_sub(at.timestamp_millis())
        });
        let exists = match owner.as_object_id() {
            Some(owner) => self
                .user(owner)
                .await?
                .is_some_and(|user| user.email == email),
            None => false,
        };
        if exists || age < CLAIM_STALE_MS {
            return Err(fault);
        }
        claims
            .delete_one(doc! { "_id": email, "userId": owner })
            .await?;
        claims.insert_one(&claim).await?;
        Ok(())
    }

    /// Deletes a user's claim of an e-mail address. A failure is ignored, because a claim without an account can be
    /// replaced after one minute.
    pub(super) async fn release_email(&self, email: &str, user: ObjectId) {
        if let Ok(claims) = self.collection(CLAIMS).await {
            let released = claims
                .delete_one(doc! { "_id": email, "userId": user })
                .await;
            if released.is_err() {
                tracing::debug!("an e-mail claim was left to go stale");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_account_has_the_old_shape() {
        let new = NewUser {
            email: "rep@example.com",
            name: "Rep",
            password_hash: "$2b$…",
            role: "user",
        };
        let document = new.document(ObjectId::new(), DateTime::now());
        assert_eq!(document.get_str("username"), Ok("rep@example.com"));
        assert_eq!(document.get_str("role"), Ok("user"));
        assert_eq!(document.get_i32("__v"), Ok(0));
        assert!(document.get_datetime("createdAt").is_ok());
        assert!(document.get_datetime("updatedAt").is_ok());
        assert!(document.get_object_id("_id").is_ok());
    }

    #[test]
    fn the_session_reads_neither_picture_nor_hash() {
        let fields = identity();
        let mut read: Vec<&str> = fields.keys().map(String::as_str).collect();
        read.sort_unstable();
        assert_eq!(read, ["email", "name", "role"]);
    }

    #[test]
    fn old_documents_are_read_whatever_they_lack_or_hold() {
        let id = ObjectId::new();
        let sparse = User::from_document(&doc! { "_id": id, "name": 7, "vendorData": { "x": [] } });
        assert_eq!(
            sparse,
            Some(User {
                id,
                email: String::new(),
                name: String::new(),
                role: "user".into()
            })
        );
        assert_eq!(User::from_document(&doc! { "_id": "text" }), None);
    }
}
