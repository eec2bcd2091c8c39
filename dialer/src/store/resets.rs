//! The collection `passwordresets`, which contains one-time reset links. The `_id` is the SHA-256 hash of the secret in
//! the link. Using a link deletes its document, so only one caller can use it.

use bson::oid::ObjectId;
use bson::{DateTime, doc};

use super::database::Store;
use super::fault::Fault;

const NAME: &str = "passwordresets";

impl Store {
    /// Stores a new reset link and deletes the user's older links. Times are in milliseconds since 1970.
    pub async fn insert_reset(
        &self,
        key: &str,
        user: ObjectId,
        now_ms: i64,
        expires_ms: i64,
    ) -> Result<(), Fault> {
        self.delete_resets(user).await?;
        let document = doc! {
            "_id": key, "userId": user, "createdAt": DateTime::from_millis(now_ms),
            "expiresAt": DateTime::from_millis(expires_ms),
        };
        self.collection(NAME).await?.insert_one(document).await?;
        Ok(())
    }

    /// Returns the user for whom a reset link was created; `None` if the link does not exist or has expired.
    pub async fn reset_owner(&self, key: &str, now_ms: i64) -> Result<Option<ObjectId>, Fault> {
        let found = self
            .collection(NAME)
            .await?
            .find_one(doc! { "_id": key })
            .await?;
        Ok(found.and_then(|link| {
            let expires = link.get_datetime("expiresAt").ok()?.timestamp_millis();
            let owner = link.get_object_id("userId").ok()?;
            (expires > now_ms).then_some(owner)
        }))
    }

    /// Uses up a reset link by deleting it. Returns true for only one of several concurrent callers.
    pub async fn take_reset(&self, key: &str) -> Result<bool, Fault> {
        let links = self.collection(NAME).await?;
        Ok(links.delete_one(doc! { "_id": key }).await?.deleted_count > 0)
    }

    /// Deletes all reset links of a user.
    pub async fn delete_resets(&self, user: ObjectId) -> Result<(), Fault> {
        let links = self.collection(NAME).await?;
        links.delete_many(doc! { "userId": user }).await?;
        Ok(())
    }

    /// Deletes expired reset links. Returns their number.
    pub async fn purge_resets(&self, now_ms: i64) -> Result<u64, Fault> {
        self.purge(NAME, "expiresAt", now_ms).await
    }
}
