//! Notices about leads, which are pushed to users over WebSockets. Sockets of this process receive a notice directly;
//! other replicas read it from the database within about a second. A notice is delivered at most once, so clients
//! reload their data when they reconnect.

mod hub;
mod poll;
mod shared;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bson::oid::ObjectId;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accounts::Identity;
use crate::clock::now_ms;
use crate::domain::notice::Notice;
use crate::domain::socket::CloseReason;
use crate::metrics::{Dropped, Metrics, SocketState};
use crate::store::Store;
use crate::store::live::Event;

pub use hub::Inbox;
use shared::{Inner, Listening, lock};

/// Maximum number of notices that are being written to the database at the same time. Further notices are delivered
/// only to sockets of this process.
const MAX_WRITES: u32 = 64;

/// Maximum time that a new socket waits for the first poll for notices of other replicas.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum time that shutdown waits for all sockets to close and for all notices to be stored.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Service that delivers notices to the open WebSockets of this process and to other replicas. All clones share the
/// same state.
#[derive(Debug, Clone)]
pub struct Notices(Arc<Inner>);

impl Notices {
    pub fn new(store: Arc<Store>, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner {
            store,
            metrics,
            replica: ObjectId::new().to_hex(),
            hub: Mutex::default(),
            pending: Mutex::default(),
            listening: watch::Sender::new(Listening::No),
            writes: Arc::new(Semaphore::new(MAX_WRITES.try_into().unwrap_or(1))),
            stopping: CancellationToken::new(),
            sockets: TaskTracker::new(),
        }))
    }

    /// Sends a notice to all sockets of a tenant, on all replicas. Returns immediately. A failure to store the notice
    /// for other replicas is only logged. A notice with a deduplication key ([`Notice::once`]) is dropped if a notice
    /// with the same key is already stored.
    pub fn publish(&self, tenant: ObjectId, notice: &Notice) {
        let at_ms = now_ms();
        let text: Arc<str> = notice.text(at_ms).into();
        let once = notice.once(tenant);
        // A notice that must be sent only once is not delivered yet: the process that stores its event first delivers
        // it.
        let told = once.is_none();
        if told {
            self.0.deliver(tenant, &text);
        }
        let Ok(permit) = Arc::clone(&self.0.writes).try_acquire_owned() else {
            tracing::warn!("too many notices at once: other replicas are not told");
            self.0.metrics.notices_dropped(Dropped::NotStored, 1);
            if !told {
                self.0.deliver(tenant, &text);
            }
            return;
        };
        let event = Event {
            id: once.unwrap_or_else(|| ObjectId::new().to_hex()),
            tenant,
            from: self.0.replica.clone(),
            text: text.to_string(),
            at_ms,
        };
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            let first = inner.write(&event).await;
            if first && !told {
                inner.deliver(tenant, &text);
            }
            drop(permit);
        });
    }

    /// Waits until the writes of all notices published so far have ended, and the notices have been queued for the
    /// sockets of this process.
    pub async fn settled(&self) {
        let _all = self.0.writes.acquire_many(MAX_WRITES).await;
    }

    /// Counts a socket as pending (not yet authenticated) until the returned guard is dropped. Returns `None` if too
    /// many sockets are pending, in total or from `address`.
    pub fn admit(&self, address: IpAddr) -> Option<PendingSocket> {
        let mut pending = lock(&self.0.pending);
        pending.enter(address).then(|| {
            let waiting = pending.waiting();
            self.0.metrics.sockets(SocketState::Waiting, waiting);
            PendingSocket {
                inner: Arc::clone(&self.0),
                address,
            }
        })
    }

    /// Subscribes a socket of an authenticated user to the notices of this user. Waits, for at most 10 s, until this
    /// process also polls for notices of other replicas.
    ///
    /// # Errors
    /// `TooMany` if the user or this process has too many sockets, `ShuttingDown` during shutdown.
    pub async fn join(&self, identity: &Identity) -> Result<Subscription, CloseReason> {
        let mut listening = self.0.listening.subscribe();
        let subscription = {
            let mut hub = self.0.hub();
            let (user, session) = (identity.user.id, &identity.session);
            let (number, inbox) = hub.join(user, session, identity.ends_ms)?;
            self.0.count(&hub);
            self.begin_listening();
            Subscription {
                inner: Arc::clone(&self.0),
                number,
                inbox,
            }
        };
        let heard = listening.wait_for(|now| *now == Listening::Yes);
        tokio::select! {
            _ = tokio::time::timeout(LISTEN_TIMEOUT, heard) => {}
            () = self.0.stopping.cancelled() => {}
        }
        Ok(subscription)
    }

    /// Starts polling for notices of other replicas, unless the poll is already running. The caller must hold the lock
    /// on the hub.
    fn begin_listening(&self) {
        let begins = self.0.listening.send_if_modified(|now| {
            let begins = *now == Listening::No;
            if begins {
                *now = Listening::Begins;
            }
            begins
        });
        if begins {
            tokio::spawn(poll::run(Arc::clone(&self.0)));
        }
    }

    /// Returns the number of authenticated sockets of this process.
    pub fn open(&self) -> usize {
        self.0.hub().len()
    }

    /// Returns a token that is cancelled when all sockets must close.
    pub fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }

    /// Returns the tracker of all tasks that serve sockets, so that shutdown can wait for them.
    pub fn sockets(&self) -> &TaskTracker {
        &self.0.sockets
    }

    /// Closes all sockets. Waits at most 5 s until they are closed and all notices are stored.
    pub async fn shut_down(&self) {
        self.0.stopping.cancel();
        self.0.hub().close();
        self.0.sockets.close();
        let ended = async {
            self.settled().await;
            self.0.sockets.wait().await;
        };
        if tokio::time::timeout(DRAIN_TIMEOUT, ended).await.is_err() {
            tracing::warn!("some WebSockets did not end in time");
        }
    }
}

/// Guard for a socket that is not authenticated yet. The socket counts as pending until the guard is dropped.
#[derive(Debug)]
pub struct PendingSocket {
    inner: Arc<Inner>,
    address: IpAddr,
}

impl Drop for PendingSocket {
    fn drop(&mut self) {
        let mut pending = lock(&self.inner.pending);
        pending.leave(self.address);
        let waiting = pending.waiting();
        self.inner.metrics.sockets(SocketState::Waiting, waiting);
    }
}

/// Subscription of a socket to the notices of its user. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Subscription {
    inner: Arc<Inner>,
    number: u64,
    pub inbox: Inbox,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut hub = self.inner.hub();
        hub.leave(self.number);
        self.inner.count(&hub);
    }
}
