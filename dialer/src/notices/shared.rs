//! State shared by the tasks that serve WebSockets, the request handlers, and the poll for notices of other replicas.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bson::oid::ObjectId;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::hub::Hub;
use crate::metrics::{Dropped, Metrics, SocketState};
use crate::security::pending_sockets::PendingSockets;
use crate::store::Store;
use crate::store::fault::Reason;
use crate::store::live::Event;

/// Timeout for storing one notice in the database.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// State shared by all clones of `Notices`, and by the poll for notices of other replicas.
#[derive(Debug)]
pub(super) struct Inner {
    pub store: Arc<Store>,
    pub metrics: Arc<Metrics>,
    /// Id of this process. It is stored with each notice, so that the process does not read its own notices back.
    pub replica: String,
    pub hub: Mutex<Hub>,
    pub pending: Mutex<PendingSockets>,
    /// State of the poll for notices of other replicas. The poll starts and stops only while `hub` is locked.
    pub listening: watch::Sender<Listening>,
    pub writes: Arc<Semaphore>,
    pub stopping: CancellationToken,
    pub sockets: TaskTracker,
}

/// State of the poll for notices of other replicas: not running (`No`), started (`Begins`), or running after its first
/// pass (`Yes`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listening {
    No,
    Begins,
    Yes,
}

impl Inner {
    /// Stores an event, which contains a notice for other replicas, in the database. Returns false only if an event
    /// with the same id is already stored. Any other failure is logged and returns true.
    pub async fn write(&self, event: &Event) -> bool {
        let stored = tokio::time::timeout(WRITE_TIMEOUT, self.store.insert_event(event)).await;
        let why = match stored {
            Ok(Ok(())) => return true,
            Ok(Err(fault)) if fault.reason == Reason::DuplicateKey => return false,
            Ok(Err(fault)) => fault.reason,
            Err(_) => Reason::NoAnswer,
        };
        tracing::warn!(
            reason = why.name(),
            "a notice was not stored: other replicas are not told"
        );
        self.metrics.notices_dropped(Dropped::NotStored, 1);
        true
    }

    /// Delivers a message to all sockets that the tenant has in this process.
    pub fn deliver(&self, tenant: ObjectId, text: &Arc<str>) {
        let delivery = self.hub().deliver(tenant, text);
        self.metrics.notices_delivered(delivery.delivered);
        self.metrics
            .notices_dropped(Dropped::SlowSocket, delivery.dropped);
    }

    /// Updates the metric for the number of authenticated sockets.
    pub fn count(&self, hub: &Hub) {
        self.metrics.sockets(SocketState::Authenticated, hub.len());
    }

    pub fn hub(&self) -> MutexGuard<'_, Hub> {
        lock(&self.hub)
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
