//! The collection `sessions`. The `_id` of a session is the SHA-256 hash of the `sid` in its token. Deleting the
//! document revokes the session.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::TryStreamExt;

use super::collections::SESSIONS;
use super::database::Store;
use super::fault::Fault;

/// A session to store. Times are in milliseconds since 1970.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// The `_id` of the session.
    pub key: &'a str,
    pub user: ObjectId,
    pub created_ms: i64,
    pub expires_ms: i64,
    pub user_agent: &'a str,
    pub address: &'a str,
}

/// A stored session that has not expired, as shown to its user. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// The `_id` of the session. It can be used to end the session, but not to sign in.
    pub key: String,
    pub created_ms: i64,
    pub expires_ms: i64,
    pub user_agent: String,
    /// IP address of the client; empty for sessions of earlier releases, which did not store the address.
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

/// Maximum number of sessions that are returned as a list.
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

    /// Returns the id of the user to whom a session belongs; `None` if the session does not exist or has expired.
    pub async fn session_owner(&self, key: &str, now_ms: i64) -> Result<Option<ObjectId>, Fault> {
        let sessions = self.collection(SESSIONS).await?;
        let found = sessions.find_one(doc! { "_id": key }).await?;
        Ok(found.and_then(|session| {
            let expires = session.get_datetime("expiresAt").ok()?.timestamp_millis();
            let owner = session.get_object_id("userId").ok()?;
            (expires > now_ms).then_some(owner)
        }))
    }

    /// Deletes the session with this `_id`, if it exists.
    pub async fn delete_session(&self, key: &str) -> Result<(), Fault> {
        let sessions = self.collection(SESSIONS).await?;
        sessions.delete_one(doc! { "_id": key }).await?;
        Ok(())
    }

    /// Returns the user's sessions that have not expired, newest first, at most 200.
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

    /// Deletes a session if it belongs to the user. Returns false otherwise.
    pub async fn delete_own_session(&self, user: ObjectId, key: &str) -> Result<bool, Fault> {
        let sessions = self.collection(SESSIONS).await?;
        let one = doc! { "_id": key, "userId": user };
        Ok(sessions.delete_one(one).await?.deleted_count > 0)
    }

    /// Deletes all sessions of a user except `but`. Returns their number.
    pub async fn delete_sessions(&self, user: ObjectId, but: Option<&str>) -> Result<u64, Fault> {
        let mut those = doc! { "userId": user };
        if let Some(but) = but {
            those.insert("_id", doc! { "$ne": but });
        }
        let sessions = self.collection(SESSIONS).await?;
        Ok(sessions.delete_many(those).await?.deleted_count)
    }

    /// Deletes expired sessions. Returns their number.
    pub async fn purge_sessions(&self, now_ms: i64) -> Result<u64, Fault> {
        self.purge(SESSIONS, "expiresAt", now_ms).await
    }
}
