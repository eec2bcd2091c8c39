//! What a process has for imports.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::notices::Notices;
use crate::store::Store;

/// Imports that a process works on at a time: each holds some megabytes.
const MAX_CONCURRENT: usize = 2;

/// What a process needs for imports.
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

    /// One of the places of this process; `None` while all are taken.
    pub fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// A file that is gone when it is closed, however that comes about: it has no name.
    ///
    /// # Errors
    /// The directory cannot be written to.
    pub fn spool(&self) -> std::io::Result<File> {
        tempfile::tempfile_in(&self.spool_dir)
    }

    /// From now on imports stop after the batch they are at; another process goes on with them.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(super) fn stopping(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stopping)
    }
}
