//! Creates the operator's own Secrets if they do not exist. If two replicas or reconciles try to create the same
//! Secret, the second request fails with a conflict. The next reconcile then reads the existing Secret.

use crokodial_crds::CrokodialEnvironment;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::runtime::events::EventType;

use crate::context::Context;
use crate::environment::build::authority::{ca_secret, key_secret};
use crate::environment::certificate::Certificate;
use crate::environment::credentials::Data;
use crate::environment::isolation::KEY_SECRET;
use crate::environment::model::children::Children;
use crate::environment::model::refused::{RefusedWrites, WriteStep};
use crate::environment::stored_certificate::Authority;
use crate::fingerprint::NewKey;
use crate::kube_io::IoError;

/// Stores the HMAC key for fingerprints and the certificate authority (CA) if they are new. It must be the first write
/// of a reconcile: fingerprints and certificates may only be written after the new key or CA that made them is stored. If
/// one of the two is refused, this is noted in `refused`, and what was made with it is not written.
pub async fn create(
    ctx: &Context,
    new_key: Option<&NewKey>,
    new_authority: Option<&Authority>,
    refused: &mut RefusedWrites,
) -> Result<(), IoError> {
    let namespace = ctx.settings.operator_namespace.as_str();
    if let Some(key) = new_key {
        let stored = store(ctx, KEY_SECRET, &key_secret(key, namespace)).await;
        if refused
            .note(WriteStep::Key, &name(ctx, KEY_SECRET), stored)?
            .is_some()
        {
            ctx.key.get_or_init(|| key.key());
        }
    }
    if let Some(authority) = new_authority {
        let secret = ca_secret(&authority.secret, &authority.ca, namespace);
        let stored = store(ctx, &authority.secret, &secret).await;
        refused.note(WriteStep::Authority, &name(ctx, &authority.secret), stored)?;
    }
    Ok(())
}

/// Publishes an Event if the certificate of the environment is about to be issued by another certificate authority than
/// the one that issued the stored one.
pub async fn report_change(
    ctx: &Context,
    environment: &CrokodialEnvironment,
    live: &Children,
    certificate: &Certificate,
) {
    let authority = |data: Option<&Data>| data.and_then(|d| d.get("ca.crt").cloned());
    let before = authority(live.certificate().and_then(|s| s.data.as_ref()));
    let after = authority(certificate.data.as_ref());
    if before.is_none() || after.is_none() || before == after {
        return;
    }
    let note = format!(
        "the certificate is issued by another authority than before: secret {} in namespace {} was replaced, \
         and whoever trusted the old authority must trust the new one",
        ctx.settings
            .tenants
            .ca_secret(&environment.namespace().unwrap_or_default()),
        ctx.settings.operator_namespace
    );
    ctx.event(environment, EventType::Warning, "AuthorityReplaced", &note)
        .await;
}

/// Returns kind, namespace and name of a Secret in the operator's namespace, for messages.
fn name(ctx: &Context, secret: &str) -> String {
    format!("Secret {}/{secret}", ctx.settings.operator_namespace)
}

/// Creates a Secret in the operator's namespace. `manager` is the field manager; callers pass the name of the Secret.
async fn store(ctx: &Context, manager: &str, secret: &Secret) -> Result<(), IoError> {
    let namespace = ctx.settings.operator_namespace.as_str();
    ctx.io.create(namespace, manager, secret).await.map(drop)
}
