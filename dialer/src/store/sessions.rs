//! The `sessions` collection. The `_id` is the SHA-256 hash of the token's `sid`. A session without a document is
//! revoked.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::TryStreamExt;

use super::collections::SESSIONS;
use super::database::Store;
use super::fault::Fault;

/// A session to store. Times are milliseconds since 1970.
#[derive(Debug)]
pub struct NewSession<'a> {
    pub key: &'a str,
    pub user: ObjectId,
    pub created_ms: i64,
    pub expires_ms: i64,
    pub user_agent: &'a str,
    pub address: &'a str,
}

/// A valid session, as shown to its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// The `_id`. It suffices to end the session, but not to sign in.
    pub key: String,
    pub created_ms: i64,
    pub expires_ms: i64,
    pub user_agent: String,
    /// Client address; empty for sessions that were started before addresses were stored.
    pub address: String,
}

impl StoredSession {
    fn from_document(document: &Document) -> Option<Self> {
        let time = |field: &str| document.get_datetime(field).ok();
        let text = |field: &str| document.get_str(field).unwrap_or_default().to_owned();
        Some(Self {
            key: document.get_str("_id").ok()?.to_owned(),
            created_ms: time("createdAt").map_or(0, |at| at.timestamp_millis()),
            expires_ms: time("expiresAt")?.timestamp_millis(),
            user_agent: text("userAgent"),
            address: text("address"),
        })
    }
}

/// Maximum number of sessions in a list.
const MAX_LISTED: i64 = 200;

impl Store {
    /// Stores a new session.
    pub async fn insert_session(&self, new: &NewSession<'_>) -> Result<(), Fault> {
        let sessions = self.collection(SESSIONS).await?;
        let document = doc! {
            "_id": new.key,
            "userId": new.user,
            "createdAt": DateTime::from_millis(new.created_ms),
            "expiresAt": DateTime::from_millis(new.expires_ms),
            "userAgent": new.user_agent,
            "address": new.address,
        };
        sessions.insert_one(document).await?;
        Ok(())
    }

    /// The owner of a session; `None` if it does not exist or has expired.
    pub async fn session_owner(&self, key: &str, now_ms: i64) -> Result<Option<ObjectId>, Fault> {
        let sessions = self.collection(SESSIONS).await?;
        let found = sessions.find_one(doc! { "_id": key }).await?;
        Ok(found.and_then(|session| {
            let expires = session.get_datetime("expiresAt").ok()?.timestamp_millis();
            let owner = session.get_object_id("userId").ok()?;
            (expires > now_ms).then_some(owner)
        }))
    }

    /// Ends a session by its `_id`. Idempotent.
    pub async fn delete_session(&self, key: &str) -> Result<(), Fault> {
        let sessions = self.collection(SESSIONS).await?;
        sessions.delete_one(doc! { "_id": key }).await?;
        Ok(())
    }

    /// The user's sessions that have not expired, newest first.
    pub async fn sessions(&self, user: ObjectId, now_ms: i64) -> Result<Vec<StoredSession>, Fault> {
        let found = self
            .collection(SESSIONS)
            .await?
            .find(doc! { "userId": user, "expiresAt": { "$gt": DateTime::from_millis(now_ms) } })
            .sort(doc! { "createdAt": -1, "_id": 1 })
            .limit(MAX_LISTED)
            .await?;
        let found: Vec<Document> = found.try_collect().await?;
        Ok(found
            .iter()
            .filter_map(StoredSession::from_document)
            .collect())
    }

    /// Ends a session, if it belongs to the user; false otherwise.
    pub async fn delete_own_session(&self, user: ObjectId, key: &str) -> Result<bool, Fault> {
        let sessions = self.collection(SESSIONS).await?;
        let one = doc! { "_id": key, "userId": user };
        Ok(sessions.delete_one(one).await?.deleted_count > 0)
    }

    /// Ends all sessions of a user except `but`; returns their number.
    pub async fn delete_sessions(&self, user: ObjectId, but: Option<&str>) -> Result<u64, Fault> {
        let mut those = doc! { "userId": user };
        if let Some(but) = but {
            those.insert("_id", doc! { "$ne": but });
        }
        let sessions = self.collection(SESSIONS).await?;
        Ok(sessions.delete_many(those).await?.deleted_count)
    }

    /// Removes expired sessions; returns their number.
    pub async fn purge_sessions(&self, now_ms: i64) -> Result<u64, Fault> {
        self.purge(SESSIONS, "expiresAt", now_ms).await
    }
}
