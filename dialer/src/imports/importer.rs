//! Resources of a process for imports.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::notices::Notices;
use crate::store::Store;

/// Maximum number of concurrent imports per process: each holds several megabytes.
const MAX_CONCURRENT: usize = 2;

/// Resources of a process for imports.
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

    /// A slot for an import; `None` if all are taken.
    pub fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// An unnamed temporary file, which is removed when it is closed.
    ///
    /// # Errors
    /// The directory is not writable.
    pub fn spool(&self) -> std::io::Result<File> {
        tempfile::tempfile_in(&self.spool_dir)
    }

    /// Makes imports stop after the current batch; another process continues them.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(super) fn stopping(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stopping)
    }
}
