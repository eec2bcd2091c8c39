//! The collection `settings`, with one document per user. The `_id` is the user's id. Documents of the legacy server
//! have a random `_id` and the user's id in the field `user`; they are read and updated in place.

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};

use super::database::Store;
use super::fault::{Fault, Reason};

const NAME: &str = "settings";

impl Store {
    /// Returns the stored settings of a user; an empty document if there are none.
    pub async fn settings(&self, user: ObjectId) -> Result<Document, Fault> {
        let settings = self.collection(NAME).await?;
        for wanted in [doc! { "_id": user }, doc! { "user": user }] {
            if let Some(found) = settings.find_one(wanted).await? {
                return Ok(found);
            }
        }
        Ok(Document::new())
    }

    /// Sets fields of a user's settings by path. Returns all settings of the user after the change.
    pub async fn set_settings(&self, user: ObjectId, set: Document) -> Result<Document, Fault> {
        let settings = self.collection(NAME).await?;
        let now = DateTime::now();
        let mut there = self.settings(user).await?;
        if there.is_empty() {
            let first =
                doc! { "_id": user, "user": user, "createdAt": now, "updatedAt": now, "__v": 0 };
            match settings.insert_one(first).await.map_err(Fault::from) {
                Ok(_) => {}
                // A concurrent request has created the document.
                Err(fault) if fault.reason == Reason::DuplicateKey => {}
                Err(fault) => return Err(fault),
            }
            there = self.settings(user).await?;
        }
        let id = there.get("_id").cloned().unwrap_or(Bson::ObjectId(user));
        let mut set = set;
        set.insert("updatedAt", now);
        settings
            .update_one(doc! { "_id": id }, doc! { "$set": set })
            .await?;
        self.settings(user).await
    }
}
