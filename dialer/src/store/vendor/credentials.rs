//! The `nextgencredentials` collection. A tenant's current credential is the active one with the highest `generation`.
//! It is not selected by a flag, which concurrent requests could set for different credentials. A rotation inserts the
//! next generation, which determines the `_id`, so of concurrent rotations exactly one succeeds. `active` and
//! `rotatedAt` are also maintained, for the old server and for people. Documents of the old server have no generation
//! and a plain key, and several of one tenant may be active.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::TryStreamExt;

use crate::domain::ids;
use crate::security::keyring;
use crate::store::collections::CREDENTIALS;
use crate::store::database::Store;
use crate::store::fault::{Fault, Reason};
use crate::store::numbers::number;

/// Maximum number of credentials per query: a tenant of the old server has only a few.
const MAX_ROWS: i64 = 100;

/// A document of the collection: a tenant's credential.
#[derive(Clone)]
pub struct CredentialRow {
    pub id: ObjectId,
    pub tenant: ObjectId,
    pub sid: String,
    /// The key, sealed. In documents of the old server it is plain text.
    pub api_key: String,
    /// Keyed hash of id and key; `None` for plain credentials.
    pub key_hash: Option<String>,
    /// Number of the rotation; 0 for documents of the old server.
    pub generation: i64,
    /// Time of creation, in milliseconds since 1970.
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

/// A sealed credential to insert.
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
    /// Active credentials with this `sid` or one of these keyed hashes: the candidates for a presented credential.
    pub async fn vendor_rows(
        &self,
        sid: &str,
        hashes: &[String],
    ) -> Result<Vec<CredentialRow>, Fault> {
        let any = vec![doc! { "sid": sid }, doc! { "keyHash": { "$in": hashes } }];
        self.credential_rows(doc! { "active": true, "$or": any })
            .await
    }

    /// A tenant's active credentials, including the current one.
    pub async fn tenant_credentials(&self, tenant: ObjectId) -> Result<Vec<CredentialRow>, Fault> {
        self.credential_rows(doc! { "tenantId": tenant, "active": true })
            .await
    }

    async fn credential_rows(&self, wanted: Document) -> Result<Vec<CredentialRow>, Fault> {
        let credentials = self.collection(CREDENTIALS).await?;
        // The newest are read first. Only documents of the old server can exceed the limit.
        let newest = doc! { "generation": -1, "createdAt": -1, "_id": -1 };
        let cursor = credentials.find(wanted).sort(newest).limit(MAX_ROWS);
        let rows: Vec<Document> = cursor.await?.try_collect().await?;
        Ok(rows
            .iter()
            .filter_map(CredentialRow::from_document)
            .collect())
    }

    /// True if the tenant has a newer active credential than `row`.
    pub async fn is_superseded(&self, row: &CredentialRow) -> Result<bool, Fault> {
        let newer = doc! { "tenantId": row.tenant, "active": true, "generation": { "$gt": row.generation } };
        let credentials = self.collection(CREDENTIALS).await?;
        let found = credentials.find_one(newer).projection(doc! { "_id": 1 });
        Ok(found.await?.is_some())
    }

    /// The highest generation of a tenant's credentials; 0 if there is none.
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

    /// Inserts a credential with its generation; false if the tenant already has that generation.
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

    /// Marks all credentials of a tenant except the newest generation as inactive. Repeating it never affects the
    /// current one.
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

    /// Active credentials that are sealed under one of the keys `key_ids`.
    pub async fn credentials_under(&self, key_ids: &[&str]) -> Result<Vec<CredentialRow>, Fault> {
        let ids: Vec<&str> = key_ids.to_vec();
        self.credential_rows(doc! { "keyId": { "$in": ids }, "active": true })
            .await
    }

    /// All credentials whose key is plain text.
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

    /// The newest active credentials whose key is sealed.
    pub async fn sealed_credentials(&self) -> Result<Vec<CredentialRow>, Fault> {
        let mut rows = self
            .credential_rows(doc! { "active": true, "keyHash": { "$exists": true } })
            .await?;
        rows.retain(|row| keyring::is_sealed(&row.api_key));
        Ok(rows)
    }

    /// Replaces the sealed key of a credential, unless it has changed since `row` was read.
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
