//! Passwords as they are stored: the form in force, and the slow steps.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bson::oid::ObjectId;

use super::{Accounts, Error};
use crate::security::password::{self, Form};
use crate::store::fault::Fault;

/// How long a replica may store passwords in a form that is not in force any more. Both are read at any time.
const FORM_KEPT: Duration = Duration::from_secs(60);

/// The form in force, when last looked at.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Option<(Form, Instant)>>);

impl Known {
    fn get(&self, now: Instant) -> Option<Form> {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (form, at) = known?;
        (now.saturating_duration_since(at) < FORM_KEPT).then_some(form)
    }

    fn set(&self, form: Form, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((form, now));
    }
}

impl Accounts {
    /// What passwords are stored as: Argon2id once the old server is gone for good.
    ///
    /// # Errors
    /// The database's.
    pub async fn form(&self) -> Result<Form, Fault> {
        if let Some(form) = self.known.get(Instant::now()) {
            return Ok(form);
        }
        let form = if self.store.is_contracted().await? {
            Form::Argon2id
        } else {
            Form::Bcrypt
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
    async fn form_to_write(&self) -> Result<Form, Fault> {
        let form = self.form().await?;
        if form == Form::Argon2id || !self.store.is_fresh().await? {
            return Ok(form);
        }
        self.store
            .mark_contracted("there was no old server")
            .await?;
        self.known.set(Form::Argon2id, Instant::now());
        Ok(Form::Argon2id)
    }

    pub(super) async fn fits(&self, password: String, hash: String) -> Result<bool, Error> {
        let verify = move || password::verify(&password, &hash);
        Ok(self.hasher.run(verify).await?)
    }

    pub(super) async fn hash(&self, password: String) -> Result<String, Error> {
        let form = self.form_to_write().await?;
        let hash = move || form.hash(&password);
        self.hasher.run(hash).await?.map_err(|_| Error::Hashing)
    }

    /// Stores a password that was just verified in the form in force, if that is better: beside the answer, and only
    /// if nobody waits for the hasher. Else the next sign-in does it.
    pub(super) fn improve(&self, user: ObjectId, form: Form, password: String, verified: String) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_in_force_is_looked_at_again_after_a_minute() {
        let (known, now) = (Known::default(), Instant::now());
        assert_eq!(known.get(now), None);
        known.set(Form::Bcrypt, now);
        assert_eq!(known.get(now + Duration::from_secs(59)), Some(Form::Bcrypt));
        assert_eq!(known.get(now + Duration::from_secs(60)), None);
        known.set(Form::Argon2id, now);
        assert_eq!(known.get(now), Some(Form::Argon2id));
    }
}
