//! Resources shared by all CSV imports of a process.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::notices::Notices;
use crate::store::Store;

/// Maximum number of concurrent imports per process, because each import takes several megabytes of memory.
const MAX_CONCURRENT: usize = 2;

/// Resources shared by all imports of a process: the database, notices to users, import slots, and the directory for
/// uploaded files.
#[derive(Debug)]
pub struct Importer {
    pub store: Arc<Store>,
    pub(super) notices: Notices,
    spool_dir: PathBuf,
    places: Arc<Semaphore>,
    stopping: Arc<AtomicBool>,
}

impl Importer {
    pub fn new(store: Arc<Store>, notices: Notices, spool_dir: PathBuf) -> Self {
        Self {
            store,
            notices,
            spool_dir,
            places: Arc::new(Semaphore::new(MAX_CONCURRENT)),
            stopping: Arc::default(),
        }
    }

    /// Reserves a slot for an import until the returned permit is dropped. Returns `None` if all slots are taken.
    pub fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// Creates an unnamed temporary file, which the operating system deletes when it is closed.
    ///
    /// # Errors
    /// If the file cannot be created in the spool directory.
    pub fn spool(&self) -> std::io::Result<File> {
        tempfile::tempfile_in(&self.spool_dir)
    }

    /// Makes running imports stop after their current batch, so that another process can continue them.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(super) fn stopping(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stopping)
    }
}
