//! The `calls` collection: recorded calls, in the format of the old schema.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::TryStreamExt;

use super::database::Store;
use super::fault::Fault;

const NAME: &str = "calls";

/// Maximum number of calls in a user's history.
const MAX_HISTORY: i64 = 200;
/// Maximum number of a user's calls that are read to find the leads that were called today.
const MAX_CALLS_PER_DAY: i64 = 10_000;

/// A call to store in the history.
#[derive(Debug)]
pub struct NewCall<'a> {
    /// The user's e-mail address, which is the only caller that the old schema can store.
    pub from: &'a str,
    pub to: &'a str,
    /// Direction of the call: `outbound` or `inbound`.
    pub direction: &'a str,
    pub agent: ObjectId,
    pub lead: ObjectId,
}

impl Store {
    /// Stores a completed call and returns its document.
    pub async fn insert_call(&self, new: &NewCall<'_>) -> Result<Document, Fault> {
        let (id, now) = (ObjectId::new(), DateTime::now());
        let call = doc! {
            "_id": id,
            // The old schema requires a unique value. The old server wrote `manual-<milliseconds>`, which was not
            // unique.
            "twilioSid": format!("manual-{}", id.to_hex()),
            "from": new.from,
            "to": new.to,
            "status": "completed",
            "direction": new.direction,
            "agent": new.agent,
            "lead": new.lead,
            "duration": 0,
            "createdAt": now,
            "updatedAt": now,
            "__v": 0,
        };
        self.collection(NAME).await?.insert_one(&call).await?;
        Ok(call)
    }

    /// Ids of the leads that the user called since a time, without duplicates.
    pub async fn leads_called(
        &self,
        agent: ObjectId,
        since_ms: i64,
    ) -> Result<Vec<ObjectId>, Fault> {
        let wanted = doc! {
            "agent": agent,
            "direction": "outbound",
            "createdAt": { "$gte": DateTime::from_millis(since_ms) },
        };
        let calls: Vec<Document> = self
            .collection(NAME)
            .await?
            .find(wanted)
            .projection(doc! { "lead": 1 })
            .limit(MAX_CALLS_PER_DAY)
            .await?
            .try_collect()
            .await?;
        let leads = calls.iter().filter_map(|c| c.get_object_id("lead").ok());
        let mut leads: Vec<ObjectId> = leads.collect();
        leads.sort_unstable();
        leads.dedup();
        Ok(leads)
    }

    /// The user's most recent calls, newest first.
    pub async fn calls(&self, agent: ObjectId) -> Result<Vec<Document>, Fault> {
        let calls = self.collection(NAME).await?;
        let cursor = calls
            .find(doc! { "agent": agent })
            .sort(doc! { "createdAt": -1, "_id": -1 })
            .limit(MAX_HISTORY)
            .await?;
        Ok(cursor.try_collect().await?)
    }
}
