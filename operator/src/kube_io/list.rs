//! Lists of objects, read page by page. A page and a list have limits, so that no number or size of objects in one
//! namespace can use up the memory of the operator.

use std::fmt::Debug;

use futures::AsyncReadExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, ObjectMeta};
use kube::api::ListParams;
use kube::core::{DeserializeGuard, PartialObjectMeta, Request};
use kube::{Client, Resource};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::call::{CALL_TIMEOUT, deadline, place};
use super::error::IoError;
use super::kinds::Kind;

/// Number of objects that are requested at once, at first.
const PAGE: u32 = 500;

/// Maximum size of the response with one page, in bytes. A larger page is requested again with fewer objects.
const MAX_PAGE_BYTES: u64 = 4 << 20;

/// Maximum size of all pages of a list together, in bytes.
const MAX_LIST_BYTES: u64 = 64 << 20;

/// Maximum number of times that a list begins again because the API server no longer has its version (410).
const MAX_RESTARTS: usize = 3;

/// Prefix of the annotations that the operator reads. All others are dropped.
const OWN_ANNOTATIONS: &str = "crokodial.com/";

/// Objects that were listed.
#[derive(Debug)]
pub struct Listed<K> {
    /// Objects that this version of the operator can decode.
    pub items: Vec<K>,
    /// Metadata of the objects that it cannot decode.
    pub undecodable: Vec<ObjectMeta>,
}

/// Page of a list. Unlike kube's `ObjectList`, it does not buffer the whole response in a second form.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Page<T> {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(default = "Option::default")]
    items: Option<Vec<T>>,
}

/// Failure to read one page.
enum PageError {
    /// The response is larger than [`MAX_PAGE_BYTES`].
    TooLarge,
    Kube(kube::Error),
}

impl From<kube::Error> for PageError {
    fn from(error: kube::Error) -> Self {
        Self::Kube(error)
    }
}

/// Lists the objects of a namespace that match a label selector and for which `keep` returns true. Objects that do
/// not decode are returned separately, and stop nobody.
pub(super) async fn objects<K: Kind>(
    client: &Client,
    namespace: &str,
    selector: &str,
    keep: impl Fn(&K) -> bool,
) -> Result<Listed<K>, IoError> {
    let mut listed = Listed {
        items: Vec::new(),
        undecodable: Vec::new(),
    };
    let each = |object: Option<DeserializeGuard<K>>| match object {
        // The list begins again.
        None => {
            listed.items.clear();
            listed.undecodable.clear();
        }
        Some(DeserializeGuard(Ok(mut object))) if keep(&object) => {
            object.meta_mut().managed_fields = None;
            listed.items.push(object);
        }
        Some(DeserializeGuard(Ok(_))) => {}
        Some(DeserializeGuard(Err(invalid))) => listed.undecodable.push(invalid.metadata),
    };
    let path = K::url_path(&(), Some(namespace));
    pages(client, &path, namespace, selector, false, each).await?;
    Ok(listed)
}

/// Lists the metadata of the objects of a namespace that match a label selector. The response does not contain
/// their spec or status. Of their annotations, only those of this operator are returned.
pub(super) async fn metadata<K: Kind>(
    client: &Client,
    namespace: &str,
    selector: &str,
) -> Result<Vec<PartialObjectMeta<K>>, IoError> {
    let mut listed = Vec::new();
    let each = |object: Option<DeserializeGuard<PartialObjectMeta<K>>>| match object {
        None => listed.clear(),
        Some(DeserializeGuard(Ok(mut object))) => {
            object.metadata.managed_fields = None;
            if let Some(annotations) = &mut object.metadata.annotations {
                annotations.retain(|key, _| key.starts_with(OWN_ANNOTATIONS));
            }
            listed.push(object);
        }
        Some(DeserializeGuard(Err(_))) => {}
    };
    let path = K::url_path(&(), Some(namespace));
    pages(client, &path, namespace, selector, true, each).await?;
    Ok(listed)
}

/// Reads all pages of a list and passes each object to `each`. `None` means that the list begins again, so that all
/// objects so far are void.
async fn pages<K>(
    client: &Client,
    path: &str,
    namespace: &str,
    selector: &str,
    metadata_only: bool,
    mut each: impl FnMut(Option<DeserializeGuard<K>>),
) -> Result<(), IoError>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let kind = K::kind(&());
    let request = Request::new(path);
    let (mut limit, mut restarts, mut bytes) = (PAGE, 0_usize, 0_u64);
    let mut params = ListParams::default().labels(selector);
    loop {
        params.limit = Some(limit);
        let http = if metadata_only {
            request.list_metadata(&params)
        } else {
            request.list(&params)
        };
        let call = Box::pin(page::<K>(client.clone(), http));
        let read = deadline("list", &kind, namespace, CALL_TIMEOUT, async {
            match call.await {
                Ok(page) => Ok(Some(page)),
                Err(PageError::TooLarge) => Ok(None),
                Err(PageError::Kube(error)) => Err(error),
            }
        });
        match read.await {
            Ok(Some((objects, next, size))) => {
                bytes = bytes.saturating_add(size);
                objects.into_iter().for_each(|object| each(Some(object)));
                match next {
                    None => return Ok(()),
                    Some(_) if bytes > MAX_LIST_BYTES => break,
                    next => params.continue_token = next,
                }
            }
            Ok(None) if limit == 1 => break,
            Ok(None) => limit = limit.div_euclid(8).max(1),
            Err(error) if error.is_expired() && restarts < MAX_RESTARTS => {
                restarts = restarts.saturating_add(1);
                params.continue_token = None;
                bytes = 0;
                each(None);
            }
            Err(error) => return Err(error),
        }
    }
    Err(IoError::TooLarge {
        kind: kind.into_owned(),
        name: namespace.to_owned(),
    })
}

/// Reads one page. Returns its objects, the token of the next page, and its size in bytes.
async fn page<K>(
    client: Client,
    request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
) -> Result<(Vec<DeserializeGuard<K>>, Option<String>, u64), PageError>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let mut request = request.map_err(kube::Error::BuildRequest)?;
    request.extensions_mut().insert("list");
    let body = client.request_stream(request).await?;
    let mut bytes = Vec::new();
    let mut limited = Box::pin(body.take(MAX_PAGE_BYTES.saturating_add(1)));
    let read = limited.read_to_end(&mut bytes).await;
    read.map_err(kube::Error::ReadEvents)?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > MAX_PAGE_BYTES {
        return Err(PageError::TooLarge);
    }
    // A guard costs time and memory for each object, and is needed only if one of them does not decode.
    let (metadata, items) = match serde_json::from_slice::<Page<K>>(&bytes) {
        Ok(page) => {
            let items = page.items.unwrap_or_default().into_iter();
            (
                page.metadata,
                items.map(|k| DeserializeGuard(Ok(k))).collect(),
            )
        }
        Err(_) => {
            let page: Page<DeserializeGuard<K>> =
                serde_json::from_slice(&bytes).map_err(kube::Error::SerdeError)?;
            (page.metadata, page.items.unwrap_or_default())
        }
    };
    let next = metadata.continue_.filter(|token| !token.is_empty());
    Ok((items, next, size))
}

/// Returns the error about an object with this metadata that does not decode.
pub fn undecodable<K: Kind>(object: &ObjectMeta) -> IoError {
    let (namespace, name) = place(object);
    IoError::Undecodable {
        kind: K::kind(&()).into_owned(),
        name: format!("{namespace}/{name}"),
    }
}
