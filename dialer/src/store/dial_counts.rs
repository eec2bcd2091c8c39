//! The collection `dialcounts`: how often each user has dialled each phone number. Losing an increment is harmless.

use std::collections::BTreeMap;

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::TryStreamExt;
use mongodb::options::ReturnDocument;

use super::database::Store;
use super::fault::Fault;
use super::numbers::number;

const NAME: &str = "dialcounts";

impl Store {
    /// Increments the count of a phone number and returns the new count. `phone` is the last ten digits of the number.
    pub async fn count_dial(&self, user: ObjectId, phone: &str) -> Result<i64, Fault> {
        let now = DateTime::now();
        let change = doc! {
            "$inc": { "count": 1 },
            "$set": { "lastDialedAt": now, "updatedAt": now },
            "$setOnInsert": { "createdAt": now, "__v": 0 },
        };
        let counted = self
            .collection(NAME)
            .await?
            .find_one_and_update(doc! { "userId": user, "phone": phone }, change)
            .upsert(true)
            .return_document(ReturnDocument::After)
            .await?;
        Ok(counted.as_ref().map_or(1, count))
    }

    /// Returns the user's count for each of the phone numbers. Numbers that the user has never dialled are omitted.
    pub async fn dial_counts(
        &self,
        user: ObjectId,
        phones: &[String],
    ) -> Result<BTreeMap<String, i64>, Fault> {
        let found: Vec<Document> = self
            .collection(NAME)
            .await?
            .find(doc! { "userId": user, "phone": { "$in": phones } })
            .await?
            .try_collect()
            .await?;
        let counts = found
            .iter()
            .filter_map(|d| Some((d.get_str("phone").ok()?.to_owned(), count(d))));
        Ok(counts.collect())
    }
}

fn count(document: &Document) -> i64 {
    number(document.get("count")).unwrap_or(0)
}
