//! How the accounts service hashes and verifies passwords: the current scheme, and the slow steps in the background.

use std::sync::Arc;
use std::time::Instant;

use bson::oid::ObjectId;

use super::service::Accounts;
use super::types::AccountError;
use crate::security::password::{self, HashScheme};
use crate::store::fault::Fault;

impl Accounts {
    /// The scheme in which new passwords are hashed: Argon2id if the old server no longer uses the database, otherwise
    /// bcrypt.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn scheme(&self) -> Result<HashScheme, Fault> {
        if let Some(scheme) = self.known.get(Instant::now()) {
            return Ok(scheme);
        }
        let scheme = if self.store.is_contracted().await? {
            HashScheme::Argon2id
        } else {
            HashScheme::Bcrypt
        };
        self.known.set(scheme, Instant::now());
        Ok(scheme)
    }

    /// Logs at startup which scheme is used.
    pub async fn log_scheme(&self) {
        match self.scheme().await {
            Ok(scheme) => tracing::info!(form = scheme.name(), "how new passwords are stored"),
            Err(fault) => tracing::warn!(reason = %fault, "how passwords are stored is unknown"),
        }
    }

    /// The scheme for a new hash. An empty database never had an old server, so it is marked as contracted before its
    /// first account is created.
    async fn scheme_to_write(&self) -> Result<HashScheme, Fault> {
        let scheme = self.scheme().await?;
        if scheme == HashScheme::Argon2id || !self.store.is_fresh().await? {
            return Ok(scheme);
        }
        self.store
            .mark_contracted("there was no old server")
            .await?;
        self.known.set(HashScheme::Argon2id, Instant::now());
        Ok(HashScheme::Argon2id)
    }

    pub(super) async fn fits(&self, password: String, hash: String) -> Result<bool, AccountError> {
        let verify = move || password::verify(&password, &hash);
        Ok(self.hasher.run(verify).await?)
    }

    pub(super) async fn hash(&self, password: String) -> Result<String, AccountError> {
        let scheme = self.scheme_to_write().await?;
        let hash = move || scheme.hash(&password);
        self.hasher
            .run(hash)
            .await?
            .map_err(|_| AccountError::Hashing)
    }

    /// Replaces a hash that was just verified, if a hash of the current scheme is stronger. Runs in the background and
    /// only if the hasher is idle; otherwise a later sign-in does it.
    pub(super) fn improve(
        &self,
        user: ObjectId,
        scheme: HashScheme,
        password: String,
        verified: String,
    ) {
        if !scheme.improves(&verified) || !password::is_read_whole(&password) {
            return;
        }
        let (store, hasher) = (Arc::clone(&self.store), self.hasher.clone());
        tokio::spawn(async move {
            let hash = move || scheme.hash(&password);
            let Some(Ok(better)) = hasher.run_if_idle(hash).await else {
                return;
            };
            if let Err(fault) = store.improve_hash(user, &verified, &better).await {
                tracing::debug!(reason = %fault, "a better hash was not stored");
            }
        });
    }
}
