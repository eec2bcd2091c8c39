//! The collection `calls`, in the format of the legacy schema. It contains the calls that users made or received.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::TryStreamExt;

use super::database::Store;
use super::fault::Fault;

const NAME: &str = "calls";

/// Maximum number of calls that are returned as a user's call history.
const MAX_HISTORY: i64 = 200;
/// Maximum number of a user's calls that are read to find the leads that the user has called today.
const MAX_CALLS_PER_DAY: i64 = 10_000;

/// A call to store in a user's call history.
#[derive(Debug)]
pub struct NewCall<'a> {
    /// E-mail address of the user, also for inbound calls.
    pub from: &'a str,
    /// Phone number of the other party, also for inbound calls.
    pub to: &'a str,
    /// Direction of the call, `outbound` or `inbound`.
    pub direction: &'a str,
    pub agent: ObjectId,
    pub lead: ObjectId,
}

impl Store {
    /// Stores a completed call and returns the stored document.
    pub async fn insert_call(&self, new: &NewCall<'_>) -> Result<Document, Fault> {
        let (id, now) = (ObjectId::new(), DateTime::now());
        let call = doc! {
            "_id": id,
            // The legacy schema requires a unique value. The legacy server wrote `manual-<milliseconds>`, which was not
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

    /// Returns the ids of the leads that the user has called since `since_ms` (milliseconds since 1970, inclusive),
    /// without duplicates. Only outbound calls count, and at most 10,000 calls are read.
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

    /// Returns the user's most recent calls, newest first, at most 200.
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
