//! Registry of the authenticated WebSockets of this process, each with a bounded queue of notices.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bson::oid::ObjectId;
use tokio::sync::{mpsc, watch};

use crate::domain::socket::{AuthFailure, CloseReason, MAX_PER_USER};

/// Maximum number of authenticated WebSockets per process.
pub const MAX_SOCKETS: usize = 2048;

/// Maximum number of notices in a socket's queue, enough for a burst of leads. If the queue is full, the socket is
/// closed, and the client reloads its data when it reconnects.
pub const QUEUE_LENGTH: usize = 256;

/// The hub's side of a subscription: the user and session of a socket, and the channels that lead to it.
#[derive(Debug)]
struct Subscriber {
    user: ObjectId,
    session: String,
    ends_ms: i64,
    queue: mpsc::Sender<Arc<str>>,
    closing: watch::Sender<Option<CloseReason>>,
}

/// The socket's side of a subscription: the notices to send to the client, and the reason to close the socket.
#[derive(Debug)]
pub struct Inbox {
    pub queue: mpsc::Receiver<Arc<str>>,
    pub closing: watch::Receiver<Option<CloseReason>>,
}

/// Number of sockets for which a notice was queued (`delivered`) and for which it could not be queued (`dropped`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivery {
    pub delivered: usize,
    pub dropped: usize,
}

/// All subscriptions of this process, indexed by subscription number and by user.
#[derive(Debug, Default)]
pub struct Hub {
    subscribers: HashMap<u64, Subscriber>,
    of_user: HashMap<ObjectId, HashSet<u64>>,
    next: u64,
    closed: bool,
}

impl Hub {
    /// Adds a subscription for a socket and returns its number and its [`Inbox`]. `ends_ms` is the time at which the
    /// session expires, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// `TooMany` if the user or this process has too many sockets, `ShuttingDown` after [`Self::close`].
    pub fn join(
        &mut self,
        user: ObjectId,
        session: &str,
        ends_ms: i64,
    ) -> Result<(u64, Inbox), CloseReason> {
        if self.closed {
            return Err(CloseReason::ShuttingDown);
        }
        let own = self.of_user.get(&user).map_or(0, HashSet::len);
        if own >= MAX_PER_USER || self.subscribers.len() >= MAX_SOCKETS {
            return Err(CloseReason::TooMany);
        }
        let (to_queue, queue) = mpsc::channel(QUEUE_LENGTH);
        let (close, closing) = watch::channel(None);
        let number = self.next;
        self.next += 1;
        let subscriber = Subscriber {
            user,
            session: session.to_owned(),
            ends_ms,
            queue: to_queue,
            closing: close,
        };
        self.subscribers.insert(number, subscriber);
        self.of_user.entry(user).or_default().insert(number);
        Ok((number, Inbox { queue, closing }))
    }

    /// Removes a subscription. Does nothing if it does not exist.
    pub fn leave(&mut self, number: u64) {
        let Some(subscriber) = self.subscribers.remove(&number) else {
            return;
        };
        if let Some(own) = self.of_user.get_mut(&subscriber.user) {
            own.remove(&number);
            if own.is_empty() {
                self.of_user.remove(&subscriber.user);
            }
        }
    }

