//! The collection `dispositions`. It contains the default dispositions and those that users created.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::TryStreamExt;
use mongodb::options::ReturnDocument;

use super::database::Store;
use super::fault::{Fault, Reason};
use super::numbers::number;
use crate::domain::dispositions::{DEFAULTS, DispositionEdit, GHOST};

const NAME: &str = "dispositions";

/// Maximum number of dispositions that are returned as a list.
const MAX_LISTED: i64 = 500;

/// Set of dispositions that an operation may read or change. The id is that of the user.
#[derive(Debug, Clone, Copy)]
pub enum DispositionScope {
    /// The default dispositions and those that the user created. Used for reading.
    Usable(ObjectId),
    /// The dispositions that the user created, without defaults. Used for changes by users who are not administrators.
    Own(ObjectId),
    /// The default dispositions and those that the user created. Used for changes by administrators.
    OwnOrDefault(ObjectId),
}

impl DispositionScope {
    fn filter(self) -> Document {
        match self {
            Self::Own(user) => doc! { "createdBy": user, "isDefault": { "$ne": true } },
            Self::Usable(user) | Self::OwnOrDefault(user) => {
                doc! { "$or": [{ "isDefault": true }, { "createdBy": user }] }
            }
        }
    }

    fn one(self, id: ObjectId) -> Document {
        doc! { "$and": [{ "_id": id }, self.filter()] }
    }
}

impl Store {
    /// Returns the dispositions in a scope, at most 500: defaults first, then by `sortOrder` and name.
    pub async fn dispositions(&self, whose: DispositionScope) -> Result<Vec<Document>, Fault> {
        let found = self
            .collection(NAME)
            .await?
            .find(whose.filter())
            .sort(doc! { "isDefault": -1, "sortOrder": 1, "name": 1 })
            .limit(MAX_LISTED)
            .await?;
        Ok(found.try_collect().await?)
    }

    /// Returns a disposition by its id; `None` if it does not exist in the scope.
    pub async fn disposition(
        &self,
        whose: DispositionScope,
        id: ObjectId,
    ) -> Result<Option<Document>, Fault> {
        let found = self.collection(NAME).await?.find_one(whose.one(id)).await?;
        Ok(found)
    }

    /// Creates a disposition that belongs to the user. Returns `None` if the user can already see a disposition with
    /// this name, or if the legacy server's index rejects the name because another user has it.
    pub async fn insert_disposition(
        &self,
        user: ObjectId,
        name: &str,
        color: &str,
        emoji: &str,
    ) -> Result<Option<Document>, Fault> {
        if self.name_is_used(user, name, None).await? {
            return Ok(None);
        }
        let usable = self.dispositions(DispositionScope::Usable(user)).await?;
        let places = usable.iter().filter_map(|d| number(d.get("sortOrder")));
        let next = places.max().map_or(0, |last| last.saturating_add(1));
        let made = document(user, (name, color, emoji), next, false);
        match self.collection(NAME).await?.insert_one(&made).await {
            Ok(_) => Ok(Some(made)),
            // The legacy server's index makes names unique across all users, so an insert may fail. `migrate --contract`
            // drops it.
            Err(error) => match Fault::from(error) {
                fault if fault.reason == Reason::DuplicateKey => Ok(None),
                fault => Err(fault),
            },
        }
    }

    /// Returns true if a disposition that the user can see, other than `but`, has this name.
    pub async fn name_is_used(
        &self,
        user: ObjectId,
        name: &str,
        but: Option<ObjectId>,
    ) -> Result<bool, Fault> {
        let usable = self.dispositions(DispositionScope::Usable(user)).await?;
        Ok(usable.iter().any(|d| {
            d.get_object_id("_id").ok() != but && d.get_str("name").is_ok_and(|n| n == name)
        }))
    }

    /// Sets fields of a disposition and returns the changed document; `None` if it does not exist in the scope.
    pub async fn update_disposition(
        &self,
        whose: DispositionScope,
        id: ObjectId,
        change: &DispositionEdit,
    ) -> Result<Option<Document>, Fault> {
        let mut set = doc! { "updatedAt": DateTime::now() };
        for (field, value) in [
            ("name", &change.name),
            ("color", &change.color),
            ("emoji", &change.emoji),
        ] {
            if let Some(value) = value {
                set.insert(field, value);
            }
        }
        if let Some(place) = change.sort_order {
            set.insert("sortOrder", place);
        }
        let dispositions = self.collection(NAME).await?;
        let changed = dispositions
            .find_one_and_update(whose.one(id), doc! { "$set": set })
            .return_document(ReturnDocument::After)
            .await?;
        Ok(changed)
    }

    /// Deletes a disposition. Returns false if it does not exist in the scope.
    pub async fn delete_disposition(
        &self,
        whose: DispositionScope,
        id: ObjectId,
    ) -> Result<bool, Fault> {
        let dispositions = self.collection(NAME).await?;
        Ok(dispositions.delete_one(whose.one(id)).await?.deleted_count > 0)
    }

    /// Returns name, colour and `sortOrder` of each default disposition that the database does not contain.
    pub async fn missing_dispositions(
        &self,
    ) -> Result<Vec<(&'static str, &'static str, i32)>, Fault> {
        let defaults = doc! { "isDefault": true };
        let found = self.collection(NAME).await?.find(defaults).await?;
        let there: Vec<Document> = found.try_collect().await?;
        let has = |name: &str| there.iter().any(|d| d.get_str("name") == Ok(name));
        Ok(DEFAULTS
            .into_iter()
            .filter(|(name, ..)| !has(name))
            .collect())
    }

    /// Creates the missing default dispositions, with `user` as their creator. Returns the created documents.
    pub async fn seed_dispositions(&self, user: ObjectId) -> Result<Vec<Document>, Fault> {
        let dispositions = self.collection(NAME).await?;
        let mut made = Vec::new();
        for (name, color, place) in self.missing_dispositions().await? {
            let emoji = if name == GHOST.0 { GHOST.1 } else { "" };
            let default = document(user, (name, color, emoji), i64::from(place), true);
            dispositions.insert_one(&default).await?;
            made.push(default);
        }
        Ok(made)
    }
}

/// Builds the document of a new disposition, in the format of the legacy schema.
fn document(
    user: ObjectId,
    (name, color, emoji): (&str, &str, &str),
    place: i64,
    is_default: bool,
) -> Document {
    let now = DateTime::now();
    doc! {
        "_id": ObjectId::new(), "name": name, "color": color, "isDefault": is_default, "createdBy": user,
        "sortOrder": place, "emoji": emoji, "createdAt": now, "updatedAt": now, "__v": 0,
    }
}
