//! Database operations of the command `dialer migrate`.

use std::collections::BTreeSet;

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};
use futures::TryStreamExt;
use mongodb::IndexModel;
use mongodb::options::IndexOptions;

use super::collections::{CREDENTIALS, LEADS, USERS};
use super::database::Store;
use super::fault::{Fault, Reason};
use crate::domain::migrate::indexes::{self, ExistingIndex, Index};
use crate::domain::migrate::users::lowered;

/// MongoDB's error code for a collection that does not exist (`NamespaceNotFound` in `error_codes.yml`).
const NAMESPACE_NOT_FOUND: i32 = 26;

/// Collection that records irreversible migrations. It is separate from the collection `migrations`, because earlier
/// releases treat each document there as a lock.
const MARKS: &str = "migrationmarks";

/// `_id` of the document that records that the legacy server must never use the database again.
const CONTRACTED: &str = "contracted";

impl Store {
    /// Returns true if the legacy server must never use this database, because `dialer migrate --contract` has run or
    /// the database was empty when this application hashed its first password.
    pub async fn is_contracted(&self) -> Result<bool, Fault> {
        let marks = self.collection(MARKS).await?;
        Ok(marks.find_one(doc! { "_id": CONTRACTED }).await?.is_some())
    }

    /// Records that the legacy server must never use this database again. `why` is a reason for people who read the
    /// document. Idempotent.
    pub async fn mark_contracted(&self, why: &str) -> Result<(), Fault> {
        let mark = doc! { "_id": CONTRACTED, "why": why, "at": DateTime::now() };
        let marks = self.collection(MARKS).await?;
        match marks.insert_one(mark).await.map_err(Fault::from) {
            Err(fault) if fault.reason != Reason::DuplicateKey => Err(fault),
            _ => Ok(()),
        }
    }

