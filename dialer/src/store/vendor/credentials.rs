//! The `nextgencredentials` collection. Which pair is in force is not a flag that two requests could set against each
//! other, but follows from what is there: the highest `generation` of a tenant. A rotation is one insert at the next
//! generation, whose `_id` says so; of any number at once one succeeds. `active` and `rotatedAt` are set besides, for
//! the old server and for people. Its own rows have no generation, a plain key, and as many active pairs as there are.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::TryStreamExt;

use crate::domain::ids;
use crate::security::keyring;
use crate::store::collections::CREDENTIALS;
use crate::store::database::Store;
use crate::store::fault::{Fault, Reason};
use crate::store::numbers::number;

/// The most rows looked at: a tenant of the old server has a handful.
const MAX_ROWS: i64 = 100;

/// One pair as stored.
#[derive(Clone)]
pub struct CredentialRow {
    pub id: ObjectId,
    pub tenant: ObjectId,
    pub sid: String,
    /// Sealed; plain in rows of the old server.
    pub api_key: String,
    /// The keyed hash of the pair, for what is sealed.
    pub key_hash: Option<String>,
    /// 0 for rows of the old server.
    pub generation: i64,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

impl std::fmt::Debug for CredentialRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl CredentialRow {
    fn from_document(row: &Document) -> Option<Self> {
        let id = row.get_object_id("_id").ok()?;
        let created = row
            .get_datetime("createdAt")
            .map(|at| at.timestamp_millis());
        Some(Self {
            id,
            tenant: row.get_object_id("tenantId").ok()?,
            sid: row.get_str("sid").ok()?.to_owned(),
            api_key: row.get_str("apiKey").ok()?.to_owned(),
            key_hash: row.get_str("keyHash").ok().map(str::to_owned),
            generation: number(row.get("generation")).unwrap_or(0),
            created_ms: created.unwrap_or_else(|_| id.timestamp().timestamp_millis()),
        })
    }
}

/// A pair to store, sealed.
#[derive(Debug)]
pub struct NewCredential<'a> {
    pub tenant: ObjectId,
    pub generation: i64,
    pub sid: &'a str,
    pub sealed: &'a str,
    pub key_id: &'a str,
    pub key_hash: &'a str,
}

impl Store {
    /// Active rows that a pair may be: by its `sid`, or by one of its keyed hashes.
    pub async fn vendor_rows(
        &self,
        sid: &str,
        hashes: &[String],
    ) -> Result<Vec<CredentialRow>, Fault> {
        let any = vec![doc! { "sid": sid }, doc! { "keyHash": { "$in": hashes } }];
        self.credential_rows(doc! { "active": true, "$or": any })
            .await
    }

    /// A tenant's active rows; the pair in force is among them.
    pub async fn tenant_credentials(&self, tenant: ObjectId) -> Result<Vec<CredentialRow>, Fault> {
        self.credential_rows(doc! { "tenantId": tenant, "active": true })
            .await
    }

    async fn credential_rows(&self, wanted: Document) -> Result<Vec<CredentialRow>, Fault> {
        let credentials = self.collection(CREDENTIALS).await?;
        // The newest of them: only an old row can have that many beside it.
        let newest = doc! { "generation": -1, "createdAt": -1, "_id": -1 };
        let cursor = credentials.find(wanted).sort(newest).limit(MAX_ROWS);
        let rows: Vec<Document> = cursor.await?.try_collect().await?;
        Ok(rows
            .iter()
            .filter_map(CredentialRow::from_document)
            .collect())
    }

    /// True if a newer pair of the tenant is in force.
    pub async fn is_superseded(&self, row: &CredentialRow) -> Result<bool, Fault> {
        let newer = doc! { "tenantId": row.tenant, "active": true, "generation": { "$gt": row.generation } };
        let credentials = self.collection(CREDENTIALS).await?;
        let found = credentials.find_one(newer).projection(doc! { "_id": 1 });
        Ok(found.await?.is_some())
    }

    /// The highest generation that a tenant ever had; 0 if none.
    pub async fn newest_generation(&self, tenant: ObjectId) -> Result<i64, Fault> {
        let credentials = self.collection(CREDENTIALS).await?;
        let newest = credentials
            .find_one(doc! { "tenantId": tenant, "generation": { "$gt": 0 } })
            .sort(doc! { "generation": -1 })
            .projection(doc! { "generation": 1 })
            .await?;
        let generation = newest.and_then(|row| number(row.get("generation")));
        Ok(generation.unwrap_or(0))
    }

