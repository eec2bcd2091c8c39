//! What other parts of the application have to do with imports: one function for each.

use mongodb::bson::oid::ObjectId;

use crate::domain::vendor::file::Counts;

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub tenant: ObjectId,
    pub import: ObjectId,
    /// Batches that are done, of all.
    pub done: i64,
    pub batches: i64,
    /// Of the batches that this process did.
    pub counts: Counts,
}

/// Told after every batch and, with `done` = `batches`, at the end: `CSV_IMPORT_PROGRESS` and the summary for the
/// tenant's sockets. There are no sockets yet.
pub fn tell_progress(progress: &Progress) {
    tracing::debug!(
        import = %progress.import,
        done = progress.done,
        batches = progress.batches,
        "an import goes on"
    );
}
