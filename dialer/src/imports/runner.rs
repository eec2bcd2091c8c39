//! Runs imports whose rows are stored in the import journal, including imports that another process abandoned.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::importer::Importer;
use crate::clock::now_ms;
use crate::domain::notice::Notice;
use crate::domain::vendor::file::columns::Columns;
use crate::domain::vendor::lead_index::WantedKeys;
use crate::domain::vendor::matching::MatchKeys;
use crate::store::Store;
use crate::store::fault::Fault;
use crate::store::lease::{Chain, Lease, RENEW_INTERVAL};
use crate::store::vendor::journal::UnfinishedImport;
use crate::store::vendor::rows::Job;

/// Interval at which this process looks for abandoned imports.
const RESUME_INTERVAL: Duration = Duration::from_secs(60);

/// Number of attempts after which a failing import is marked as failed, unless the last attempt failed because of a
/// database outage.
const MAX_ATTEMPTS: i64 = 5;

/// Error message for an import that failed before any lead was written.
pub const NOT_JOURNALLED: &str =
    "The import broke off before anything was written. Send the file again.";

/// Error message for an import that failed while leads were being written.
const GIVEN_UP: &str = "The import could not be finished. Send the file again: what is imported already stays as it is.";

/// Outcome of an attempt to run an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The import is complete.
    Done,
    /// The import is incomplete. Another process must continue it, because this process is stopping or has lost the
    /// lease.
    Left,
}

/// Runs a journalled import until it is complete, this process is stopping, or the lease is lost.
///
/// # Errors
/// If the database fails. The lease is then released so that another process can resume the import. From the fifth
/// attempt on, the import is marked as failed instead, unless the error is a database outage.
pub async fn run(
    imports: &Importer,
    import: &UnfinishedImport,
    lease: &Lease,
) -> Result<Ended, Fault> {
    let store = &imports.store;
    let worked = tokio::select! {
        worked = work(imports, import) => worked,
        () = keep(store, lease) => Ok(Ended::Left),
    };
    match &worked {
        Ok(Ended::Done) => {}
        Err(fault) if !fault.reason.is_outage() && lease.number >= MAX_ATTEMPTS => {
            tracing::error!(import = %import.id, reason = %fault, "an import is given up");
            store.fail_import(import, GIVEN_UP).await?;
        }
        _ => {
            if let Err(fault) = store.release_lease(lease).await {
                tracing::debug!(reason = %fault, "a lease is left to end");
            }
        }
    }
    worked
}

/// Renews the lease periodically. Returns only when the lease is lost.
async fn keep(store: &Store, lease: &Lease) {
    loop {
        tokio::time::sleep(RENEW_INTERVAL).await;
        if let Ok(false) = store.renew_lease(lease, now_ms()).await {
            return;
        }
    }
}

async fn work(imports: &Importer, import: &UnfinishedImport) -> Result<Ended, Fault> {
    let store = &imports.store;
    let stopping = imports.stopping();
    let columns = Columns::new(import.vendor, import.headers.clone());
    let job = Job {
        tenant: import.tenant,
        import: import.id,
        columns: &columns,
        began: Timestamp::from_millisecond(import.began_ms).unwrap_or(Timestamp::UNIX_EPOCH),
        dry: false,
    };
    let mut wanted = WantedKeys::default();
    for at in 0..import.batches {
        for row in store.journalled_rows(import, at).await?.unwrap_or_default() {
            if let Some(lead) = columns.read(&row).lead {
                wanted.add(&MatchKeys::of_vendor(&lead));
            }
        }
    }
    let mut index = store.known_leads(import.tenant, &wanted).await?;
    for at in 0..import.batches {
        if stopping.load(Ordering::Acquire) {
            return Ok(Ended::Left);
        }
        let Some(rows) = store.journalled_rows(import, at).await? else {
            continue;
        };
        let taken = store.take_rows(&job, &mut index, rows).await?;
        store.finish_batch(import, at, taken).await?;
        let progress = Notice::CsvProgress {
            import: import.id,
            done: at + 1,
            batches: import.batches,
        };
        imports.notices.publish(import.tenant, &progress);
    }
    let summary = Notice::CsvSummary {
        import: import.id,
        counts: store.finish_import(import).await?,
    };
    imports.notices.publish(import.tenant, &summary);
    Ok(Ended::Done)
}

/// Resumes unfinished imports whose lease no process holds, as long as import slots are free. Returns the number of
/// imports that were completed, or were marked as failed because their journal is incomplete.
///
/// # Errors
/// If the database fails before an import runs. An error while an import runs is only logged.
pub async fn resume(imports: &Importer) -> Result<usize, Fault> {
    let store = &imports.store;
    store.clear_ended_imports().await?;
    let mut ended = 0;
    for import in store.unfinished_imports().await? {
        // Limited like uploads, because each import needs memory.
        let Some(_place) = imports.place() else {
            break;
        };
        let Ok(lease) = store.take_lease(Chain::Import(import.id), now_ms()).await? else {
            continue;
        };
        if !import.running {
            store.fail_import(&import, NOT_JOURNALLED).await?;
            ended += 1;
            continue;
        }
        tracing::info!(import = %import.id, take = lease.number, "an import is taken up again");
        match run(imports, &import, &lease).await {
            Ok(Ended::Done) => ended += 1,
            Ok(Ended::Left) => {}
            Err(fault) => {
                tracing::warn!(import = %import.id, reason = %fault, "an import broke off");
            }
        }
    }
    Ok(ended)
}

/// Resumes abandoned imports immediately and then every minute, until `stop` is cancelled.
pub async fn keep_resuming(imports: &Importer, stop: &CancellationToken) {
    loop {
        if let Err(fault) = resume(imports).await {
            tracing::warn!(reason = %fault, "imports that broke off could not be looked for");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RESUME_INTERVAL) => {}
        }
    }
}
