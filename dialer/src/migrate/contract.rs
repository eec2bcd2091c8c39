//! Implementation of `dialer migrate --contract`, after which the old Node.js server can no longer use the database.
//! Every step is idempotent, and the completion mark is written last, so an interrupted run can be repeated.

use anyhow::{Context, bail};

use crate::domain::migrate::indexes::{self, ExistingIndex};
use crate::domain::vendor::credential::context;
use crate::security::keyring::KeyRing;
use crate::store::Store;
use crate::store::vendor::CredentialRow;
use crate::vendors::seal_row;

/// Maximum number of passes that encrypt plain-text credentials. The command fails if even the last pass finds some,
/// because another process must be creating them.
const MAX_PASSES: u32 = 5;

/// Changes that `dialer migrate --contract` is about to make.
struct Plan {
    plain: Vec<CredentialRow>,
    old: Vec<(ExistingIndex, &'static str)>,
    /// True if `dialer migrate --contract` has not been completed on this database yet, so new passwords are still
    /// stored as bcrypt hashes.
    first: bool,
}

/// Prints the irreversible changes of `dialer migrate --contract`, then makes them.
///
/// # Errors
/// If the database fails, another process keeps creating plain-text credentials, or encryption keys are missing or
/// wrong. If keys are missing or wrong, nothing has been changed.
pub(super) async fn contract(store: &Store, ring: Option<&KeyRing>) -> anyhow::Result<()> {
    let plan = Plan {
        plain: store.plain_credentials().await?,
        old: indexes::in_the_way(&store.indexes().await?),
        first: !store.is_contracted().await?,
    };
    let ring = usable(store, ring, plan.plain.len()).await?;
    announce(&plan, ring);
    if let Some(ring) = ring {
        seal_all(store, ring).await?;
    }
    for (index, _) in &plan.old {
        store.drop_index(index).await?;
    }
    store.mark_contracted("dialer migrate --contract").await?;
    Ok(())
}

/// Checks that the key ring can decrypt the active credentials that are already encrypted (at most 100 are checked),
/// and returns it. Returns `None` if `plain`, the number of plain-text credentials, is 0.
async fn usable<'a>(
    store: &Store,
    ring: Option<&'a KeyRing>,
    plain: usize,
) -> anyhow::Result<Option<&'a KeyRing>> {
    if plain == 0 {
        return Ok(None);
    }
    let Some(ring) = ring else {
        bail!(
            "ENCRYPTION_KEYS is not set, and {plain} vendor credentials in plain text have to be sealed: set it here and \
             for every server to one value, for example k1: and the output of `openssl rand -base64 32`, then run this \
             again; nothing was changed"
        );
    };
    for row in store.sealed_credentials().await? {
        ring.open(context(row.tenant), &row.api_key)
            .with_context(|| {
                format!(
                    "ENCRYPTION_KEYS does not open the vendor credential {}: run this with the value that the servers \
                     have; nothing was changed",
                    row.id
                )
            })?;
    }
    Ok(Some(ring))
}

fn announce(plan: &Plan, ring: Option<&KeyRing>) {
    if let (Some(row), Some(ring)) = (plan.plain.first(), ring) {
        println!(
            "nextgencredentials: sealing {} keys that lie in plain text, such as that of _id {}, under the key {}, which \
             every server needs; vendors go on sending the same ones",
            plan.plain.len(),
            row.id,
            ring.first_id()
        );
    }
    for (index, why) in &plan.old {
        println!(
            "indexes: dropping {} of {} {}: {why}",
            index.name, index.collection, index.keys
        );
    }
    if plan.first {
        println!(
            "users: from now on passwords are stored as Argon2id, those of bcrypt when their owners next sign in; the \
             legacy server cannot read them"
        );
    }
}

/// Encrypts all plain-text credentials. Repeats this until none is left, at most `MAX_PASSES` times, because other
/// processes may change or create credentials in the meantime.
async fn seal_all(store: &Store, ring: &KeyRing) -> anyhow::Result<()> {
    for _ in 0..MAX_PASSES {
        let plain = store.plain_credentials().await?;
        if plain.is_empty() {
            return Ok(());
        }
        for row in &plain {
            seal_row(store, ring, row, row.api_key.clone())
                .await
                .with_context(|| format!("the vendor credential {} was not sealed", row.id))?;
        }
    }
    bail!(
        "vendor credentials in plain text appear while others are sealed: stop the legacy server, then run this again"
    )
}