    /// Stores a pair at its generation. False where there is one already.
    pub async fn insert_credential(&self, new: &NewCredential<'_>) -> Result<bool, Fault> {
        let (tenant, place) = (new.tenant.to_hex(), new.generation.to_string());
        let row = doc! {
            "_id": ids::derived(&["credential", &tenant, &place]),
            "tenantId": new.tenant,
            "sid": new.sid,
            "apiKey": new.sealed,
            "keyId": new.key_id,
            "keyHash": new.key_hash,
            "generation": new.generation,
            "active": true,
            "createdAt": DateTime::now(),
            "__v": 0,
        };
        let credentials = self.collection(CREDENTIALS).await?;
        match credentials.insert_one(row).await.map_err(Fault::from) {
            Ok(_) => Ok(true),
            Err(fault) if fault.reason == Reason::DuplicateKey => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Marks what is superseded already. However often, and by whomever, it never marks the pair in force.
    pub async fn retire_credentials(&self, tenant: ObjectId) -> Result<(), Fault> {
        let rows = self.tenant_credentials(tenant).await?;
        let newest = rows.iter().map(|row| row.generation).max().unwrap_or(0);
        let credentials = self.collection(CREDENTIALS).await?;
        for row in rows.iter().filter(|row| row.generation < newest) {
            let mark = doc! { "$set": { "active": false, "rotatedAt": DateTime::now() } };
            credentials.update_one(doc! { "_id": row.id }, mark).await?;
        }
        Ok(())
    }

    /// Active rows that are sealed under one of these keys.
    pub async fn credentials_under(&self, key_ids: &[&str]) -> Result<Vec<CredentialRow>, Fault> {
        let ids: Vec<&str> = key_ids.to_vec();
        self.credential_rows(doc! { "keyId": { "$in": ids }, "active": true })
            .await
    }

    /// All pairs that lie in plain text, in force or not.
    pub async fn plain_credentials(&self) -> Result<Vec<CredentialRow>, Fault> {
        let credentials = self.collection(CREDENTIALS).await?;
        let mut cursor = credentials.find(doc! {}).sort(doc! { "_id": 1 }).await?;
        let mut plain = Vec::new();
        while let Some(document) = cursor.try_next().await? {
            let row = CredentialRow::from_document(&document);
            plain.extend(row.filter(|row| !keyring::is_sealed(&row.api_key)));
        }
        Ok(plain)
    }

    /// The newest active pairs that are sealed.
    pub async fn sealed_credentials(&self) -> Result<Vec<CredentialRow>, Fault> {
        let mut rows = self
            .credential_rows(doc! { "active": true, "keyHash": { "$exists": true } })
            .await?;
        rows.retain(|row| keyring::is_sealed(&row.api_key));
        Ok(rows)
    }

    /// Replaces how a row is sealed, unless somebody did.
    pub async fn reseal_credential(
        &self,
        row: &CredentialRow,
        sealed: &str,
        (key_id, key_hash): (&str, &str),
    ) -> Result<(), Fault> {
        let credentials = self.collection(CREDENTIALS).await?;
        let unchanged = doc! { "_id": row.id, "apiKey": &row.api_key };
        let set = doc! { "apiKey": sealed, "keyId": key_id, "keyHash": key_hash };
        credentials
            .update_one(unchanged, doc! { "$set": set })
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_rows_are_read_whatever_they_lack_and_show_no_key() {
        let (id, tenant) = (ObjectId::new(), ObjectId::new());
        let old = doc! { "_id": id, "tenantId": tenant, "sid": "crk_1", "apiKey": "key_1", "active": true };
        let row = CredentialRow::from_document(&old).unwrap();
        assert_eq!((row.generation, row.key_hash.as_deref()), (0, None));
        assert_eq!(row.created_ms, id.timestamp().timestamp_millis());
        assert!(!format!("{row:?}").contains("key_1"));
        assert!(
            CredentialRow::from_document(&doc! { "_id": id, "sid": "x", "apiKey": { "$ne": 1 } })
                .is_none()
        );
    }
}
