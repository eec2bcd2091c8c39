//! The `passwordresets` collection: one-time reset links. The `_id` is the SHA-256 hash of the link's secret. Using a
//! link deletes its document, so exactly one caller succeeds.

use bson::oid::ObjectId;
use bson::{DateTime, doc};

use super::database::Store;
use super::fault::Fault;

const NAME: &str = "passwordresets";

impl Store {
    /// Stores a reset link and deletes the user's older ones. Times are milliseconds since 1970.
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

    /// The owner of a reset link; `None` if it does not exist or has expired.
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

    /// Consumes a reset link. True for exactly one of concurrent callers.
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

    /// Removes expired reset links; returns their number.
    pub async fn purge_resets(&self, now_ms: i64) -> Result<u64, Fault> {
        self.purge(NAME, "expiresAt", now_ms).await
    }
}
