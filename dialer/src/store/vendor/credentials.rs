//! The collection `nextgencredentials`. The current credential of a tenant is the active one with the highest
//! `generation`. A rotation inserts a credential with the next generation. The `_id` is derived from the generation, so
//! only one of several concurrent rotations succeeds. Documents of the legacy server have no generation and contain the
//! key in plain text, and a tenant may have several active ones. The fields `active` and `rotatedAt` are also written
//! for the legacy server.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::TryStreamExt;

use crate::domain::ids;
use crate::security::keyring;
use crate::store::collections::CREDENTIALS;
use crate::store::database::Store;
use crate::store::fault::{Fault, Reason};
use crate::store::numbers::number;

/// Maximum number of credentials that [`Store::credential_rows`] returns. A tenant has far fewer active credentials.
const MAX_ROWS: i64 = 100;

/// A stored vendor credential of a tenant.
#[derive(Clone)]
pub struct CredentialRow {
    pub id: ObjectId,
    pub tenant: ObjectId,
    pub sid: String,
    /// The key, encrypted. In documents of the legacy server it is plain text.
    pub api_key: String,
    /// Keyed hash of id and key; `None` if the key is stored in plain text.
    pub key_hash: Option<String>,
    /// Number that increases by one with each rotation; 0 in documents of the legacy server.
    pub generation: i64,
    /// Time of creation, in milliseconds since 1970.
    pub created_ms: i64,
}

impl std::fmt::Debug for CredentialRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CredentialRow")
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

/// An encrypted credential to insert. `sealed` is the encrypted key, and `key_id` names the key that encrypted it.
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
    /// Returns the active credentials that may match a request, at most 100: those with this `sid`, and those with one
    /// of the keyed hashes.
    pub async fn vendor_rows(
        &self,
        sid: &str,
        hashes: &[String],
    ) -> Result<Vec<CredentialRow>, Fault> {
        let any = vec![doc! { "sid": sid }, doc! { "keyHash": { "$in": hashes } }];
        self.credential_rows(doc! { "active": true, "$or": any })
            .await
    }

    /// Returns the active credentials of a tenant, the current one first, at most 100.
    pub async fn tenant_credentials(&self, tenant: ObjectId) -> Result<Vec<CredentialRow>, Fault> {
        self.credential_rows(doc! { "tenantId": tenant, "active": true })
            .await
    }

    async fn credential_rows(&self, wanted: Document) -> Result<Vec<CredentialRow>, Fault> {
        let credentials = self.collection(CREDENTIALS).await?;
        // The newest are read first.
        let newest = doc! { "generation": -1, "createdAt": -1, "_id": -1 };
        let cursor = credentials.find(wanted).sort(newest).limit(MAX_ROWS);
        let rows: Vec<Document> = cursor.await?.try_collect().await?;
        Ok(rows
            .iter()
            .filter_map(CredentialRow::from_document)
            .collect())
    }

    /// Returns true if the tenant has an active credential with a higher generation than `row`.
    pub async fn is_superseded(&self, row: &CredentialRow) -> Result<bool, Fault> {
        let newer = doc! { "tenantId": row.tenant, "active": true, "generation": { "$gt": row.generation } };
        let credentials = self.collection(CREDENTIALS).await?;
        let found = credentials.find_one(newer).projection(doc! { "_id": 1 });
        Ok(found.await?.is_some())
    }

    /// Returns the highest generation among a tenant's credentials; 0 if none has a generation.
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

    /// Inserts a credential. Returns false if the tenant already has a credential with this generation.
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

    /// Marks the active credentials of a tenant as inactive, except those with the highest generation among them.
    /// Idempotent.
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

    /// Returns active credentials whose key is encrypted with one of the encryption keys `key_ids`, at most 100.
    pub async fn credentials_under(&self, key_ids: &[&str]) -> Result<Vec<CredentialRow>, Fault> {
        let ids: Vec<&str> = key_ids.to_vec();
        self.credential_rows(doc! { "keyId": { "$in": ids }, "active": true })
            .await
    }

    /// Returns all credentials whose key is stored in plain text.
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

    /// Returns active credentials whose key is encrypted, at most 100.
    pub async fn sealed_credentials(&self) -> Result<Vec<CredentialRow>, Fault> {
        let mut rows = self
            .credential_rows(doc! { "active": true, "keyHash": { "$exists": true } })
            .await?;
        rows.retain(|row| keyring::is_sealed(&row.api_key));
        Ok(rows)
    }

    /// Replaces the stored key of a credential by the encrypted key `sealed`. Does nothing if the stored key has
    /// changed since `row` was read.
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
