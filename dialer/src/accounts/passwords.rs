//! Passwords as they are stored: the form in force, and the slow steps.

use std::sync::Arc;
use std::time::Instant;

use bson::oid::ObjectId;

use super::service::Accounts;
use super::types::AccountError;
use crate::security::password::{self, HashScheme};
use crate::store::fault::Fault;

impl Accounts {
    /// What passwords are stored as: Argon2id once the old server is gone for good.
    ///
    /// # Errors
    /// The database's.
    pub async fn form(&self) -> Result<HashScheme, Fault> {
        if let Some(form) = self.known.get(Instant::now()) {
            return Ok(form);
        }
        let form = if self.store.is_contracted().await? {
            HashScheme::Argon2id
        } else {
            HashScheme::Bcrypt
        };
        self.known.set(form, Instant::now());
        Ok(form)
    }

    /// Looks at the start, and says what it found.
    pub async fn tell_form(&self) {
        match self.form().await {
            Ok(form) => tracing::info!(form = form.name(), "how new passwords are stored"),
            Err(fault) => tracing::warn!(reason = %fault, "how passwords are stored is unknown"),
        }
    }

    /// The form for a password that is about to be stored. A database without an account never had an old server, and
    /// with its first account it says so.
    async fn form_to_write(&self) -> Result<HashScheme, Fault> {
        let form = self.form().await?;
        if form == HashScheme::Argon2id || !self.store.is_fresh().await? {
            return Ok(form);
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
        let form = self.form_to_write().await?;
        let hash = move || form.hash(&password);
        self.hasher
            .run(hash)
            .await?
            .map_err(|_| AccountError::Hashing)
    }

    /// Stores a password that was just verified in the form in force, if that is better: beside the answer, and only
    /// if nobody waits for the hasher. Else the next sign-in does it.
    pub(super) fn improve(
        &self,
        user: ObjectId,
        form: HashScheme,
        password: String,
        verified: String,
    ) {
        if !form.improves(&verified) || !password::is_read_whole(&password) {
            return;
        }
        let (store, hasher) = (Arc::clone(&self.store), self.hasher.clone());
        tokio::spawn(async move {
            let hash = move || form.hash(&password);
            let Some(Ok(better)) = hasher.run_if_idle(hash).await else {
                return;
            };
            if let Err(fault) = store.improve_hash(user, &verified, &better).await {
                tracing::debug!(reason = %fault, "a better hash was not stored");
            }
        });
    }
}