    /// Returns true if the database contains no accounts, leads or vendor credentials.
    pub async fn is_fresh(&self) -> Result<bool, Fault> {
        for name in [USERS, LEADS, CREDENTIALS] {
            let any = self.collection(name).await?;
            let any = any.find_one(doc! {}).projection(doc! { "_id": 1 });
            if any.await?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Calls `see` with every stored vendor credential.
    pub async fn walk_credentials(&self, see: impl FnMut(&Document)) -> Result<(), Fault> {
        self.walk(CREDENTIALS, doc! {}, see).await
    }

    /// Calls `see` with every stored account. The documents contain neither the profile picture nor integration data.
    pub async fn walk_users(&self, see: impl FnMut(&Document)) -> Result<(), Fault> {
        let without = doc! { "profilePicture": 0, "groupMe": 0, "integrations": 0 };
        self.walk(USERS, without, see).await
    }

    /// Calls `see` with every stored lead. The documents do not contain import metadata, `formattedJson` or policy
    /// documents.
    pub async fn walk_leads(&self, see: impl FnMut(&Document)) -> Result<(), Fault> {
        let without = doc! { "notesMetadata": 0, "formattedJson": 0, "policyDocuments": 0 };
        self.walk(LEADS, without, see).await
    }

    async fn walk(
        &self,
        collection: &str,
        projection: Document,
        mut see: impl FnMut(&Document),
    ) -> Result<(), Fault> {
        let collection = self.collection(collection).await?;
        let mut cursor = collection
            .find(doc! {})
            .sort(doc! { "_id": 1 })
            .projection(projection)
            .await?;
        while let Some(document) = cursor.try_next().await? {
            see(&document);
        }
        Ok(())
    }

    /// Returns the existing indexes of all collections for which an index is wanted or unwanted.
    pub async fn indexes(&self) -> Result<Vec<ExistingIndex>, Fault> {
        let unwanted = indexes::UNWANTED.iter().map(|(index, _)| index);
        let names: BTreeSet<&str> = indexes::WANTED
            .iter()
            .chain(unwanted)
            .map(|index| index.collection)
            .collect();
        let mut present = Vec::new();
        for name in names {
            let listed = self.collection(name).await?.list_indexes().await;
            let models: Vec<IndexModel> = match listed.map_err(Fault::from) {
                Ok(cursor) => cursor.try_collect().await?,
                Err(fault) if fault.code == Some(NAMESPACE_NOT_FOUND) => continue,
                Err(fault) => return Err(fault),
            };
            present.extend(models.into_iter().map(|model| found(name, model)));
        }
        Ok(present)
    }

    /// Creates an index. The driver derives the name of the index from its keys.
    pub async fn make_index(&self, index: &Index) -> Result<(), Fault> {
        let options = index
            .unique
            .then(|| IndexOptions::builder().unique(true).build());
        let model = IndexModel::builder()
            .keys(index.keys())
            .options(options)
            .build();
        let collection = self.collection(index.collection).await?;
        collection.create_index(model).await?;
        Ok(())
    }

    /// Creates all missing indexes. Returns the indexes that could not be created, each with the error of the server.
    ///
    /// # Errors
    /// Returns an error if the existing indexes cannot be listed or the database is unavailable.
    pub async fn make_missing_indexes(&self) -> Result<Vec<(Index, Fault)>, Fault> {
        let mut failed = Vec::new();
        for index in indexes::missing(&self.indexes().await?) {
            if let Err(fault) = self.make_index(&index).await {
                if fault.reason.is_outage() {
                    return Err(fault);
                }
                failed.push((index, fault));
            }
        }
        Ok(failed)
    }

    /// Drops an index by its name.
    pub async fn drop_index(&self, index: &ExistingIndex) -> Result<(), Fault> {
        let collection = self.collection(&index.collection).await?;
        collection.drop_index(&index.name).await?;
        Ok(())
    }

    /// Sets `emailLower` on all accounts where it is missing or wrong. Returns the number of changed accounts.
    pub async fn lower_emails(&self) -> Result<u64, Fault> {
        let mut wrong = Vec::new();
        self.walk_users(|user| {
            let id = user.get("_id").cloned();
            let email = user.get_str("email").ok().map(str::to_owned);
            wrong.extend(id.zip(email).zip(lowered(user)));
        })
        .await?;
        let users = self.collection(USERS).await?;
        let mut changed = 0_u64;
        for ((id, email), lower) in wrong {
            // Only if the address is still the one that was read: a concurrent change of the address sets `emailLower`
            // itself.
            let same = doc! { "_id": id, "email": email };
            let set = doc! { "$set": { "emailLower": lower } };
            changed = changed.saturating_add(users.update_one(same, set).await?.matched_count);
        }
        Ok(changed)
    }

    /// Assigns all leads without an owner to a user. Returns the number of leads.
    pub async fn assign_unowned(&self, user: ObjectId) -> Result<u64, Fault> {
        let leads = self.collection(LEADS).await?;
        let given = leads
            .update_many(
                doc! { "tenantId": Bson::Null },
                doc! { "$set": { "tenantId": user } },
            )
            .await?;
        Ok(given.modified_count)
    }

    /// Returns the id of the administrator whose account was created first; `None` if there is no administrator.
    pub async fn first_administrator(&self) -> Result<Option<ObjectId>, Fault> {
        let users = self.collection(USERS).await?;
        let found = users
            .find_one(doc! { "role": "admin" })
            .sort(doc! { "createdAt": 1, "_id": 1 })
            .projection(doc! { "_id": 1 })
            .await?;
        Ok(found.and_then(|user| user.get_object_id("_id").ok()))
    }
}

fn found(collection: &str, model: IndexModel) -> ExistingIndex {
    let options = model.options.unwrap_or_default();
    ExistingIndex {
        collection: collection.to_owned(),
        name: options.name.unwrap_or_default(),
        keys: model.keys,
        unique: options.unique.unwrap_or(false),
        partial: options.partial_filter_expression.is_some(),
    }
}
