//! Hashing and verification of passwords by the accounts service, and the choice of the hash scheme.

use std::sync::Arc;
use std::time::Instant;

use bson::oid::ObjectId;

use super::service::Accounts;
use super::types::AccountError;
use crate::security::argon2id::Memory;
use crate::security::password::{self, HashScheme};
use crate::store::fault::Fault;

impl Accounts {
    /// Returns the scheme for new password hashes: bcrypt as long as the legacy server may use the database, then
    /// Argon2id.
    ///
    /// # Errors
    /// Returns an error if the database query fails.
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

    /// Logs the current hash scheme. Called at startup.
    pub async fn log_scheme(&self) {
        match self.scheme().await {
            Ok(scheme) => tracing::info!(form = scheme.name(), "how new passwords are stored"),
            Err(fault) => tracing::warn!(reason = %fault, "how passwords are stored is unknown"),
        }
    }

    /// Returns the scheme for a new hash. A database without accounts, leads and vendor credentials is first marked as
    /// not used by the legacy server, so that even the first account gets an Argon2id hash.
    async fn scheme_to_write(&self) -> Result<HashScheme, Fault> {
        let scheme = self.scheme().await?;
        if scheme == HashScheme::Argon2id || !self.store.is_fresh().await? {
            return Ok(scheme);
        }
        self.store
            .mark_contracted("there was no legacy server")
            .await?;
        self.known.set(HashScheme::Argon2id, Instant::now());
        Ok(HashScheme::Argon2id)
    }

    pub(super) async fn fits(&self, password: String, hash: String) -> Result<bool, AccountError> {
        let verify = move |memory: &mut Memory| password::verify(&password, &hash, memory);
        Ok(self.hasher.run(verify).await?)
    }

    pub(super) async fn hash(&self, password: String) -> Result<String, AccountError> {
        let scheme = self.scheme_to_write().await?;
        let hash = move |memory: &mut Memory| scheme.hash(&password, memory);
        self.hasher
            .run(hash)
            .await?
            .map_err(|_| AccountError::Hashing)
    }

    /// Replaces a password hash that was just verified, if a new hash with `scheme` is stronger. This runs in the
    /// background and only if the hasher is idle. If the hasher is busy, a later sign-in replaces the hash. The hash is
    /// kept if bcrypt ignores a part of the password.
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
            let hash = move |memory: &mut Memory| scheme.hash(&password, memory);
            let Some(Ok(better)) = hasher.run_if_idle(hash).await else {
                return;
            };
            if let Err(fault) = store.improve_hash(user, &verified, &better).await {
                tracing::debug!(reason = %fault, "a better hash was not stored");
            }
        });
    }
}
