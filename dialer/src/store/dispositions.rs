//! The `dispositions` collection: the defaults, and each user's own.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::TryStreamExt;
use mongodb::options::ReturnDocument;

use super::database::Store;
use super::fault::{Fault, Reason};
use super::numbers::number;
use crate::domain::dispositions::{DEFAULTS, DispositionEdit, GHOST};

const NAME: &str = "dispositions";

/// Maximum length of a list.
const MAX_LISTED: i64 = 500;

/// Dispositions that an operation may affect.
#[derive(Debug, Clone, Copy)]
pub enum DispositionScope {
    /// The defaults and the user's own.
    Usable(ObjectId),
    /// The user's own.
    Own(ObjectId),
    /// The user's own and the defaults, for administrators.
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
    /// Dispositions: defaults first, then by place and name.
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

    /// A disposition by id.
    pub async fn disposition(
        &self,
        whose: DispositionScope,
        id: ObjectId,
    ) -> Result<Option<Document>, Fault> {
        let found = self.collection(NAME).await?.find_one(whose.one(id)).await?;
        Ok(found)
    }

    /// Creates a disposition of the user's own; `None` if a visible one has the name.
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
            // The old server's index makes names unique across users; `migrate --contract` drops it.
            Err(error) => match Fault::from(error) {
                fault if fault.reason == Reason::DuplicateKey => Ok(None),
                fault => Err(fault),
            },
        }
    }

    /// True if another disposition that the user can see has this name.
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

    /// Sets fields of a disposition; `None` if there is no such disposition.
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

    /// Deletes a disposition; false if there is no such disposition.
    pub async fn delete_disposition(
        &self,
        whose: DispositionScope,
        id: ObjectId,
    ) -> Result<bool, Fault> {
        let dispositions = self.collection(NAME).await?;
        Ok(dispositions.delete_one(whose.one(id)).await?.deleted_count > 0)
    }

    /// Missing defaults: name, colour and place.
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

    /// Creates missing defaults in this user's name; returns them.
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

/// A disposition in the format of the old schema.
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
