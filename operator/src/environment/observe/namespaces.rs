//! Reads objects of all namespaces whose environments an environment is compared with. A namespace that cannot be read
//! is reported as such, so that it does not hold up the environments of the others.

use futures::future::join_all;

use crate::environment::model::owner::Owner;
use crate::kube_io::IoError;

/// Result of reading one namespace.
pub(super) enum NamespaceRead<T> {
    /// Objects that were read.
    Readable(T),
    /// Cause for which nothing could be read, such as a missing right. It names the namespace.
    Unreadable(String),
}

/// Results of reading several namespaces.
pub(super) struct NamespaceReads<T> {
    /// Objects of the namespaces that could be read.
    pub(super) found: Vec<T>,
    /// Namespaces that could not be read, each with the cause.
    pub(super) unreadable: Vec<(String, String)>,
}

impl<T> Default for NamespaceReads<T> {
    fn default() -> Self {
        Self {
            found: Vec::new(),
            unreadable: Vec::new(),
        }
    }
}

/// Calls `read` with each of these namespaces. Returns an error only if the owner's own namespace cannot be read.
pub(super) async fn read_each<'a, T, F>(
    owner: &Owner,
    namespaces: impl Iterator<Item = &'a str>,
    read: impl Fn(&'a str) -> F,
) -> Result<NamespaceReads<T>, IoError>
where
    F: Future<Output = Result<Vec<T>, IoError>>,
{
    let reads = namespaces.map(|namespace| {
        let call = read(namespace);
        async move { (namespace, call.await) }
    });
    let mut all = NamespaceReads::default();
    for (namespace, result) in join_all(reads).await {
        match result {
            Err(error) if namespace == owner.namespace => return Err(error),
            result => match outcome(namespace, result) {
                NamespaceRead::Readable(found) => all.found.extend(found),
                NamespaceRead::Unreadable(cause) => {
                    all.unreadable.push((namespace.to_owned(), cause));
                }
            },
        }
    }
    Ok(all)
}

/// Converts an error to the cause for which a namespace cannot be read.
pub(super) fn outcome<T>(namespace: &str, result: Result<T, IoError>) -> NamespaceRead<T> {
    match result {
        Ok(found) => NamespaceRead::Readable(found),
        Err(error) if error.is_undecodable() => NamespaceRead::Unreadable(error.to_string()),
        Err(error) => {
            NamespaceRead::Unreadable(format!("namespace {namespace} cannot be read ({error})"))
        }
    }
}
