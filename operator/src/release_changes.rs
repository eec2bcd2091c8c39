//! Notifications between controllers about changed releases and probe results. Each controller watches only its own
//! namespace, but its environments may promote from an environment in another namespace.

use futures::{Stream, stream};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::release::gate::EnvironmentRef;

/// Maximum number of pending notifications. A receiver that falls further behind is notified that it missed some.
const MAX_PENDING: usize = 256;

/// Broadcasts references to environments with changed releases to the controllers of all namespaces.
#[derive(Clone, Debug)]
pub struct ReleaseChanges(broadcast::Sender<EnvironmentRef>);

impl Default for ReleaseChanges {
    fn default() -> Self {
        Self(broadcast::channel(MAX_PENDING).0)
    }
}

impl ReleaseChanges {
    /// Notifies all subscribers that a release or the probe results of the environment `changed` have changed. Having
    /// no subscriber is not an error.
    pub fn notify(&self, changed: EnvironmentRef) {
        let _ = self.0.send(changed);
    }

    /// Returns a stream of the environments for which [`Self::notify`] is called from now on. The item `None` means
    /// that notifications were missed, so any environment may have changed.
    pub fn subscribe(&self) -> impl Stream<Item = Option<EnvironmentRef>> + Send + use<> {
        stream::unfold(self.0.subscribe(), |mut changes| async move {
            match changes.recv().await {
                Ok(changed) => Some((Some(changed), changes)),
                Err(RecvError::Lagged(_)) => Some((None, changes)),
                Err(RecvError::Closed) => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    fn environment(name: &str) -> EnvironmentRef {
        EnvironmentRef {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        }
    }

    #[tokio::test]
    async fn what_is_told_is_heard_by_everybody_who_listens() {
        let changes = ReleaseChanges::default();
        changes.notify(environment("unheard"));
        let mut listeners = [Box::pin(changes.subscribe()), Box::pin(changes.subscribe())];
        changes.notify(environment("staging"));
        for listener in &mut listeners {
            assert_eq!(listener.next().await, Some(Some(environment("staging"))));
        }
    }

    #[tokio::test]
    async fn who_falls_behind_learns_that_something_was_missed() {
        let changes = ReleaseChanges::default();
        let mut late = Box::pin(changes.subscribe());
        for n in 0..=MAX_PENDING {
            changes.notify(environment(&n.to_string()));
        }
        assert_eq!(late.next().await, Some(None));
        assert_eq!(late.next().await, Some(Some(environment("1"))));
    }
}
