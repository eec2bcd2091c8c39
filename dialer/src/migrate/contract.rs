//! `--contract`: what keeps the old server from ever using the database again. Every step may be done twice, and the
//! mark that says it is done comes last, so that a run that broke off is simply run again.

use anyhow::{Context, bail};

use crate::domain::migrate::indexes::{self, ExistingIndex};
use crate::domain::vendor::credential::context;
use crate::security::keyring::KeyRing;
use crate::store::Store;
use crate::store::vendor::CredentialRow;
use crate::vendors::seal_row;

/// Pairs are looked for again after they were sealed. More often than this something makes plain ones.
const MAX_PASSES: u32 = 5;

/// What there is to do.
struct Plan {
    plain: Vec<CredentialRow>,
    old: Vec<(ExistingIndex, &'static str)>,
    /// Passwords are of the old server's form until now.
    first: bool,
}

/// Prints what will be gone, then does it.
///
/// # Errors
/// A sentence. Without the keys that are needed nothing is changed.
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

/// The ring, if there is something to seal and the servers can open what it seals: as far as can be told from here,
/// if it opens what they sealed.
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
             old server cannot read them"
        );
    }
}

/// Until there is nothing plain: also what a write was lost for, or was made meanwhile.
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
        "vendor credentials in plain text appear while others are sealed: stop the old server, then run this again"
    )
}
