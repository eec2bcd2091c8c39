//! Validation of an uploaded file, and copying of its rows to the import journal in the database.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::ops::ControlFlow;

use bson::oid::ObjectId;
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::runner::NOT_JOURNALLED;
use crate::clock::now_ms;
use crate::domain::lists::List;
use crate::domain::vendor::file::columns::Columns;
use crate::domain::vendor::file::row::{Row, RowCounts};
use crate::domain::vendor::file::scan::{Rules, Scan, scan};
use crate::domain::vendor::file::sheet::FileError;
use crate::domain::vendor::lead_index::WantedKeys;
use crate::domain::vendor::matching::MatchKeys;
use crate::store::Store;
use crate::store::fault::{Fault, Reason};
use crate::store::lease::Lease;
use crate::store::vendor::journal::UnfinishedImport;
use crate::store::vendor::rows::Job;

/// Maximum number of rows in a batch.
const MAX_BATCH_ROWS: usize = 500;
/// Approximate maximum size of a batch, in bytes. A batch is stored as one document, and MongoDB limits documents to 16
/// MB.
const MAX_BATCH_BYTES: usize = 3 * 1024 * 1024;

/// Error that prevents the import of a file.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{0}")]
    File(#[from] FileError),
    #[error("an import of this tenant has not ended yet")]
    UnderWay,
    #[error("{0}")]
    Database(#[from] Fault),
    #[error("the spooled file cannot be read")]
    Spool,
}

/// An uploaded file that has been validated.
#[derive(Debug)]
pub struct Checked {
    file: File,
    rules: Rules,
    pub scan: Scan,
    wanted: WantedKeys,
}

/// Validates a whole file without writing anything. If `partial` is true, rows that are not UTF-8 text or have too many
/// columns are skipped; otherwise they are an error.
///
/// # Errors
/// `File` if the file is rejected, `Database` if the database fails, `Spool` if the uploaded file cannot be read from
/// disk.
pub async fn check(
    store: &Store,
    tenant: ObjectId,
    file: File,
    partial: bool,
) -> Result<Checked, ImportError> {
    let blocked = store.all_listed(List::DoNotCall, tenant).await?;
    let rules = Rules { partial, blocked };
    tokio::task::spawn_blocking(move || {
        let mut wanted = WantedKeys::default();
        let scan = scan(rewound(&file)?, &rules, |_, reading| {
            if let Some(lead) = &reading.lead {
                wanted.add(&MatchKeys::of_vendor(lead));
            }
            ControlFlow::Continue(())
        })?;
        Ok(Checked {
            file,
            rules,
            scan,
            wanted,
        })
    })
    .await
    .map_err(|_| ImportError::Spool)?
}

fn rewound(mut file: &File) -> Result<&File, ImportError> {
    file.seek(SeekFrom::Start(0))
        .map_err(|_| ImportError::Spool)?;
    Ok(file)
}

/// Performs a dry run and returns the row counts that a real import would have. Writes nothing.
///
/// # Errors
/// `Database` if the database fails, `Spool` if the uploaded file cannot be read from disk.
pub async fn rehearse(
    store: &Store,
    tenant: ObjectId,
    checked: Checked,
) -> Result<RowCounts, ImportError> {
    let columns = Columns::new(checked.scan.vendor, checked.scan.headers.clone());
    let job = Job {
        tenant,
        import: ObjectId::new(),
        columns: &columns,
        began: Timestamp::now(),
        dry: true,
    };
    let mut index = store.known_leads(tenant, &checked.wanted).await?;
    let mut batches = batches(checked);
    let mut counts = RowCounts::default();
    while let Some(rows) = batches.recv().await {
        counts = counts.plus(store.take_rows(&job, &mut index, rows?).await?);
    }
    Ok(counts)
}

/// Copies the rows of a file to the import journal in the database. Afterwards, another process can complete the import
/// if this process ends. Returns the import and the lease that this process holds on it.
///
/// # Errors
/// `UnderWay` if the tenant has an unfinished import, `Database` if the database fails, `Spool` if the uploaded file
/// cannot be read from disk. After an error, nothing is imported.
pub async fn journal(
    store: &Store,
    tenant: ObjectId,
    file_name: &str,
    checked: Checked,
) -> Result<(UnfinishedImport, Lease), ImportError> {
    let begun = store.begin_import(tenant, file_name, &checked.scan, now_ms());
    let (mut import, lease) = begun.await?.ok_or(ImportError::UnderWay)?;
    let journalled = fill(store, &mut import, &lease, checked).await;
    if let Err(error) = journalled {
        // Best effort: if this fails, another process marks the import as failed after its lease has expired.
        if let Err(fault) = store.fail_import(&import, NOT_JOURNALLED).await {
            tracing::warn!(reason = %fault, "an import that could not be journalled is left to be given up");
        }
        return Err(error);
    }
    Ok((import, lease))
}

async fn fill(
    store: &Store,
    import: &mut UnfinishedImport,
    lease: &Lease,
    checked: Checked,
) -> Result<(), ImportError> {
    let mut batches = batches(checked);
    let mut count = 0;
    while let Some(rows) = batches.recv().await {
        store.journal_rows(import, count, &rows?).await?;
        count += 1;
        store.renew_lease(lease, now_ms()).await?;
    }
    if store.start_import(import, count).await? {
        return Ok(());
    }
    Err(Fault::new(Reason::NoAnswer).into())
}

/// Returns a channel that yields the rows that contain a lead, in batches. The channel buffers one batch.
fn batches(checked: Checked) -> mpsc::Receiver<Result<Vec<Row>, ImportError>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        let (mut batch, mut size) = (Vec::new(), 0);
        let read = rewound(&checked.file).and_then(|file| {
            let scanned = scan(file, &checked.rules, |row, _| {
                size += row.size();
                batch.push(row);
                if batch.len() < MAX_BATCH_ROWS && size < MAX_BATCH_BYTES {
                    return ControlFlow::Continue(());
                }
                size = 0;
                // Sending fails if the receiver is gone, because the request was cancelled.
                match sender.blocking_send(Ok(std::mem::take(&mut batch))) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            });
            Ok(scanned?)
        });
        let last = match read {
            Ok(_) if batch.is_empty() => return,
            Ok(_) => Ok(batch),
            Err(error) => Err(error),
        };
        let _ = sender.blocking_send(last);
    });
    receiver
}
