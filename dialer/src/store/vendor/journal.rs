//! The journal of CSV imports, which allows any process to continue an interrupted import. `csvimports` has one
//! document per import. `csvimportrows` contains the batches of rows that are not finished. Finishing a batch stores
//! its counts once and deletes its rows. The counts of an import are the sum over its batches, so no row is counted
//! twice. An import that fails keeps the leads that it has written.

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};
use futures::TryStreamExt;

use crate::domain::vendor::file::row::{Row, RowCounts};
use crate::domain::vendor::file::scan::Scan;
use crate::domain::vendor::file::vendor::Vendor;
use crate::store::database::Store;
use crate::store::fault::{Fault, Reason};
use crate::store::lease::{Chain, Lease};
use crate::store::numbers::number;

const IMPORTS: &str = "csvimports";
const ROWS: &str = "csvimportrows";

/// Collection of the counts of finished batches. It is separate from the rows, so that progress can be read without
/// loading rows.
const COUNTS: &str = "csvimportcounts";

/// Collection of locks, with one document per tenant that has an unfinished import. The `_id` is the tenant, so a
/// second import cannot start.
const LOCKS: &str = "csvimportlocks";

/// Time for which ended imports are kept, in milliseconds: 90 days.
const RETENTION_MS: i64 = 90 * 24 * 3_600_000;

/// Maximum number of imports that are returned as a list.
const MAX_LISTED: i64 = 20;

/// State of an import while its rows are written to the journal. No lead has been changed yet.
const PREPARING: &str = "preparing";
const RUNNING: &str = "running";
const DONE: &str = "done";
const FAILED: &str = "failed";

/// An import that is in the state `preparing` or `running`.
#[derive(Debug, Clone)]
pub struct UnfinishedImport {
    pub id: ObjectId,
    pub tenant: ObjectId,
    pub vendor: Vendor,
    pub headers: Vec<String>,
    /// Start time of the import, in milliseconds since 1970.
    pub began_ms: i64,
    pub batches: i64,
    /// True if all rows are in the journal, so that leads may be written.
    pub running: bool,
}

impl UnfinishedImport {
    fn from_document(document: &Document) -> Option<Self> {
        let headers = document.get_array("headers").ok()?;
        Some(Self {
            id: document.get_object_id("_id").ok()?,
            tenant: document.get_object_id("tenantId").ok()?,
            vendor: Vendor::named(document.get_str("vendor").ok()?)?,
            headers: headers
                .iter()
                .map(|header| header.as_str().unwrap_or_default().to_owned())
                .collect(),
            began_ms: document.get_datetime("createdAt").ok()?.timestamp_millis(),
            batches: number(document.get("batches")).unwrap_or_default(),
            running: document.get_str("state") == Ok(RUNNING),
        })
    }
}

impl Store {
    /// Returns true if the tenant has an unfinished import.
    pub async fn import_under_way(&self, tenant: ObjectId) -> Result<bool, Fault> {
        let locks = self.collection(LOCKS).await?;
        Ok(locks.find_one(doc! { "_id": tenant }).await?.is_some())
    }

    /// Creates an import and takes its lease. Returns `None` if the tenant already has an unfinished import.
    pub async fn begin_import(
        &self,
        tenant: ObjectId,
        file_name: &str,
        scan: &Scan,
        now_ms: i64,
    ) -> Result<Option<(UnfinishedImport, Lease)>, Fault> {
        let id = ObjectId::new();
        // The lease comes first, because an import without a valid lease counts as abandoned.
        let Ok(lease) = self.take_lease(Chain::Import(id), now_ms).await? else {
            return Ok(None);
        };
        let warnings = scan
            .warnings
            .iter()
            .map(|w| doc! { "row": i64::from(w.row), "column": &w.column, "message": &w.message });
        let document = doc! {
            "_id": id,
            "tenantId": tenant,
            "vendor": scan.vendor.name(),
            "fileName": file_name,
            "state": PREPARING,
            "headers": &scan.headers,
            "batches": 0_i64,
            "leads": i64::from(scan.leads),
            "skipped": i64::from(scan.skipped),
            "errors": i64::from(scan.errors),
            "warnings": warnings.collect::<Vec<Document>>(),
            "warningCount": i64::from(scan.warning_count),
            "createdAt": DateTime::from_millis(now_ms),
        };
        // The import is inserted before the lock, so that every lock refers to an import. Cleanup removes both.
        let imports = self.collection(IMPORTS).await?;
        imports.insert_one(&document).await?;
        let locks = self.collection(LOCKS).await?;
        let locked = locks
            .insert_one(doc! { "_id": tenant, "importId": id })
            .await
            .map_err(Fault::from);
        match locked {
            Ok(_) => Ok(UnfinishedImport::from_document(&document).map(|import| (import, lease))),
            Err(fault) => {
                imports.delete_one(doc! { "_id": id }).await?;
                self.delete_leases(Chain::Import(id)).await?;
                if fault.reason == Reason::DuplicateKey {
                    Ok(None)
                } else {
                    Err(fault)
                }
            }
        }
    }

