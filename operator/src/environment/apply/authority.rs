//! Creates the operator's own Secrets if they do not exist. If two replicas or reconciles try at once, the second
//! create is refused with a conflict, and its next reconcile reads the Secret of the first.

use k8s_openapi::api::core::v1::Secret;

use crate::context::Context;
use crate::environment::build::authority::{ca_secret, key_secret};
use crate::environment::certificate::CA_SECRET;
use crate::environment::isolation::KEY_SECRET;
use crate::fingerprint::NewKey;
use crate::kube_io::IoError;
use crate::tls::Ca;

/// Stores the key of fingerprints and the certificate authority, if they are new. This is the first write of a
/// reconcile: what is made with a new key or authority must be written only after that key or authority is stored.
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

/// Creates a Secret. The name of the Secret is also the name of its field manager.
async fn store(ctx: &Context, manager: &str, secret: &Secret) -> Result<(), IoError> {
    let namespace = ctx.settings.operator_namespace.as_str();
    ctx.io.create(namespace, manager, secret).await.map(drop)
}
