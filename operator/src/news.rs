//! News of environments whose releases changed, for those that are promoted from them: other namespaces' watches do
//! not see each other.

use futures::{Stream, stream};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::release::gate::Place;

/// News that wait; who falls behind by more is told that something was missed.
const WAITING: usize = 256;

/// Told by whoever sees a change, heard in every namespace.
#[derive(Clone, Debug)]
pub struct News(broadcast::Sender<Place>);

impl Default for News {
    fn default() -> Self {
        Self(broadcast::channel(WAITING).0)
    }
}

impl News {
    /// A release of this environment changed, or how it answers. Nobody need be listening.
    pub fn tell(&self, changed: Place) {
        let _ = self.0.send(changed);
    }

    /// What is told from now on; `None`: something was missed, so anything may have changed.
    pub fn listen(&self) -> impl Stream<Item = Option<Place>> + Send + use<> {
        stream::unfold(self.0.subscribe(), |mut news| async move {
            match news.recv().await {
                Ok(place) => Some((Some(place), news)),
                Err(RecvError::Lagged(_)) => Some((None, news)),
                Err(RecvError::Closed) => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    fn place(name: &str) -> Place {
        Place {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        }
    }

    #[tokio::test]
    async fn what_is_told_is_heard_by_everybody_who_listens() {
        let news = News::default();
        news.tell(place("unheard"));
        let mut listeners = [Box::pin(news.listen()), Box::pin(news.listen())];
        news.tell(place("staging"));
        for listener in &mut listeners {
            assert_eq!(listener.next().await, Some(Some(place("staging"))));
        }
    }

    #[tokio::test]
    async fn who_falls_behind_learns_that_something_was_missed() {
        let news = News::default();
        let mut late = Box::pin(news.listen());
        for n in 0..=WAITING {
            news.tell(place(&n.to_string()));
        }
        assert_eq!(late.next().await, Some(None));
        assert_eq!(late.next().await, Some(Some(place("1"))));
    }
}
