//! Notices about leads, pushed to users over WebSockets. Sockets of this process receive a notice directly; other
//! replicas read it from the database within about a second. A notice is delivered at most once, so clients reload
//! their data when they reconnect.

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

/// Maximum number of events that are written concurrently. Notices beyond that are delivered in this process only.
const MAX_WRITES: u32 = 64;

/// How long a new socket waits for the first poll of other replicas' events.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long shutdown waits for all sockets to close.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The open sockets of this process, and delivery of notices to them. Clones share one state.
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

    /// Sends a notice to the owner of a lead. Returns immediately. If the event cannot be stored for other replicas,
    /// that is only logged.
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

    /// Waits until all notices so far have been stored and delivered to the sockets of this process.
    pub async fn settled(&self) {
        let _all = self.0.writes.acquire_many(MAX_WRITES).await;
    }

    /// Counts a socket as pending (not authenticated yet) until the returned guard is dropped. `None` if too many are
    /// pending.
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

    /// Subscribes the socket of an authenticated user. It receives every notice that any replica sends after this call.
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

    /// Starts the poll of other replicas' events, if it is not running. The caller must hold the lock on the hub.
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

    /// Number of authenticated sockets of this process.
    pub fn open(&self) -> usize {
        self.0.hub().len()
    }

    /// Token that is cancelled when all sockets must close.
    pub fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }

    /// Tracker of the tasks that serve sockets, so that shutdown can wait for them.
    pub fn sockets(&self) -> &TaskTracker {
        &self.0.sockets
    }

    /// Closes all sockets. Waits, with a timeout, until they are closed and all notices are stored.
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

/// A socket that is not authenticated yet. It is counted until this guard is dropped.
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

/// The subscription of a socket. Dropping it ends the subscription.
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
