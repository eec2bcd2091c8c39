//! The `sessions` collection: `_id` = SHA-256 of the token's `sid`. A document that is absent is a revoked session.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};

use super::Store;
use super::fault::Fault;

pub(super) const NAME: &str = "sessions";

/// A session to store. Times are milliseconds since 1970.
#[derive(Debug)]
pub struct NewSession<'a> {
    pub key: &'a str,
    pub user: ObjectId,
    pub created_ms: i64,
    pub expires_ms: i64,
    pub user_agent: &'a str,
}

impl Store {
    pub async fn insert_session(&self, new: &NewSession<'_>) -> Result<(), Fault> {
        let sessions = self.collection(NAME).await?;
        let document = doc! {
            "_id": new.key,
            "userId": new.user,
            "createdAt": DateTime::from_millis(new.created_ms),
            "expiresAt": DateTime::from_millis(new.expires_ms),
            "userAgent": new.user_agent,
        };
        sessions.insert_one(document).await?;
        Ok(())
    }

    /// Whose session this is, if it is still there and not past its end.
    pub async fn session_owner(&self, key: &str, now_ms: i64) -> Result<Option<ObjectId>, Fault> {
        let sessions = self.collection(NAME).await?;
        let found = sessions.find_one(doc! { "_id": key }).await?;
        Ok(found.and_then(|session| {
            let expires = session.get_datetime("expiresAt").ok()?.timestamp_millis();
            let owner = session.get_object_id("userId").ok()?;
            (expires > now_ms).then_some(owner)
        }))
    }

    /// Ends a session. Ending one that is gone is fine.
    pub async fn delete_session(&self, key: &str) -> Result<(), Fault> {
        let sessions = self.collection(NAME).await?;
        sessions.delete_one(doc! { "_id": key }).await?;
        Ok(())
    }

    /// Removes sessions past their end; returns how many.
    pub async fn purge_sessions(&self, now_ms: i64) -> Result<u64, Fault> {
        self.purge(NAME, "expiresAt", now_ms).await
    }
}
