//! Requests for reconciles after results that no Kubernetes watch reports, such as those of probes and smoke checks.

use futures::{Stream, StreamExt, stream};
use kube::Resource;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::broadcast::{self, error::RecvError};

/// Maximum number of pending requests. If it is exceeded, the oldest requests are dropped, and their environments are
/// reconciled at the next periodic resync.
const MAX_PENDING: usize = 1024;

/// Requests reconciles of environments. Each request is a pair of namespace and name.
#[derive(Clone, Debug)]
pub struct RequeueTrigger(broadcast::Sender<(String, String)>);

impl Default for RequeueTrigger {
    fn default() -> Self {
        Self(broadcast::channel(MAX_PENDING).0)
    }
}

impl RequeueTrigger {
    /// Requests a reconcile of one environment. If nothing is subscribed, the request is dropped, and the environment
    /// is reconciled at the next periodic resync.
    pub fn request(&self, namespace: &str, name: &str) {
        let _ = self.0.send((namespace.to_owned(), name.to_owned()));
    }

    /// Returns a stream of the environments in `namespace` for which a reconcile is requested from now on.
    pub fn requests<K>(&self, namespace: &str) -> impl Stream<Item = ObjectRef<K>> + Send + use<K>
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
        let trigger = RequeueTrigger::default();
        trigger.request("shop", "unheard");
        let mut heard = Box::pin(trigger.requests::<CrokodialEnvironment>("shop"));
        trigger.request("other", "prod");
        trigger.request("shop", "staging");
        let first = heard.next().await.unwrap();
        assert_eq!(
            (first.name.as_str(), first.namespace.as_deref()),
            ("staging", Some("shop"))
        );
    }

    #[tokio::test]
    async fn too_many_calls_cost_the_oldest_and_nothing_else() {
        let trigger = RequeueTrigger::default();
        let mut heard = Box::pin(trigger.requests::<CrokodialEnvironment>("shop"));
        for n in 0..=MAX_PENDING {
            trigger.request("shop", &n.to_string());
        }
        assert_eq!(heard.next().await.unwrap().name, "1");
    }
}
