//! Implementation of `dialer migrate`, which moves the database of the old Node.js server to the dialer.
//!
//! `--apply` only adds data, so the legacy server and the previous release of the dialer keep working. All changes that
//! would break them are made by `--contract`.

mod contract;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bson::oid::ObjectId;

use crate::cli::{Migrate, Output};
use crate::clock::now_ms;
use crate::config::{Config, InstanceRole};
use crate::domain::email::normalise;
use crate::domain::migrate::{
    Finding, Occurrences, Severity, credentials, exit_code, indexes, leads, report, uncontracted,
    users,
};
use crate::security::keyring::KeyRing;
use crate::store::Store;
use crate::store::lease::{Chain, Lease, RENEW_INTERVAL};

/// Time between attempts to take the lock while another `dialer migrate` holds it.
const LOCK_POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Maximum number of attempts to take the lock: ten minutes in total.
const MAX_LOCK_POLLS: u32 = 300;

/// Number of leads between two progress messages.
const PROGRESS_INTERVAL: u64 = 10_000;

/// Runs `dialer migrate` with the given arguments and returns its exit code.
///
/// # Errors
/// If the database fails, the user named by `--assign-unowned` does not exist, another run holds the lock for ten
/// minutes or takes it over, or a precondition of `--contract` is not met. The message is meant for the person who runs
/// the command.
pub async fn run(config: &Config, asked: &Migrate) -> anyhow::Result<u8> {
    if asked.contract && config.role == InstanceRole::Candidate {
        bail!(
            "--contract is not for a release phase: the release that serves could not read what it writes; run it once, \
             by hand"
        );
    }
    let store = Arc::new(Store::new(config.mongo.clone()));
    let (hosts, database) = store.target();
    eprintln!("database {database} at {hosts}");
    let done = check_or_change(&store, config.key_ring.as_deref(), asked).await;
    store.close().await;
    done
}

async fn check_or_change(
    store: &Arc<Store>,
    ring: Option<&KeyRing>,
    asked: &Migrate,
) -> anyhow::Result<u8> {
    if asked.check {
        let findings = inspect(store).await?;
        print(&findings, asked.output)?;
        return Ok(exit_code(&findings));
    }
    let lock = lock(store).await?;
    let done = tokio::select! {
        done = change(store, ring, asked) => done,
        lost = lock.keep() => Err(lost),
    };
    lock.release().await;
    done.map(|()| 0)
}

async fn change(store: &Store, ring: Option<&KeyRing>, asked: &Migrate) -> anyhow::Result<()> {
    if let Some(user) = &asked.assign_unowned {
        let id = owner(store, user).await?;
        let given = store.assign_unowned(id).await?;
        println!(
            "{given} leads that nobody owned belong to user {} now",
            id.to_hex()
        );
        return Ok(());
    }
    if asked.contract {
        contract::contract(store, ring).await?;
    }
    apply(store).await?;
    let findings = inspect(store).await?;
    print(&findings, asked.output)
}

/// Returns the id of the account whose `_id` or e-mail address is `named`. Fails if there is none.
async fn owner(store: &Store, named: &str) -> anyhow::Result<ObjectId> {
    let found = match named.parse::<ObjectId>() {
        Ok(id) => store.user(id).await?,
        Err(_) => {
            let found = store.credentials(named, &normalise(named)).await?;
            found.map(|(user, _)| user)
        }
    };
    let user = found.with_context(|| format!("--assign-unowned: there is no account {named}"))?;
    Ok(user.id)
}

/// Inspects accounts, leads, vendor credentials, indexes and dispositions, and returns the findings. Changes nothing.
///
/// # Errors
/// If the database fails.
pub async fn inspect(store: &Store) -> anyhow::Result<Vec<Finding>> {
    let (mut accounts, mut rows) = (
        users::UserInspector::default(),
        leads::LeadInspector::default(),
    );
    store.walk_users(|user| accounts.see(user)).await?;
    let mut seen = 0_u64;
    store
        .walk_leads(|lead| {
            rows.see(lead);
            seen = seen.saturating_add(1);
            if seen.is_multiple_of(PROGRESS_INTERVAL) {
                eprintln!("{seen} leads looked at");
            }
        })
        .await?;
    let mut pairs = credentials::CredentialInspector::default();
    store.walk_credentials(|pair| pairs.see(pair)).await?;
    let mut findings = accounts.findings();
    findings.extend(rows.findings());
    findings.extend(pairs.findings());
    if store.is_contracted().await? {
        findings.extend(accounts.old_hashes());
    } else if !store.is_fresh().await? {
        findings.extend(uncontracted());
    }
    findings.extend(indexes::findings(&store.indexes().await?));
    let missing = Occurrences {
        count: u64::try_from(store.missing_dispositions().await?.len())?,
        example: None,
    };
    findings.extend(Finding::new(
        "dispositions.defaults",
        Severity::Pending,
        &missing,
        "defaults that everybody has are missing; `--apply` adds them",
    ));
    Ok(findings)
}

/// Makes the changes of `dialer migrate --apply`, which only add data.
async fn apply(store: &Store) -> anyhow::Result<()> {
    let lowered = store.lower_emails().await?;
    println!("users: emailLower added to {lowered}");
    let author = store.first_administrator().await?;
    // An id that no account has.
    let nobody = ObjectId::from_bytes([0; 12]);
    let made = store.seed_dispositions(author.unwrap_or(nobody)).await?;
    println!("dispositions: {} defaults added", made.len());
    for (index, fault) in store.make_missing_indexes().await? {
        println!(
            "indexes: {} was not made ({fault}); the application is right without it, but slower",
            index.shown()
        );
    }
    Ok(())
}

fn print(findings: &[Finding], output: Output) -> anyhow::Result<()> {
    match output {
        Output::Text => print!("{}", report(findings)),
        Output::Json => println!("{}", serde_json::to_string_pretty(findings)?),
    }
    Ok(())
}

/// Lock that prevents concurrent runs of `dialer migrate`.
struct Lock<'a> {
    store: &'a Store,
    lease: Lease,
}

/// Takes the lock. While another run holds it, retries for up to ten minutes and then fails.
async fn lock(store: &Store) -> anyhow::Result<Lock<'_>> {
    for look in 0..MAX_LOCK_POLLS {
        match store.take_lease(Chain::Migration, now_ms()).await? {
            Ok(lease) => return Ok(Lock { store, lease }),
            Err(held) if look == 0 => {
                eprintln!("waiting for {}, which is migrating", held.holder);
            }
            Err(_) => {}
        }
        tokio::time::sleep(LOCK_POLL_INTERVAL).await;
    }
    bail!("another migration does not end; if none is running, empty the collection `migrations`")
}

impl Lock<'_> {
    /// Renews the lock periodically. Returns an error when the lock is lost or cannot be renewed.
    async fn keep(&self) -> anyhow::Error {
        loop {
            tokio::time::sleep(RENEW_INTERVAL).await;
            match self.store.renew_lease(&self.lease, now_ms()).await {
                Ok(true) => {}
                Ok(false) => return anyhow::anyhow!("another runner took over; run it again"),
                Err(fault) => return fault.into(),
            }
        }
    }

    /// Releases the lock. A failure is only logged, because an unreleased lock expires.
    async fn release(&self) {
        if let Err(fault) = self.store.release_lease(&self.lease).await {
            tracing::debug!(%fault, "the lock was left to end by itself");
        }
    }
}
