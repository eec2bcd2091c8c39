//! Creates the operator's own Secrets if they do not exist. If two replicas or reconciles try to create the same
//! Secret, the second request fails with a conflict. The next reconcile then reads the existing Secret.

use k8s_openapi::api::core::v1::Secret;

use crate::context::Context;
use crate::environment::build::authority::{ca_secret, key_secret};
use crate::environment::certificate::CA_SECRET;
use crate::environment::isolation::KEY_SECRET;
use crate::fingerprint::NewKey;
use crate::kube_io::IoError;
use crate::tls::Ca;

/// Stores the HMAC key for fingerprints and the certificate authority (CA) if they are new. It must be the first write
/// of a reconcile: fingerprints and certificates may only be written after the new key or CA that made them is stored.
pub async fn create(
    ctx: &Context,
    new_key: Option<&NewKey>,
    new_authority: Option<&Ca>,
) -> Result<(), IoError> {
    let namespace = ctx.settings.operator_namespace.as_str();
    if let Some(key) = new_key {
        store(ctx, KEY_SECRET, &key_secret(key, namespace)).await?;
        ctx.key.get_or_init(|| key.key());
    }
    if let Some(ca) = new_authority {
        store(ctx, CA_SECRET, &ca_secret(ca, namespace)).await?;
    }
    Ok(())
}

/// Creates a Secret in the operator's namespace. `manager` is the field manager; callers pass the name of the Secret.
async fn store(ctx: &Context, manager: &str, secret: &Secret) -> Result<(), IoError> {
    let namespace = ctx.settings.operator_namespace.as_str();
    ctx.io.create(namespace, manager, secret).await.map(drop)
}
