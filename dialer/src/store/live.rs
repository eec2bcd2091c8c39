//! Queries on behalf of open WebSockets: events that other replicas stored, and sessions that are still valid.

use std::collections::HashSet;

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::TryStreamExt;

use super::collections::SESSIONS;
use super::database::Store;
use super::fault::Fault;

/// Collection of events. An event is a notice that one replica stores for the others.
const EVENTS: &str = "events";

/// Time for which events are kept, in milliseconds: 5 minutes.
const RETENTION_MS: i64 = 5 * 60_000;

/// Maximum number of events that one poll reads, oldest first. Later polls read the rest.
const MAX_EVENTS: i64 = 10_000;

/// A notice that one replica stores for the others to deliver.
#[derive(Debug, Clone)]
pub struct Event {
    /// Unique id (`_id`) of the event.
    pub id: String,
    pub tenant: ObjectId,
    /// Id of the replica that stored the event.
    pub from: String,
    /// Message to clients, as JSON text.
    pub text: String,
    pub at_ms: i64,
}

impl Store {
    /// Stores an event for other replicas.
    ///
    /// # Errors
    /// Returns `DuplicateKey` if an event with this id is already stored. Any other reason is a database failure.
    pub async fn insert_event(&self, event: &Event) -> Result<(), Fault> {
        let document = doc! {
            "_id": &event.id,
            "tenantId": event.tenant,
            "from": &event.from,
            "text": &event.text,
            "at": DateTime::from_millis(event.at_ms),
        };
        let events = self.collection(EVENTS).await?;
        events.insert_one(document).await?;
        Ok(())
    }

    /// Returns the ids and tenants of events since `since_ms` (milliseconds since 1970, inclusive), oldest first, at
    /// most 10,000. Events of the replica `but_from` are omitted.
    pub async fn events_since(
        &self,
        since_ms: i64,
        but_from: &str,
    ) -> Result<Vec<(String, ObjectId)>, Fault> {
        let wanted = doc! {
            "at": { "$gte": DateTime::from_millis(since_ms) },
            "from": { "$ne": but_from },
        };
        let found: Vec<Document> = self
            .collection(EVENTS)
            .await?
            .find(wanted)
            .projection(doc! { "tenantId": 1 })
            .sort(doc! { "at": 1, "_id": 1 })
            .limit(MAX_EVENTS)
            .await?
            .try_collect()
            .await?;
        let event = |e: &Document| {
            Some((
                e.get_str("_id").ok()?.to_owned(),
                e.get_object_id("tenantId").ok()?,
            ))
        };
        Ok(found.iter().filter_map(event).collect())
    }

    /// Returns the tenants and messages of the events with these ids, oldest first.
    pub async fn event_texts(&self, ids: &[String]) -> Result<Vec<(ObjectId, String)>, Fault> {
        let found: Vec<Document> = self
            .collection(EVENTS)
            .await?
            .find(doc! { "_id": { "$in": ids } })
            .projection(doc! { "tenantId": 1, "text": 1 })
            .sort(doc! { "at": 1, "_id": 1 })
            .await?
            .try_collect()
            .await?;
        let event = |e: &Document| {
            Some((
                e.get_object_id("tenantId").ok()?,
                e.get_str("text").ok()?.to_owned(),
            ))
        };
        Ok(found.iter().filter_map(event).collect())
    }

    /// Deletes events that are 5 minutes old or older. Returns their number.
    pub async fn purge_events(&self, now_ms: i64) -> Result<u64, Fault> {
        let until = now_ms.saturating_sub(RETENTION_MS);
        self.purge(EVENTS, "at", until).await
    }

    /// Returns those of the session keys `keys` whose session exists and has not expired.
    pub async fn living_sessions(
        &self,
        keys: &[String],
        now_ms: i64,
    ) -> Result<HashSet<String>, Fault> {
        let living = doc! {
            "_id": { "$in": keys },
            "expiresAt": { "$gt": DateTime::from_millis(now_ms) },
        };
        let found: Vec<Document> = self
            .collection(SESSIONS)
            .await?
            .find(living)
            .projection(doc! { "_id": 1 })
            .await?
            .try_collect()
            .await?;
        let key = |s: &Document| s.get_str("_id").ok().map(str::to_owned);
        Ok(found.iter().filter_map(key).collect())
    }
}