    /// Writes a batch of rows to the journal. `at` is the number of the batch, starting at 0.
    pub async fn journal_rows(
        &self,
        import: &UnfinishedImport,
        at: i64,
        rows: &[Row],
    ) -> Result<(), Fault> {
        let rows = rows
            .iter()
            .map(|row| doc! { "n": i64::from(row.number), "cells": &row.cells });
        let document = doc! {
            "_id": batch_id(import.id, at),
            "importId": import.id,
            "rows": rows.collect::<Vec<Document>>(),
        };
        let batches = self.collection(ROWS).await?;
        batches.insert_one(document).await?;
        Ok(())
    }

    /// Changes the state of an import to `running`, after all rows have been written to the journal. Returns false if
    /// the import has been marked as failed in the meantime.
    pub async fn start_import(
        &self,
        import: &mut UnfinishedImport,
        batches: i64,
    ) -> Result<bool, Fault> {
        let set = doc! { "$set": { "state": RUNNING, "batches": batches } };
        let imports = self.collection(IMPORTS).await?;
        let own = doc! { "_id": import.id, "state": PREPARING };
        let done = imports.update_one(own, set).await?;
        import.batches = batches;
        import.running = done.matched_count > 0;
        Ok(import.running)
    }

    /// Returns the rows of batch `at` from the journal; `None` if the batch is already finished.
    pub async fn journalled_rows(
        &self,
        import: &UnfinishedImport,
        at: i64,
    ) -> Result<Option<Vec<Row>>, Fault> {
        let batches = self.collection(ROWS).await?;
        let batch = batches
            .find_one(doc! { "_id": batch_id(import.id, at) })
            .await?;
        let rows = batch
            .as_ref()
            .and_then(|batch| batch.get_array("rows").ok());
        Ok(rows.map(|rows| rows.iter().filter_map(row).collect()))
    }

    /// Finishes a batch: stores its counts and deletes its rows from the journal.
    pub async fn finish_batch(
        &self,
        import: &UnfinishedImport,
        at: i64,
        counts: RowCounts,
    ) -> Result<(), Fault> {
        let id = batch_id(import.id, at);
        let mut document = doc! { "_id": &id, "importId": import.id };
        document.extend(stored(counts));
        let done = self.collection(COUNTS).await?;
        match done.insert_one(document).await.map_err(Fault::from) {
            // A process that worked on this batch before ended after it stored the counts. Its counts are correct.
            Err(fault) if fault.reason != Reason::DuplicateKey => return Err(fault),
            _ => {}
        }
        let batches = self.collection(ROWS).await?;
        batches.delete_one(doc! { "_id": id }).await?;
        Ok(())
    }

    /// Returns the sum of the counts of all finished batches of an import.
    pub async fn import_counts(&self, import: ObjectId) -> Result<RowCounts, Fault> {
        let done = self.collection(COUNTS).await?;
        let mut batches = done.find(doc! { "importId": import }).await?;
        let mut counts = RowCounts::default();
        while let Some(batch) = batches.try_next().await? {
            counts = counts.plus(read_counts(&batch));
        }
        Ok(counts)
    }

    /// Finishes an import: deletes its journal and releases the tenant's lock. Returns the total counts.
    pub async fn finish_import(&self, import: &UnfinishedImport) -> Result<RowCounts, Fault> {
        let counts = self.import_counts(import.id).await?;
        let set = doc! { "state": DONE, "counts": stored(counts), "finishedAt": DateTime::now() };
        self.end_import(import, RUNNING, set).await?;
        Ok(counts)
    }

    /// Marks an import as failed for the reason `why`. Leads that were already written are kept. The user can upload
    /// the same file again.
    pub async fn fail_import(&self, import: &UnfinishedImport, why: &str) -> Result<(), Fault> {
        let counts = self.import_counts(import.id).await?;
        let set = doc! {
            "state": FAILED, "message": why, "counts": stored(counts), "finishedAt": DateTime::now(),
        };
        let state = if import.running { RUNNING } else { PREPARING };
        self.end_import(import, state, set).await
    }

    async fn end_import(
        &self,
        import: &UnfinishedImport,
        state: &str,
        set: Document,
    ) -> Result<(), Fault> {
        let imports = self.collection(IMPORTS).await?;
        // A second call has no effect, because the state no longer matches.
        let own = doc! { "_id": import.id, "state": state };
        imports.update_one(own, doc! { "$set": set }).await?;
        self.clear(import.id, import.tenant).await
    }

