//! The `calls` collection: what reps dialled, in the shape of the old schema.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::TryStreamExt;

use super::database::Store;
use super::fault::Fault;

const NAME: &str = "calls";

/// The most calls that a history holds, and that one day's look at called leads reads.
const MAX_HISTORY: i64 = 200;
const MAX_CALLS_PER_DAY: i64 = 10_000;

/// A call to remember.
#[derive(Debug)]
pub struct NewCall<'a> {
    /// The rep's e-mail address: there is no other caller.
    pub from: &'a str,
    pub to: &'a str,
    /// `outbound` or `inbound`.
    pub direction: &'a str,
    pub agent: ObjectId,
    pub lead: ObjectId,
}

impl Store {
    /// Remembers a call that is over.
    pub async fn insert_call(&self, new: &NewCall<'_>) -> Result<Document, Fault> {
        let (id, now) = (ObjectId::new(), DateTime::now());
        let call = doc! {
            "_id": id,
            // Required and unique in the old schema; it was `manual-<milliseconds>`, which two reps could share.
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

    /// Leads that somebody called since a moment, each once.
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

    /// Somebody's calls, newest first.
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
