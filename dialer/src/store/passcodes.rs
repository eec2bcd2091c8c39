//! Storage of invite codes. Each use of a code is a document with the `_id` `<code>:<slot>`, so that only one of
//! several concurrent users can take the last slot. The codes are in the collection `passcodes` of the legacy server.
//! This application does not increment their field `currentUses`.

use std::collections::{HashMap, HashSet};

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};
use futures::TryStreamExt;
use sha2::{Digest, Sha256};

use super::database::Store;
use super::fault::{Fault, Reason};
use super::numbers::number;
use crate::domain::passcode::{InviteCode, InviteRefusal, InviteSpec};

const NAME: &str = "passcodes";
const USES: &str = "passcodeuses";

/// Maximum number of codes that are returned as a list.
const MAX_LISTED: i64 = 500;

/// A use of an invite code, reserved for one registration. Contains the `_id` of the stored use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteUse(String);

/// Parses the document of a code. Returns `None` if `_id` or `code` is missing or has the wrong type.
fn passcode(document: &Document) -> Option<InviteCode> {
    let time = |field: &str| {
        let at = document.get_datetime(field).ok();
        at.map(|at| at.timestamp_millis())
    };
    let description = document.get_str("description").ok();
    Some(InviteCode {
        id: document.get_object_id("_id").ok()?,
        code: document.get_str("code").ok()?.to_owned(),
        is_active: document.get_bool("isActive").unwrap_or(false),
        max_uses: number(document.get("maxUses")).unwrap_or(1),
        old_uses: number(document.get("currentUses")).unwrap_or(0),
        taken: 0,
        created_by: document.get_object_id("createdBy").ok(),
        created_ms: time("createdAt"),
        expires_ms: time("expiresAt"),
        description: description.map(str::to_owned),
    })
}

/// Derives the `_id` of a new document from the code. Of concurrent inserts of the same code, only one succeeds, even
/// without an index.
fn id_of(code: &str) -> ObjectId {
    let digest = Sha256::digest(format!("passcode:{code}"));
    let mut id = [0_u8; 12];
    id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    ObjectId::from_bytes(id)
}

impl Store {
    /// Returns a code with the number of its uses; `None` if it does not exist. `code` must be normalised.
    pub async fn passcode(&self, code: &str) -> Result<Option<InviteCode>, Fault> {
        let passcodes = self.collection(NAME).await?;
        let found = passcodes.find_one(doc! { "code": code }).await?;
        let Some(mut found) = found.as_ref().and_then(passcode) else {
            return Ok(None);
        };
        let uses = self.collection(USES).await?;
        let taken = uses.count_documents(doc! { "code": code }).await?;
        found.taken = i64::try_from(taken).unwrap_or(i64::MAX);
        Ok(Some(found))
    }

    /// Returns the newest codes, each with the number of its uses, at most 500.
    pub async fn passcodes(&self) -> Result<Vec<InviteCode>, Fault> {
        let newest = self
            .collection(NAME)
            .await?
            .find(doc! {})
            .sort(doc! { "createdAt": -1, "_id": -1 })
            .limit(MAX_LISTED)
            .await?;
        let documents: Vec<Document> = newest.try_collect().await?;
        let mut found: Vec<InviteCode> = documents.iter().filter_map(passcode).collect();
        let codes: Vec<&str> = found.iter().map(|p| p.code.as_str()).collect();
        let mut uses = self
            .collection(USES)
            .await?
            .find(doc! { "code": { "$in": codes } })
            .projection(doc! { "code": 1 })
            .await?;
        let mut taken: HashMap<String, i64> = HashMap::new();
        while let Some(one) = uses.try_next().await? {
            if let Ok(code) = one.get_str("code") {
                *taken.entry(code.to_owned()).or_default() += 1;
            }
        }
        for passcode in &mut found {
            passcode.taken = taken.get(&passcode.code).copied().unwrap_or(0);
        }
        Ok(found)
    }

    /// Stores a new code. `code` must be normalised.
    ///
    /// # Errors
    /// Returns `DuplicateKey` if the code already exists. Of concurrent calls with the same code, only one succeeds.
    /// Any other reason is a database failure.
    pub async fn insert_passcode(
        &self,
        code: &str,
        wanted: &InviteSpec,
        by: ObjectId,
        now_ms: i64,
    ) -> Result<InviteCode, Fault> {
        let passcodes = self.collection(NAME).await?;
        // A code of the legacy server has a random `_id`, so the insert alone would not detect it.
        if passcodes.find_one(doc! { "code": code }).await?.is_some() {
            return Err(Fault::new(Reason::DuplicateKey));
        }
        let now = DateTime::from_millis(now_ms);
        let id = id_of(code);
        let expires = wanted.expires_ms.map(DateTime::from_millis);
        let mut document = doc! {
            "_id": id, "code": code, "isActive": true, "maxUses": wanted.max_uses, "currentUses": 0,
            "createdBy": by, "expiresAt": expires.map_or(Bson::Null, Bson::DateTime),
            "createdAt": now, "updatedAt": now, "__v": 0,
        };
        if let Some(description) = &wanted.description {
            document.insert("description", description);
        }
        passcodes.insert_one(document).await?;
        Ok(InviteCode {
            id,
            code: code.to_owned(),
            is_active: true,
            max_uses: wanted.max_uses,
            old_uses: 0,
            taken: 0,
            created_by: Some(by),
            created_ms: Some(now_ms),
            expires_ms: wanted.expires_ms,
            description: wanted.description.clone(),
        })
    }

