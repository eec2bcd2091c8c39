//! Wakes an environment from beside its reconcile: an answer has come that no watch tells of.

use futures::{Stream, StreamExt, stream};
use kube::Resource;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::broadcast::{self, error::RecvError};

/// Calls that are waiting; beyond that the oldest are forgotten, and those environments look again by themselves.
const WAITING: usize = 1024;

/// Calls environments by namespace and name.
#[derive(Clone, Debug)]
pub struct Wakes(broadcast::Sender<(String, String)>);

impl Default for Wakes {
    fn default() -> Self {
        Self(broadcast::channel(WAITING).0)
    }
}

impl Wakes {
    /// Calls one. Nobody listening is no error: a reconcile looks again by itself.
    pub fn wake(&self, namespace: &str, name: &str) {
        let _ = self.0.send((namespace.to_owned(), name.to_owned()));
    }

    /// The calls for environments of one namespace.
    pub fn of<K>(&self, namespace: &str) -> impl Stream<Item = ObjectRef<K>> + Send + use<K>
    where
        K: Resource<DynamicType = ()> + Send + 'static,
    {
        let namespace = namespace.to_owned();
        let calls = stream::unfold(self.0.subscribe(), |mut calls| async move {
            loop {
                match calls.recv().await {
                    Ok(call) => return Some((call, calls)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        });
        calls.filter_map(move |(called, name)| {
            let here = (called == namespace).then(|| ObjectRef::new(&name).within(&called));
            async move { here }
        })
    }
}

#[cfg(test)]
mod tests {
    use crokodial_crds::CrokodialEnvironment;

    use super::*;

    #[tokio::test]
    async fn a_call_is_heard_in_its_namespace_only() {
        let wakes = Wakes::default();
        wakes.wake("shop", "unheard");
        let mut heard = Box::pin(wakes.of::<CrokodialEnvironment>("shop"));
        wakes.wake("other", "prod");
        wakes.wake("shop", "staging");
        let first = heard.next().await.unwrap();
        assert_eq!(
            (first.name.as_str(), first.namespace.as_deref()),
            ("staging", Some("shop"))
        );
    }

    #[tokio::test]
    async fn too_many_calls_cost_the_oldest_and_nothing_else() {
        let wakes = Wakes::default();
        let mut heard = Box::pin(wakes.of::<CrokodialEnvironment>("shop"));
        for n in 0..=WAITING {
            wakes.wake("shop", &n.to_string());
        }
        assert_eq!(heard.next().await.unwrap().name, "1");
    }
}
