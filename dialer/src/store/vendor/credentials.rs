//! The `nextgencredentials` collection. The credential in force is not a flag, which concurrent requests could set
//! against each other: it is the one with a tenant's highest `generation`. A rotation inserts the next generation,
//! which determines the `_id`, so of concurrent rotations one succeeds. `active` and `rotatedAt` are also set, for the
//! old server and for people. Rows of the old server have no generation and a plain key, and several may be active.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::TryStreamExt;

use crate::domain::ids;
use crate::security::keyring;
use crate::store::collections::CREDENTIALS;
use crate::store::database::Store;
use crate::store::fault::{Fault, Reason};
use crate::store::numbers::number;

/// Maximum number of rows read: tenants of the old server have a handful.
const MAX_ROWS: i64 = 100;

/// A stored credential.
#[derive(Clone)]
pub struct CredentialRow {
    pub id: ObjectId,
    pub tenant: ObjectId,
    pub sid: String,
    /// Sealed; plain in rows of the old server.
    pub api_key: String,
    /// Keyed hash of a sealed credential.
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

/// A sealed credential to store.
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
    /// Active rows that may match a credential, by `sid` or keyed hash.
    pub async fn vendor_rows(
        &self,
        sid: &str,
        hashes: &[String],
    ) -> Result<Vec<CredentialRow>, Fault> {
        let any = vec![doc! { "sid": sid }, doc! { "keyHash": { "$in": hashes } }];
        self.credential_rows(doc! { "active": true, "$or": any })
            .await
    }

    /// A tenant's active rows, which include the one in force.
    pub async fn tenant_credentials(&self, tenant: ObjectId) -> Result<Vec<CredentialRow>, Fault> {
        self.credential_rows(doc! { "tenantId": tenant, "active": true })
            .await
    }

    async fn credential_rows(&self, wanted: Document) -> Result<Vec<CredentialRow>, Fault> {
        let credentials = self.collection(CREDENTIALS).await?;
        // The newest ones: only old rows can be that many.
        let newest = doc! { "generation": -1, "createdAt": -1, "_id": -1 };
        let cursor = credentials.find(wanted).sort(newest).limit(MAX_ROWS);
        let rows: Vec<Document> = cursor.await?.try_collect().await?;
        Ok(rows
            .iter()
            .filter_map(CredentialRow::from_document)
            .collect())
    }

    /// True if a newer credential of the tenant is in force.
    pub async fn is_superseded(&self, row: &CredentialRow) -> Result<bool, Fault> {
        let newer = doc! { "tenantId": row.tenant, "active": true, "generation": { "$gt": row.generation } };
        let credentials = self.collection(CREDENTIALS).await?;
        let found = credentials.find_one(newer).projection(doc! { "_id": 1 });
        Ok(found.await?.is_some())
    }

    /// The highest generation of a tenant; 0 if none.
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

    /// Stores a credential at its generation; false if the generation exists.
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

    /// Marks superseded rows as inactive. Never marks the one in force, however often it runs.
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

    /// All credentials in plain text.
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

    /// The newest active sealed credentials.
    pub async fn sealed_credentials(&self) -> Result<Vec<CredentialRow>, Fault> {
        let mut rows = self
            .credential_rows(doc! { "active": true, "keyHash": { "$exists": true } })
            .await?;
        rows.retain(|row| keyring::is_sealed(&row.api_key));
        Ok(rows)
    }

    /// Replaces the sealed text, unless it has changed.
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