    async fn clear(&self, import: ObjectId, tenant: ObjectId) -> Result<(), Fault> {
        for journal in [ROWS, COUNTS] {
            let journal = self.collection(journal).await?;
            journal.delete_many(doc! { "importId": import }).await?;
        }
        self.delete_leases(Chain::Import(import)).await?;
        // The lock is deleted last: cleanup finds imports by their lock.
        let locks = self.collection(LOCKS).await?;
        let lock = doc! { "_id": tenant, "importId": import };
        locks.delete_one(lock).await?;
        Ok(())
    }

    /// Returns the imports of all tenants that are in the state `preparing` or `running`.
    pub async fn unfinished_imports(&self) -> Result<Vec<UnfinishedImport>, Fault> {
        let imports = self.collection(IMPORTS).await?;
        let found: Vec<Document> = imports
            .find(doc! { "state": { "$in": [PREPARING, RUNNING] } })
            .await?
            .try_collect()
            .await?;
        Ok(found
            .iter()
            .filter_map(UnfinishedImport::from_document)
            .collect())
    }

    /// Deletes the journal and the lock of imports that have ended. The process that ended such an import was
    /// interrupted before it could delete them.
    pub async fn clear_ended_imports(&self) -> Result<(), Fault> {
        let locks = self.collection(LOCKS).await?;
        let imports = self.collection(IMPORTS).await?;
        let held: Vec<Document> = locks.find(doc! {}).await?.try_collect().await?;
        for lock in held {
            let (Ok(tenant), Ok(id)) = (lock.get_object_id("_id"), lock.get_object_id("importId"))
            else {
                continue;
            };
            let import = imports.find_one(doc! { "_id": id }).await?;
            let state = import
                .as_ref()
                .map(|i| i.get_str("state").unwrap_or_default());
            if !matches!(state, Some(PREPARING | RUNNING)) {
                self.clear(id, tenant).await?;
            }
        }
        Ok(())
    }

    /// Returns the document of an import with its counts so far; `None` if it does not exist or belongs to another
    /// tenant.
    pub async fn import(&self, tenant: ObjectId, id: ObjectId) -> Result<Option<Document>, Fault> {
        let imports = self.collection(IMPORTS).await?;
        let found = imports
            .find_one(doc! { "_id": id, "tenantId": tenant })
            .projection(doc! { "headers": 0 })
            .await?;
        match found {
            Some(import) => Ok(Some(self.with_counts(import).await?)),
            None => Ok(None),
        }
    }

    /// Adds the current counts to the document of an import. The document of an ended import already contains them.
    async fn with_counts(&self, mut import: Document) -> Result<Document, Fault> {
        if !import.contains_key("counts")
            && let Ok(id) = import.get_object_id("_id")
        {
            let counts = self.import_counts(id).await?;
            import.insert("counts", stored(counts));
        }
        Ok(import)
    }

    /// Returns the tenant's most recent imports, newest first, at most 20, without their warnings.
    pub async fn imports(&self, tenant: ObjectId) -> Result<Vec<Document>, Fault> {
        let imports = self.collection(IMPORTS).await?;
        let mut found = imports
            .find(doc! { "tenantId": tenant })
            .sort(doc! { "createdAt": -1, "_id": -1 })
            .limit(MAX_LISTED)
            .projection(doc! { "headers": 0, "warnings": 0 })
            .await?;
        let mut imports = Vec::new();
        while let Some(import) = found.try_next().await? {
            imports.push(self.with_counts(import).await?);
        }
        Ok(imports)
    }

    /// Deletes imports that ended 90 days ago or earlier. Returns their number.
    pub async fn purge_imports(&self, now_ms: i64) -> Result<u64, Fault> {
        let until = now_ms.saturating_sub(RETENTION_MS);
        self.purge(IMPORTS, "finishedAt", until).await
    }
}

fn batch_id(import: ObjectId, at: i64) -> String {
    format!("{}:{at}", import.to_hex())
}

fn row(stored: &Bson) -> Option<Row> {
    let stored = stored.as_document()?;
    let cells = stored.get_array("cells").ok()?.iter();
    Some(Row {
        number: u32::try_from(number(stored.get("n"))?).ok()?,
        cells: cells
            .map(|cell| cell.as_str().unwrap_or_default().to_owned())
            .collect(),
    })
}

fn stored(counts: RowCounts) -> Document {
    doc! {
        "imported": i64::from(counts.imported),
        "updated": i64::from(counts.updated),
        "unchanged": i64::from(counts.unchanged),
    }
}

/// Parses stored counts. Missing counts are 0.
pub fn read_counts(counts: &Document) -> RowCounts {
    let count = |name: &str| {
        let count = number(counts.get(name)).and_then(|n| u32::try_from(n).ok());
        count.unwrap_or_default()
    };
    RowCounts {
        imported: count("imported"),
        updated: count("updated"),
        unchanged: count("unchanged"),
    }
}
