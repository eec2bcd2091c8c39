//! Administration of user accounts. An account is disabled while the collection `disabledusers` contains a document
//! with its `_id`. The state is stored separately, so that a concurrent write to the account cannot overwrite it.

use std::collections::{HashMap, HashSet};

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::TryStreamExt;

use super::collections::{CREDENTIALS, USERS};
use super::database::Store;
use super::fault::{Fault, Reason};
use super::users::{User, identity};

const DISABLED: &str = "disabledusers";

/// A user account as it is listed for administrators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAccount {
    pub user: User,
    pub disabled: bool,
    /// Time of creation, in milliseconds since 1970; `None` if it is not stored.
    pub created_ms: Option<i64>,
}

impl Store {
    /// Returns a page of all accounts, oldest first, and the total number of accounts.
    pub async fn users(
        &self,
        (skip, limit): (u64, i64),
    ) -> Result<(Vec<ListedAccount>, u64), Fault> {
        let users = self.collection(USERS).await?;
        let mut fields = identity();
        fields.insert("createdAt", 1);
        let found = users
            .find(doc! {})
            .projection(fields)
            .sort(doc! { "_id": 1 })
            .skip(skip)
            .limit(limit)
            .await?;
        let found: Vec<Document> = found.try_collect().await?;
        let total = users.count_documents(doc! {}).await?;
        let all: Vec<User> = found.iter().filter_map(User::from_document).collect();
        let disabled = self.disabled_among(all.iter().map(|user| user.id)).await?;
        let created = found.iter().filter_map(|document| {
            let id = document.get_object_id("_id").ok()?;
            Some((id, document.get_datetime("createdAt").ok()?))
        });
        let created: HashMap<ObjectId, &DateTime> = created.collect();
        let listed = all.into_iter().map(|user| ListedAccount {
            disabled: disabled.contains(&user.id),
            created_ms: created.get(&user.id).map(|at| at.timestamp_millis()),
            user,
        });
        Ok((listed.collect(), total))
    }

    /// Returns the accounts with these ids, in any order. Ids without an account are omitted.
    pub async fn users_by_id(&self, ids: &[ObjectId]) -> Result<Vec<User>, Fault> {
        let found = self
            .collection(USERS)
            .await?
            .find(doc! { "_id": { "$in": ids } })
            .projection(identity())
            .await?;
        let found: Vec<Document> = found.try_collect().await?;
        Ok(found.iter().filter_map(User::from_document).collect())
    }

    /// Returns true if there is an administrator other than `but` whose account is not disabled.
    pub async fn another_administrator(&self, but: ObjectId) -> Result<bool, Fault> {
        let found = self
            .collection(USERS)
            .await?
            .find(doc! { "role": "admin", "_id": { "$ne": but } })
            .projection(doc! { "_id": 1 })
            .await?;
        let found: Vec<Document> = found.try_collect().await?;
        let ids: HashSet<ObjectId> = found
            .iter()
            .filter_map(|user| user.get_object_id("_id").ok())
            .collect();
        let disabled = self.disabled_among(ids.iter().copied()).await?;
        Ok(ids.len() > disabled.len())
    }

    /// Sets the role of an account. Returns false if the account does not exist.
    pub async fn set_role(&self, id: ObjectId, role: &str) -> Result<bool, Fault> {
        let users = self.collection(USERS).await?;
        let update = doc! { "$set": { "role": role, "updatedAt": DateTime::now() } };
        let changed = users.update_one(doc! { "_id": id }, update).await?;
        Ok(changed.matched_count > 0)
    }

    /// Returns true if the account is disabled, so that its owner cannot sign in.
    pub async fn is_disabled(&self, id: ObjectId) -> Result<bool, Fault> {
        let disabled = self.collection(DISABLED).await?;
        Ok(disabled.find_one(doc! { "_id": id }).await?.is_some())
    }

    async fn disabled_among(
        &self,
        ids: impl Iterator<Item = ObjectId>,
    ) -> Result<HashSet<ObjectId>, Fault> {
        let ids: Vec<ObjectId> = ids.collect();
        self.disabled(doc! { "_id": { "$in": ids } }).await
    }

    async fn disabled(&self, which: Document) -> Result<HashSet<ObjectId>, Fault> {
        let found = self.collection(DISABLED).await?.find(which).await?;
        let found: Vec<Document> = found.try_collect().await?;
        let ids = found.iter().filter_map(|one| one.get_object_id("_id").ok());
        Ok(ids.collect())
    }

    /// Disables an account on behalf of the administrator `by`. Does not end existing sessions; call
    /// [`Store::end_access`] afterwards. Idempotent.
    pub async fn disable_user(&self, id: ObjectId, by: ObjectId) -> Result<(), Fault> {
        let document = doc! { "_id": id, "by": by, "createdAt": DateTime::now() };
        let disabled = self.collection(DISABLED).await?;
        match disabled.insert_one(document).await.map_err(Fault::from) {
            Err(fault) if fault.reason != Reason::DuplicateKey => Err(fault),
            _ => Ok(()),
        }
    }

    /// Enables a disabled account, so that its owner can sign in. Idempotent.
    pub async fn enable_user(&self, id: ObjectId) -> Result<(), Fault> {
        let disabled = self.collection(DISABLED).await?;
        disabled.delete_one(doc! { "_id": id }).await?;
        Ok(())
    }

    /// Ends all sessions of the account, deletes its reset links and deactivates its vendor credentials.
    pub async fn end_access(&self, id: ObjectId) -> Result<(), Fault> {
        self.delete_sessions(id, None).await?;
        self.delete_resets(id).await?;
        let credentials = self.collection(CREDENTIALS).await?;
        let off = doc! { "$set": { "active": false } };
        credentials
            .update_many(doc! { "tenantId": id, "active": true }, off)
            .await?;
        Ok(())
    }

    /// Ends the access of all disabled accounts. This completes the work of requests that disabled an account and were
    /// then interrupted. Returns the number of disabled accounts.
    pub async fn settle_disabled(&self) -> Result<u64, Fault> {
        let mut settled = 0;
        for id in self.disabled(doc! {}).await? {
            self.end_access(id).await?;
            settled += 1;
        }
        Ok(settled)
    }
}