    /// Deactivates a code and returns its text. Returns `None` if there is no code with this id.
    pub async fn deactivate_passcode(&self, id: ObjectId) -> Result<Option<String>, Fault> {
        let Some(code) = self.code_of(id).await? else {
            return Ok(None);
        };
        let passcodes = self.collection(NAME).await?;
        let off = doc! { "$set": { "isActive": false, "updatedAt": DateTime::now() } };
        let changed = passcodes.update_one(doc! { "_id": id }, off).await?;
        Ok((changed.matched_count > 0).then_some(code))
    }

    /// Deletes a code and its uses, and returns its text. Returns `None` if there is no code with this id. A new code
    /// with the same text starts without uses.
    pub async fn delete_passcode(&self, id: ObjectId) -> Result<Option<String>, Fault> {
        let Some(code) = self.code_of(id).await? else {
            return Ok(None);
        };
        let passcodes = self.collection(NAME).await?;
        if passcodes
            .delete_one(doc! { "_id": id })
            .await?
            .deleted_count
            == 0
        {
            return Ok(None);
        }
        let uses = self.collection(USES).await?;
        uses.delete_many(doc! { "code": &code }).await?;
        Ok(Some(code))
    }

    async fn code_of(&self, id: ObjectId) -> Result<Option<String>, Fault> {
        let passcodes = self.collection(NAME).await?;
        let found = passcodes.find_one(doc! { "_id": id }).await?;
        Ok(found.map(|code| code.get_str("code").unwrap_or_default().to_owned()))
    }

    /// Takes one use of a code. `code` must be normalised.
    ///
    /// # Errors
    /// The outer error is a database failure. The inner error is the reason why the code cannot be used.
    pub async fn take_passcode(
        &self,
        code: &str,
        now_ms: i64,
    ) -> Result<Result<InviteUse, InviteRefusal>, Fault> {
        let passcodes = self.collection(NAME).await?;
        let found = passcodes.find_one(doc! { "code": code }).await?;
        let Some(passcode) = found.as_ref().and_then(passcode) else {
            return Ok(Err(InviteRefusal::Unknown));
        };
        let places = match passcode.places(now_ms) {
            Ok(places) => places,
            Err(refused) => return Ok(Err(refused)),
        };
        let uses = self.collection(USES).await?;
        let taken = self.taken_places(code).await?;
        let free = (0..places).map(|place| format!("{code}:{place}"));
        for id in free.filter(|id| !taken.contains(id)) {
            let document =
                doc! { "_id": &id, "code": code, "createdAt": DateTime::from_millis(now_ms) };
            match uses.insert_one(document).await.map_err(Fault::from) {
                Ok(_) => return Ok(Ok(InviteUse(id))),
                Err(fault) if fault.reason == Reason::DuplicateKey => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(Err(InviteRefusal::UsedUp))
    }

    /// Returns the `_id`s of all uses of a code. They serve only to skip inserts that would fail. The insert decides
    /// whether a slot is free.
    async fn taken_places(&self, code: &str) -> Result<HashSet<String>, Fault> {
        let uses = self.collection(USES).await?;
        let mut found = uses.find(doc! { "code": code }).await?;
        let mut taken = HashSet::new();
        while let Some(one) = found.try_next().await? {
            taken.extend(one.get_str("_id").ok().map(str::to_owned));
        }
        Ok(taken)
    }

    /// Releases a use of a code, for example after the registration has failed.
    pub async fn release_passcode(&self, taken: &InviteUse) -> Result<(), Fault> {
        let uses = self.collection(USES).await?;
        uses.delete_one(doc! { "_id": &taken.0 }).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_documents_are_read_whatever_they_lack_or_hold() {
        let id = ObjectId::new();
        let sparse = passcode(&doc! { "_id": id, "code": "ABC123" }).unwrap();
        assert!(!sparse.is_active);
        assert_eq!((sparse.max_uses, sparse.old_uses), (1, 0));
        let shell = doc! {
            "_id": id, "code": "ABC123", "isActive": true, "maxUses": 3.0, "currentUses": 2.0,
            "expiresAt": Bson::Null,
        };
        assert_eq!(passcode(&shell).unwrap().places(0), Ok(1));
        assert_eq!(passcode(&doc! { "_id": id }), None);
        assert_eq!(passcode(&doc! { "_id": "x", "code": "ABC123" }), None);
    }

    #[test]
    fn one_code_has_one_id() {
        assert_eq!(id_of("ABC123"), id_of("ABC123"));
        assert_ne!(id_of("ABC123"), id_of("ABC124"));
    }
}
