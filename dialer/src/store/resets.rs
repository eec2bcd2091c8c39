//! The `passwordresets` collection: one-time links that let somebody choose a password. `_id` = SHA-256 of the
//! link's secret; using one deletes it, so it serves exactly one of any number of callers.

use bson::oid::ObjectId;
use bson::{DateTime, doc};

use super::database::Store;
use super::fault::Fault;

const NAME: &str = "passwordresets";

impl Store {
    /// Stores a link in place of any older one of this user. Times are milliseconds since 1970.
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

    /// Whose link this is, if it is still there and not past its end.
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

    /// Uses a link up: true for exactly one caller.
    pub async fn take_reset(&self, key: &str) -> Result<bool, Fault> {
        let links = self.collection(NAME).await?;
        Ok(links.delete_one(doc! { "_id": key }).await?.deleted_count > 0)
    }

    /// Makes the user's links worthless.
    pub async fn delete_resets(&self, user: ObjectId) -> Result<(), Fault> {
        let links = self.collection(NAME).await?;
        links.delete_many(doc! { "userId": user }).await?;
        Ok(())
    }

    /// Removes links past their end; returns how many.
    pub async fn purge_resets(&self, now_ms: i64) -> Result<u64, Fault> {
        self.purge(NAME, "expiresAt", now_ms).await
    }
}
