//! Reads the operator's own Secrets: the certificate authority and the HMAC key for fingerprints. If one of them is
//! needed and does not exist, `apply` creates it.

use k8s_openapi::api::core::v1::Secret;

use crate::context::Context;
use crate::environment::effective::Effective;
use crate::environment::isolation::{KEY_SECRET, stored_key};
use crate::environment::model::owner::Owner;
use crate::fingerprint::{Key, NewKey};
use crate::kube_io::IoError;
use crokodial_crds::TlsMode;

/// Reads the Secret of the certificate authority of the environment's tenant; `None` if it does not exist or no certificate is wanted.
pub(super) async fn read(
    ctx: &Context,
    owner: &Owner,
    effective: &Effective,
) -> Result<Option<Secret>, IoError> {
    match effective.tls_mode {
        TlsMode::None => Ok(None),
        TlsMode::SelfSigned => {
            let namespace = ctx.settings.operator_namespace.as_str();
            let name = ctx.settings.tenants.ca_secret(&owner.namespace);
            ctx.io.get(namespace, &name).await
        }
    }
}

/// Returns the HMAC key for fingerprints. The stored key is read once per process. If no key is stored, a new one is
/// generated and also returned as `NewKey`, so that it can be stored.
pub(super) async fn key(ctx: &Context) -> Result<(Key, Option<NewKey>), IoError> {
    if let Some(key) = ctx.key.get() {
        return Ok((key.clone(), None));
    }
    let namespace = ctx.settings.operator_namespace.as_str();
    let found: Option<Secret> = ctx.io.get(namespace, KEY_SECRET).await?;
    Ok(match found {
        Some(secret) => {
            let stored = stored_key(&secret);
            if !stored.is_secret() {
                // Not kept: the Secret may be restored while this process runs.
                return Ok((stored, None));
            }
            let key = ctx.key.get_or_init(|| stored);
            (key.clone(), None)
        }
        None => {
            let new = NewKey::generate();
            (new.key(), Some(new))
        }
    })
}
