//! The collection `webhookrejects`. It contains webhook messages that were rejected although their credential was
//! valid. Each tenant can read the messages that were sent to it.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::TryStreamExt;

use crate::domain::ids;
use crate::store::database::Store;
use crate::store::fault::{Fault, Reason};

const NAME: &str = "webhookrejects";

/// Time for which rejected messages are kept, in milliseconds: 30 days.
const RETENTION_MS: i64 = 30 * 24 * 3_600_000;

/// Maximum number of rejected messages per tenant. Above this number, the oldest message is deleted.
const MAX_PER_TENANT: u64 = 1000;

/// Maximum length of a message body, in characters. Longer bodies are truncated before they are stored.
const MAX_BODY_LENGTH: usize = 16_384;

fn since(now_ms: i64) -> DateTime {
    DateTime::from_millis(now_ms.saturating_sub(RETENTION_MS))
}

impl Store {
    /// Stores a rejected message with the reason `why`. A repeated message is stored only once, with its latest time.
    pub async fn insert_reject(
        &self,
        tenant: ObjectId,
        body: &[u8],
        why: &str,
    ) -> Result<(), Fault> {
        let text = String::from_utf8_lossy(body);
        let kept: String = text.chars().take(MAX_BODY_LENGTH).collect();
        let now = DateTime::now();
        let id = ids::derived(&["reject", &tenant.to_hex(), &text]);
        let reject = doc! {
            "_id": id, "tenantId": tenant, "message": why, "body": kept, "createdAt": now,
        };
        let rejects = self.collection(NAME).await?;
        match rejects.insert_one(reject).await.map_err(Fault::from) {
            Ok(_) => {}
            Err(fault) if fault.reason == Reason::DuplicateKey => {
                let latest = doc! { "$set": { "createdAt": now } };
                rejects.update_one(doc! { "_id": id }, latest).await?;
                return Ok(());
            }
            Err(fault) => return Err(fault),
        }
        let own = doc! { "tenantId": tenant };
        if rejects.count_documents(own.clone()).await? > MAX_PER_TENANT {
            let oldest = rejects.find_one(own).sort(doc! { "createdAt": 1 });
            if let Some(id) = oldest.await?.and_then(|r| r.get("_id").cloned()) {
                rejects.delete_one(doc! { "_id": id }).await?;
            }
        }
        Ok(())
    }

    /// Returns a page of a tenant's rejected messages of the last 30 days, newest first, and the total number of these
    /// messages.
    pub async fn rejects(
        &self,
        tenant: ObjectId,
        (skip, limit): (u64, i64),
        now_ms: i64,
    ) -> Result<(Vec<Document>, u64), Fault> {
        let rejects = self.collection(NAME).await?;
        let own = doc! { "tenantId": tenant, "createdAt": { "$gt": since(now_ms) } };
        let total = rejects.count_documents(own.clone()).await?;
        let cursor = rejects
            .find(own)
            .sort(doc! { "createdAt": -1, "_id": -1 })
            .skip(skip)
            .limit(limit)
            .await?;
        Ok((cursor.try_collect().await?, total))
    }

    /// Deletes rejected messages that are 30 days old or older. Returns their number.
    pub async fn purge_rejects(&self, now_ms: i64) -> Result<u64, Fault> {
        self.purge(NAME, "createdAt", since(now_ms).timestamp_millis())
            .await
    }
}