    pub fn len(&self) -> usize {
        self.subscribers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// Returns true if the tenant has a socket in this process.
    pub fn has(&self, tenant: ObjectId) -> bool {
        self.of_user.contains_key(&tenant)
    }

    /// Queues a message for every socket of the tenant. Closes sockets whose queue is full.
    pub fn deliver(&self, tenant: ObjectId, text: &Arc<str>) -> Delivery {
        let mut delivery = Delivery::default();
        for number in self.of_user.get(&tenant).into_iter().flatten() {
            let Some(subscriber) = self.subscribers.get(number) else {
                continue;
            };
            match subscriber.queue.try_send(Arc::clone(text)) {
                Ok(()) => delivery.delivered += 1,
                Err(_) => {
                    delivery.dropped += 1;
                    subscriber.close(CloseReason::TooSlow);
                }
            }
        }
        delivery
    }

    /// Returns the ids of all sessions that have a socket in this process.
    pub fn sessions(&self) -> Vec<String> {
        let keys: HashSet<&String> = self
            .subscribers
            .values()
            .map(|subscriber| &subscriber.session)
            .collect();
        keys.into_iter().cloned().collect()
    }

    /// Closes the sockets of all sessions that expire at or before `now_ms` or are listed in `gone`.
    pub fn end(&self, gone: &HashSet<String>, now_ms: i64) {
        for subscriber in self.subscribers.values() {
            if subscriber.ends_ms <= now_ms || gone.contains(&subscriber.session) {
                subscriber.close(CloseReason::Refused(AuthFailure::InvalidToken));
            }
        }
    }

    /// Closes all sockets. Afterwards, [`Self::join`] rejects new ones.
    pub fn close(&mut self) {
        self.closed = true;
        for subscriber in self.subscribers.values() {
            subscriber.close(CloseReason::ShuttingDown);
        }
    }
}

impl Subscriber {
    /// Makes the socket close for the given reason. If a reason is already set, it is kept.
    fn close(&self, why: CloseReason) {
        self.closing.send_if_modified(|closing| {
            let first = closing.is_none();
            closing.get_or_insert(why);
            first
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(ends: &mut Inbox) -> Vec<String> {
        std::iter::from_fn(|| ends.queue.try_recv().ok())
            .map(|text| text.to_string())
            .collect()
    }

    #[test]
    fn a_tenant_hears_its_own_on_every_socket_and_nobody_else_does() {
        let mut hub = Hub::default();
        let (one, two) = (ObjectId::new(), ObjectId::new());
        let (_, mut first) = hub.join(one, "a", 9).unwrap();
        let (_, mut second) = hub.join(one, "b", 9).unwrap();
        let (_, mut other) = hub.join(two, "c", 9).unwrap();
        let delivery = hub.deliver(one, &"x".into());
        assert_eq!((delivery.delivered, delivery.dropped), (2, 0));
        assert_eq!(told(&mut first), ["x"]);
        assert_eq!(told(&mut second), ["x"]);
        assert!(told(&mut other).is_empty());
        assert_eq!(
            hub.deliver(ObjectId::new(), &"x".into()),
            Delivery::default()
        );
    }

    #[test]
    fn who_does_not_read_is_closed_and_the_others_hear_everything() {
        let mut hub = Hub::default();
        let user = ObjectId::new();
        let (_, slow) = hub.join(user, "a", 9).unwrap();
        let (_, mut quick) = hub.join(user, "b", 9).unwrap();
        for n in 0..=QUEUE_LENGTH {
            assert_eq!(*slow.closing.borrow(), None, "{n}");
            let delivery = hub.deliver(user, &"x".into());
            assert_eq!(delivery.dropped, usize::from(n == QUEUE_LENGTH));
            assert_eq!(told(&mut quick).len(), 1);
        }
        assert_eq!(*slow.closing.borrow(), Some(CloseReason::TooSlow));
        assert_eq!(*quick.closing.borrow(), None);
    }

    #[test]
    fn the_eleventh_is_refused_the_ten_stay_and_a_place_is_free_again() {
        let mut hub = Hub::default();
        let user = ObjectId::new();
        let ten: Vec<_> = (0..MAX_PER_USER)
            .map(|_| hub.join(user, "a", 9).unwrap())
            .collect();
        assert_eq!(hub.join(user, "a", 9).unwrap_err(), CloseReason::TooMany);
        assert!(ten.iter().all(|(_, ends)| ends.closing.borrow().is_none()));
        hub.join(ObjectId::new(), "b", 9).unwrap();
        hub.leave(ten[3].0);
        hub.leave(ten[3].0);
        hub.join(user, "a", 9).unwrap();
        assert_eq!(hub.join(user, "a", 9).unwrap_err(), CloseReason::TooMany);
    }

    #[test]
    fn sockets_end_with_their_session_and_at_its_end() {
        let mut hub = Hub::default();
        let user = ObjectId::new();
        let (_, gone) = hub.join(user, "gone", 100).unwrap();
        let (_, past) = hub.join(user, "past", 50).unwrap();
        let (_, living) = hub.join(user, "living", 100).unwrap();
        hub.end(&HashSet::from(["gone".to_owned()]), 50);
        let ended = Some(CloseReason::Refused(AuthFailure::InvalidToken));
        assert_eq!(*gone.closing.borrow(), ended);
        assert_eq!(*past.closing.borrow(), ended);
        assert_eq!(*living.closing.borrow(), None);
        hub.close();
        assert_eq!(*living.closing.borrow(), Some(CloseReason::ShuttingDown));
        assert_eq!(*gone.closing.borrow(), ended, "the first reason stands");
        assert_eq!(
            hub.join(user, "x", 9).unwrap_err(),
            CloseReason::ShuttingDown
        );
    }

    #[test]
    fn nothing_is_left_of_sockets_that_ended() {
        let mut hub = Hub::default();
        let user = ObjectId::new();
        let (number, _ends) = hub.join(user, "a", 9).unwrap();
        assert!(hub.has(user) && hub.len() == 1);
        hub.leave(number);
        assert!(hub.is_empty() && !hub.has(user) && hub.of_user.is_empty());
    }
}
