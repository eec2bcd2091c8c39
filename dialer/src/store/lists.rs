//! The collections `donotcall` and `textoptouts`. The `_id` of a document is `<tenant>:<E.164 number>`, so that a
//! number cannot be listed twice.

use std::collections::HashSet;

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::TryStreamExt;
use mongodb::error::{Error, ErrorKind};

use super::database::Store;
use super::fault::{DUPLICATE_KEY, Fault};
use crate::domain::lists::{Addition, List};

/// Maximum number of `_id` values in one query.
const MAX_IDS_PER_QUERY: usize = 1000;

fn collection(list: List) -> &'static str {
    match list {
        List::DoNotCall => "donotcall",
        List::TextOptOut => "textoptouts",
    }
}

fn id(tenant: ObjectId, number: &str) -> String {
    format!("{}:{number}", tenant.to_hex())
}

impl Store {
    /// Adds phone numbers to a list. Returns how many of them were not on the list before.
    pub async fn list_numbers(
        &self,
        list: List,
        tenant: ObjectId,
        addition: &Addition,
    ) -> Result<usize, Fault> {
        let now = DateTime::now();
        let entry = |number: &String| {
            let mut entry = doc! {
                "_id": id(tenant, number), "tenantId": tenant, "phone": number, "createdAt": now,
            };
            if let Some(note) = &addition.note {
                entry.insert("note", note);
            }
            entry
        };
        let entries: Vec<Document> = addition.numbers.iter().map(entry).collect();
        if entries.is_empty() {
            return Ok(0);
        }
        let numbers = self.collection(collection(list)).await?;
        match numbers.insert_many(&entries).ordered(false).await {
            Ok(_) => Ok(entries.len()),
            Err(error) => {
                let known = already_there(&error).ok_or(error)?;
                Ok(entries.len().saturating_sub(known))
            }
        }
    }

    /// Removes a phone number from a list. Returns false if it was not on the list.
    pub async fn unlist_number(
        &self,
        list: List,
        tenant: ObjectId,
        number: &str,
    ) -> Result<bool, Fault> {
        let numbers = self.collection(collection(list)).await?;
        let done = numbers
            .delete_one(doc! { "_id": id(tenant, number) })
            .await?;
        Ok(done.deleted_count > 0)
    }

    /// Returns a page of a list, newest entry first, and the total number of entries.
    pub async fn numbers(
        &self,
        list: List,
        tenant: ObjectId,
        (skip, limit): (u64, i64),
    ) -> Result<(Vec<Document>, u64), Fault> {
        let numbers = self.collection(collection(list)).await?;
        let own = doc! { "tenantId": tenant };
        let total = numbers.count_documents(own.clone()).await?;
        let cursor = numbers
            .find(own)
            .sort(doc! { "createdAt": -1, "_id": 1 })
            .projection(doc! { "_id": 0, "phone": 1, "note": 1, "createdAt": 1 })
            .skip(skip)
            .limit(limit)
            .await?;
        Ok((cursor.try_collect().await?, total))
    }

    /// Returns all phone numbers of a list, in E.164 form.
    pub async fn all_listed(&self, list: List, tenant: ObjectId) -> Result<HashSet<String>, Fault> {
        let mut found = self
            .collection(collection(list))
            .await?
            .find(doc! { "tenantId": tenant })
            .projection(doc! { "phone": 1 })
            .await?;
        let mut listed = HashSet::new();
        while let Some(entry) = found.try_next().await? {
            listed.extend(entry.get_str("phone").ok().map(str::to_owned));
        }
        Ok(listed)
    }

    /// Returns those of the phone numbers that are on the list. `numbers` must be in E.164 form.
    pub async fn listed(
        &self,
        list: List,
        tenant: ObjectId,
        numbers: &[String],
    ) -> Result<HashSet<String>, Fault> {
        let mut listed = HashSet::new();
        let stored = self.collection(collection(list)).await?;
        for chunk in numbers.chunks(MAX_IDS_PER_QUERY) {
            let ids: Vec<String> = chunk.iter().map(|number| id(tenant, number)).collect();
            let mut found = stored
                .find(doc! { "_id": { "$in": ids } })
                .projection(doc! { "phone": 1 })
                .await?;
            while let Some(entry) = found.try_next().await? {
                listed.extend(entry.get_str("phone").ok().map(str::to_owned));
            }
        }
        Ok(listed)
    }
}

/// Returns the number of documents that an unordered insert skipped because their `_id` already existed. `None` if the
/// insert also failed for another reason.
fn already_there(error: &Error) -> Option<usize> {
    let ErrorKind::InsertMany(failed) = error.kind.as_ref() else {
        return None;
    };
    let errors = failed.write_errors.as_deref().unwrap_or_default();
    let only =
        failed.write_concern_error.is_none() && errors.iter().all(|e| e.code == DUPLICATE_KEY);
    (only && !errors.is_empty()).then_some(errors.len())
}
