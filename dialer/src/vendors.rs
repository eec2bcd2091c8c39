//! Authentication of lead vendors, and creation, rotation and encryption of their credentials.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bson::oid::ObjectId;
use tokio_util::sync::CancellationToken;

use crate::config::{FixedPair, VendorSettings};
use crate::domain::vendor::credential::{CredentialPair, PURPOSE, context, same, seal};
use crate::domain::vendor::gate::{Gate, GateClosed};
use crate::security::keyring::{self, KeyRing, UnsealError};
use crate::store::Store;
use crate::store::fault::Fault;
use crate::store::vendor::{CredentialRow, NewCredential};

/// Interval at which credentials encrypted under an older key are re-encrypted under the current key.
const RESEAL_INTERVAL: Duration = Duration::from_secs(3600);

/// Error of an operation on vendor credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VendorError {
    #[error("the headers sid and apikey are missing or wrong")]
    Wrong,
    #[error("too many requests")]
    Throttled(GateClosed),
    #[error("ENCRYPTION_KEYS is not set")]
    NoKeys,
    #[error("{0}")]
    UnsealError(#[from] UnsealError),
    #[error("{0}")]
    Database(#[from] Fault),
}

impl From<GateClosed> for VendorError {
    fn from(closed: GateClosed) -> Self {
        Self::Throttled(closed)
    }
}

/// Current vendor credential of a tenant.
#[derive(Debug)]
pub struct CurrentPair {
    pub pair: CredentialPair,
    /// Creation time of the credential, in milliseconds since the Unix epoch.
    pub created_ms: i64,
}

#[derive(Debug)]
pub struct Vendors {
    store: Arc<Store>,
    ring: Option<Arc<KeyRing>>,
    fixed: Option<FixedPair>,
    gate: Mutex<Gate>,
}

impl Vendors {
    pub fn new(store: Arc<Store>, ring: Option<Arc<KeyRing>>, settings: &VendorSettings) -> Self {
        Self {
            store,
            ring,
            fixed: settings.pair.clone(),
            gate: Mutex::new(Gate::new(settings.rate, settings.wrong)),
        }
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) -> Result<&KeyRing, VendorError> {
        self.ring.as_deref().ok_or(VendorError::NoKeys)
    }

    /// Returns the tenant to which a vendor's credential belongs. `from` is the address of the client.
    ///
    /// # Errors
    /// `Wrong` if the credential is invalid or its tenant is disabled, `Throttled` if a rate limit is exceeded,
    /// `Database` if the database fails. `NoKeys` or `UnsealError` if this server lacks the encryption key that is
    /// needed to verify the credential.
    pub async fn authenticate(
        &self,
        pair: &CredentialPair,
        from: IpAddr,
    ) -> Result<ObjectId, VendorError> {
        self.gate().enter(pair, from, Instant::now())?;
        if let Some(tenant) = self.tenant_of(pair).await? {
            self.gate().right(pair, Instant::now())?;
            return Ok(tenant);
        }
        self.gate().wrong(pair, from, Instant::now());
        Err(VendorError::Wrong)
    }

    async fn tenant_of(&self, pair: &CredentialPair) -> Result<Option<ObjectId>, VendorError> {
        let parts = [pair.sid.as_str(), pair.api_key.as_str()];
        let ring = self.ring.as_deref();
        let hashes = ring.map_or_else(Vec::new, |ring| ring.look_ups(PURPOSE, &parts));
        let mut unjudged = None;
        for row in self.store.vendor_rows(&pair.sid, &hashes).await? {
            let right = match &row.key_hash {
                Some(hash) => hashes.iter().any(|h| same(h, hash)),
                // A plain key of the legacy server. A sealed text is never compared as if it were a key.
                None => !keyring::is_sealed(&row.api_key) && same(&row.api_key, &pair.api_key),
            };
            if right && !self.store.is_superseded(&row).await? {
                return self.enabled(row.tenant).await;
            }
            if !right {
                unjudged = unjudged.or_else(|| self.unjudged(&row));
            }
        }
        if let Some(fixed) = &self.fixed {
            let sid = same(fixed.sid.expose(), &pair.sid);
            if sid & same(fixed.api_key.expose(), &pair.api_key) {
                return self.enabled(fixed.tenant).await;
            }
        }
        // Not reported as a wrong credential: a vendor may stop sending after that, but this is a fault of the server
        // and may be temporary.
        unjudged.map_or(Ok(None), Err)
    }

    /// Returns the tenant, or `None` if its account is disabled. This check is needed because credentials are
    /// deactivated only in the last step of disabling an account.
    async fn enabled(&self, tenant: ObjectId) -> Result<Option<ObjectId>, VendorError> {
        Ok((!self.store.is_disabled(tenant).await?).then_some(tenant))
    }

    /// Returns the reason why this server cannot verify a key against the credential in `row`; `None` if it can.
    fn unjudged(&self, row: &CredentialRow) -> Option<VendorError> {
        let id = keyring::key_id(&row.api_key)?;
        match &self.ring {
            None => Some(VendorError::NoKeys),
            Some(ring) if ring.holds(id) => None,
            Some(_) => Some(UnsealError::UnknownKey(id.to_owned()).into()),
        }
    }

    /// Returns the current credential of a tenant; `None` if it has none.
    ///
    /// # Errors
    /// `NoKeys` if encryption keys are needed and not set, `UnsealError` if the credential cannot be decrypted,
    /// `Database` if the database fails.
    pub async fn current(&self, tenant: ObjectId) -> Result<Option<CurrentPair>, VendorError> {
        let rows = self.store.tenant_credentials(tenant).await?;
        let newest = rows
            .into_iter()
            .max_by_key(|row| (row.generation, row.created_ms, row.id));
        let Some(row) = newest else { return Ok(None) };
        let api_key = if keyring::is_sealed(&row.api_key) {
            self.ring()?.open(context(tenant), &row.api_key)?
        } else {
            row.api_key
        };
        let pair = CredentialPair {
            sid: row.sid,
            api_key,
        };
        Ok(Some(CurrentPair {
            pair,
            created_ms: row.created_ms,
        }))
    }

    /// Replaces the credential of a tenant with a new one and returns the current credential afterwards. Concurrent
    /// calls may create and return the same new credential.
    ///
    /// # Errors
    /// `NoKeys` if encryption keys are not set, `UnsealError` if encryption or decryption fails, `Database` if the
    /// database fails.
    pub async fn rotate(&self, tenant: ObjectId) -> Result<Option<CurrentPair>, VendorError> {
        let ring = self.ring()?;
        let before = self.store.newest_generation(tenant).await?;
        self.make(ring, tenant, before.saturating_add(1)).await?;
        self.store.retire_credentials(tenant).await?;
        self.current(tenant).await
    }

    /// Creates the first credential of a new account. Does nothing if encryption keys are not set. A failure is only
    /// logged, because `rotate` can create the credential later.
    pub async fn first_pair(&self, tenant: ObjectId) {
        let Ok(ring) = self.ring() else { return };
        if let Err(error) = self.make(ring, tenant, 1).await {
            tracing::warn!(reason = %error, "a new account got no vendor credential");
        }
    }

    async fn make(
        &self,
        ring: &KeyRing,
        tenant: ObjectId,
        generation: i64,
    ) -> Result<(), VendorError> {
        let pair = CredentialPair::fresh();
        let sealed = seal(ring, tenant, &pair)?;
        let new = NewCredential {
            tenant,
            generation,
            sid: &pair.sid,
            sealed: &sealed.api_key,
            key_id: ring.first_id(),
            key_hash: &sealed.key_hash,
        };
        self.store.insert_credential(&new).await?;
        Ok(())
    }

    /// Re-encrypts credentials under the first key of the key ring, every hour until `stop` is cancelled, so that older
    /// keys can be removed. The first pass runs after an hour, because replicas that lack the new key may still be
    /// running.
    pub async fn keep_sealed(&self, stop: &CancellationToken) {
        let Ok(ring) = self.ring() else { return };
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RESEAL_INTERVAL) => {}
            }
            match self.reseal(ring).await {
                Ok(0) => {}
                Ok(done) => tracing::info!(done, "credentials sealed under the first key"),
                Err(error) => tracing::warn!(reason = %error, "credentials not sealed again"),
            }
        }
    }

    /// Re-encrypts active credentials that are encrypted under a key of `ring` other than the first, at most 100.
    /// Returns their number.
    ///
    /// # Errors
    /// The first failure, which ends the pass.
    pub async fn reseal(&self, ring: &KeyRing) -> Result<usize, VendorError> {
        let rows = self.store.credentials_under(&ring.other_ids()).await?;
        for row in &rows {
            let api_key = ring.open(context(row.tenant), &row.api_key)?;
            seal_row(&self.store, ring, row, api_key).await?;
        }
        Ok(rows.len())
    }
}

/// Encrypts a stored credential under the first key of `ring`. The encrypted key, key id and key hash are updated in
/// one write, so the credential remains valid. Writes nothing if the credential has changed since `row` was read.
///
/// # Errors
/// `UnsealError` if encryption fails, `Database` if the database fails.
pub async fn seal_row(
    store: &Store,
    ring: &KeyRing,
    row: &CredentialRow,
    api_key: String,
) -> Result<(), VendorError> {
    let pair = CredentialPair {
        sid: row.sid.clone(),
        api_key,
    };
    let sealed = seal(ring, row.tenant, &pair)?;
    let key = (ring.first_id(), sealed.key_hash.as_str());
    store.reseal_credential(row, &sealed.api_key, key).await?;
    Ok(())
}
