//! What vendors send: who may, the leads it becomes, and what was refused.

mod lead;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use subtle::ConstantTimeEq;

use super::Store;
use super::fault::Fault;

pub use lead::Received;

pub(super) const CREDENTIALS: &str = "nextgencredentials";

/// Authenticated messages that were refused, for their tenant to look at.
const REJECTS: &str = "webhookrejects";

/// How long those are kept: 30 days.
const KEPT_MS: i64 = 30 * 24 * 3_600_000;

/// The most of a refused body that is kept, in characters.
const MOST_KEPT: usize = 16_384;

impl Store {
    /// Whose leads a vendor's credential pair brings; `None` where the pair is not an active one.
    pub async fn vendor_tenant(&self, sid: &str, api_key: &str) -> Result<Option<ObjectId>, Fault> {
        let credentials = self.collection(CREDENTIALS).await?;
        let found = credentials
            .find_one(doc! { "sid": sid, "active": true })
            .await?;
        Ok(found.and_then(|row| {
            let key = row.get_str("apiKey").ok()?;
            let right: bool = key.as_bytes().ct_eq(api_key.as_bytes()).into();
            right.then(|| row.get_object_id("tenantId").ok()).flatten()
        }))
    }

    /// Keeps what was refused.
    pub async fn insert_reject(
        &self,
        tenant: ObjectId,
        body: &[u8],
        why: &str,
    ) -> Result<(), Fault> {
        let text = String::from_utf8_lossy(body);
        let kept: String = text.chars().take(MOST_KEPT).collect();
        let reject = doc! {
            "_id": ObjectId::new(), "tenantId": tenant, "message": why, "body": kept, "createdAt": DateTime::now(),
        };
        self.collection(REJECTS).await?.insert_one(reject).await?;
        Ok(())
    }

    /// Removes what was refused long ago; returns how many.
    pub async fn purge_rejects(&self, now_ms: i64) -> Result<u64, Fault> {
        let until = now_ms.saturating_sub(KEPT_MS);
        self.purge(REJECTS, "createdAt", until).await
    }
}
