//! Timeouts of API calls, and errors that name the call.

use std::pin::Pin;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::error::IoError;
use super::kinds::Kind;

/// Timeout of an API call. The API server normally responds within milliseconds.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Returns the namespace and name of an object; a missing one is an empty string.
pub(super) fn place(metadata: &ObjectMeta) -> (&str, &str) {
    (
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

/// Awaits a read call with the timeout [`CALL_TIMEOUT`]. The future is boxed because the client's futures are large,
/// and a reconcile runs two dozen of them concurrently.
pub(super) async fn within<K: Kind, T>(
    verb: &'static str,
    name: &str,
    call: Pin<Box<impl Future<Output = kube::Result<T>>>>,
) -> Result<T, IoError> {
    deadline(verb, &K::kind(&()), name, CALL_TIMEOUT, call).await
}

pub(super) async fn deadline<T>(
    verb: &'static str,
    kind: &str,
    name: &str,
    after: Duration,
    call: impl Future<Output = kube::Result<T>>,
) -> Result<T, IoError> {
    match tokio::time::timeout(after, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(IoError::Api {
            verb,
            kind: kind.to_owned(),
            name: name.to_owned(),
            source: Box::new(source),
        }),
        Err(_) => Err(IoError::Deadline {
            verb,
            kind: kind.to_owned(),
            name: name.to_owned(),
            after,
        }),
    }
}
