//! Client of image registries. It resolves the tag of an image to its current digest, and checks whether a registry
//! still has a digest.
//!
//! The API is the OCI distribution specification 1.1, with Docker's token authentication. Error messages contain status
//! codes and fixed texts, but never text that a registry sent.

mod auth;
mod error;
mod session;
mod tag_lookup;

pub use auth::{AuthError, RegistryAuth, registry_auth};
pub use error::{Refusal, ResolveError, UnusableResponse};
pub use tag_lookup::TagLookup;

use std::sync::Arc;
use std::time::Duration;

use crokodial_crds::names::{Digest, ImageRef};
use futures::future::BoxFuture;
use http::{Method, StatusCode};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::limits::KeyedLimits;
use crate::metrics::{ImageOutcome, Metrics};
use crate::net::{HttpClient, NetError};
use auth::MAX_CREDENTIALS;
use error::SessionError;
use session::Session;

/// Timeout of one lookup, including all its requests.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of concurrent lookups for one namespace. Each may need a TLS connection, which takes about 50 KiB.
const MAX_CONCURRENT: usize = 8;
/// Maximum number of concurrent lookups for one namespace at one registry. It is lower than [`MAX_CONCURRENT`], so that a
/// registry which does not answer leaves room for the others.
const MAX_PER_REGISTRY: usize = 4;
/// Maximum number of lookups for one namespace that run or wait. Each holds up to four credentials in memory.
const MAX_PENDING: usize = 128;

/// Result of resolving the tag of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Digest of the manifest, or of the index if the image has several platforms.
    pub digest: Digest,
}

/// Result of checking whether a registry still has an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existence {
    /// The digest exists and is readable, with one of the credentials or anonymously.
    Exists,
    /// The registry responded 404 with every credential that was tried, so pods cannot pull the image either.
    Gone,
    /// The registry responded 401 or 403 with at least one credential and 404 with the others. The digest may exist, but
    /// neither the operator nor the pods may read it.
    Denied,
    /// It is not known whether the digest exists, for example because the registry did not respond.
    Unknown,
}

/// Client of image registries. Clones share the limits on concurrent lookups. The limits are counted for each namespace,
/// so that lookups which one namespace's environments cause delay no other namespace.
#[derive(Debug, Clone)]
pub struct Resolver {
    client: HttpClient,
    plain_http: Arc<[String]>,
    metrics: Metrics,
    limits: Arc<Limits>,
}

/// Limits on the lookups of each namespace.
#[derive(Debug)]
struct Limits {
    pending: KeyedLimits,
    per_registry: KeyedLimits,
    running: KeyedLimits,
}

/// Permission to run one lookup, until it is dropped.
struct Slot {
    _permits: [Option<OwnedSemaphorePermit>; 3],
}

impl Limits {
    /// Waits until the lookup may run; `None` if too many others of the namespace wait already.
    async fn slot(&self, namespace: &str, registry: &str) -> Option<Slot> {
        let pending = self.pending.try_acquire(namespace)?;
        // In this order, because a lookup that waits for its registry must not take the place of another.
        let key = format!("{namespace} {registry}");
        let per_registry = self.per_registry.acquire(&key).await;
        let running = self.running.acquire(namespace).await;
        Some(Slot {
            _permits: [Some(pending), per_registry, running],
        })
    }
}

impl Resolver {
    /// Creates a resolver that sends its requests through `client`. `plain_http` lists registries without TLS, as
    /// `host` or `host:port` in lower case. All others are contacted over HTTPS. `metrics` counts the outcomes of
    /// lookups.
    pub fn new(client: HttpClient, plain_http: Vec<String>, metrics: Metrics) -> Self {
        Self {
            client,
            plain_http: plain_http.into(),
            metrics,
            limits: Arc::new(Limits {
                pending: KeyedLimits::new(MAX_PENDING),
                per_registry: KeyedLimits::new(MAX_PER_REGISTRY),
                running: KeyedLimits::new(MAX_CONCURRENT),
            }),
        }
    }

    /// Returns the digest of `image`. Sends no request if the reference already contains a digest. `auth` are the
    /// available credentials. A lookup takes at most 10 s, plus the time in which it waits for other lookups for the same
    /// `namespace`.
    ///
    /// # Errors
    /// Returns an error if the image does not exist, access is denied, or the registry sends no usable response.
    pub async fn resolve(
        &self,
        namespace: &str,
        image: &ImageRef,
        auth: &[RegistryAuth],
    ) -> Result<Resolved, ResolveError> {
        if let Some(digest) = &image.digest {
            return Ok(Resolved {
                digest: digest.clone(),
            });
        }
        let outcome = self
            .bounded(namespace, image, self.resolve_with_any(image, auth))
            .await
            .map_err(|fault| error(image, fault));
        self.metrics.image_resolved(counted(&outcome));
        outcome.map(|digest| Resolved { digest })
    }

    /// Checks with HEAD requests whether the registry of `image` has `digest`. Tries the matching credentials of
    /// `auth`, at most four, until one succeeds. If no credential matches, tries without credentials. Waits only for
    /// other lookups for the same `namespace`.
    pub async fn exists(
        &self,
        namespace: &str,
        image: &ImageRef,
        digest: &Digest,
        auth: &[RegistryAuth],
    ) -> Existence {
        let wanted = image.at(digest.clone());
        let outcome = self
            .bounded(
                namespace,
                image,
                self.exists_with_any(&wanted, digest, auth),
            )
            .await;
        outcome.unwrap_or(Existence::Unknown)
    }

    /// Runs `work` with the timeout of a lookup, after waiting until fewer than the maximum number of lookups for the
    /// namespace are running. Fails at once if too many wait.
    async fn bounded<T>(
        &self,
        namespace: &str,
        image: &ImageRef,
        work: impl Future<Output = Result<T, SessionError>>,
    ) -> Result<T, SessionError> {
        let Some(_slot) = self.limits.slot(namespace, &image.registry).await else {
            return Err(UnusableResponse::TooManyLookups.into());
        };
        timeout(LOOKUP_TIMEOUT, work).await.unwrap_or_else(|_| {
            Err(SessionError::UnusableResponse(UnusableResponse::Net(
                NetError::Deadline {
                    host: image.registry.clone(),
                    after: LOOKUP_TIMEOUT,
                },
            )))
        })
    }

    /// Tries the matching credentials in order until the registry does not deny access. If it denies access for all of
    /// them, returns the first of these errors.
    async fn resolve_with_any(
        &self,
        image: &ImageRef,
        auth: &[RegistryAuth],
    ) -> Result<Digest, SessionError> {
        let mut refused = None;
        for credential in candidates(image, auth) {
            match self.digest(image, credential).await {
                Err(fault @ SessionError::Refused(_)) => {
                    refused.get_or_insert(fault);
                }
                settled => return settled,
            }
        }
        Err(refused.unwrap_or(SessionError::Refused(Refusal::NoCredentials)))
    }

    async fn exists_with_any(
        &self,
        image: &ImageRef,
        digest: &Digest,
        auth: &[RegistryAuth],
    ) -> Result<Existence, SessionError> {
        let mut all = Existence::Gone;
        let mut worse = |seen| {
            if all != Existence::Unknown {
                all = seen;
            }
        };
        for credential in candidates(image, auth) {
            let mut session = Session::new(&self.client, &self.plain_http, image, credential)?;
            let status = session
                .manifest(Method::HEAD, digest.as_str())
                .await
                .map(|answer| answer.head().status());
            match status {
                Ok(StatusCode::OK) => return Ok(Existence::Exists),
                Ok(StatusCode::NOT_FOUND) | Err(SessionError::NotFound) => {}
                Ok(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
                | Err(SessionError::Refused(_)) => worse(Existence::Denied),
                Ok(_) | Err(_) => worse(Existence::Unknown),
            }
        }
        Ok(all)
    }

    async fn digest(
        &self,
        image: &ImageRef,
        credential: Option<&RegistryAuth>,
    ) -> Result<Digest, SessionError> {
        let mut session = Session::new(&self.client, &self.plain_http, image, credential)?;
        let tag = image.tag_or_latest();
        let head = session.manifest(Method::HEAD, tag).await?;
        match head.head().status() {
            // Some registries do not support HEAD here, and some omit the digest. The manifest itself is then requested
            // and hashed.
            StatusCode::BAD_REQUEST
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_IMPLEMENTED => {}
            status => session.check(status)?,
        }
        if head.head().status() == StatusCode::OK
            && let Some(digest) = session::named_digest(head.head())
        {
            return Ok(digest);
        }
        // Only one connection is open at a time.
        drop(head);
        let answer = session.manifest(Method::GET, tag).await?;
        session.check(answer.head().status())?;
        session::hashed_digest(answer).await
    }
}

/// Returns the credentials to try for an image, most specific first. If none matches, returns a single `None`, which
/// means anonymous access.
fn candidates<'a>(image: &ImageRef, auth: &'a [RegistryAuth]) -> Vec<Option<&'a RegistryAuth>> {
    let matching = RegistryAuth::matching(auth, &image.registry, &image.repository);
    if matching.is_empty() {
        return vec![None];
    }
    matching
        .into_iter()
        .take(MAX_CREDENTIALS)
        .map(Some)
        .collect()
}

fn counted(outcome: &Result<Digest, ResolveError>) -> ImageOutcome {
    match outcome {
        Ok(_) => ImageOutcome::Resolved,
        Err(ResolveError::ImageNotFound { .. }) => ImageOutcome::NotFound,
        Err(ResolveError::RegistryUnauthorized { .. }) => ImageOutcome::Unauthorized,
        Err(ResolveError::RegistryUnreachable { .. }) => ImageOutcome::Unreachable,
    }
}

fn error(image: &ImageRef, fault: SessionError) -> ResolveError {
    let registry = image.registry.clone();
    match fault {
        SessionError::NotFound => ResolveError::ImageNotFound {
            image: image.to_string(),
        },
        SessionError::Refused(cause) => ResolveError::RegistryUnauthorized { registry, cause },
        SessionError::UnusableResponse(cause) => {
            ResolveError::RegistryUnreachable { registry, cause }
        }
    }
}

/// Lookups at image registries. A trait, so that tests can replace the implementation.
pub trait Images: Send + Sync {
    /// Resolves the tag of `image` to its current digest, for an environment in `namespace`. `auth` are the available
    /// credentials.
    fn resolve(
        &self,
        namespace: String,
        image: ImageRef,
        auth: Vec<RegistryAuth>,
    ) -> BoxFuture<'static, Result<Digest, ResolveError>>;

    /// Checks whether the registry of `image` still has `digest`, for an environment in `namespace`. `auth` are the
    /// available credentials.
    fn exists(
        &self,
        namespace: String,
        image: ImageRef,
        digest: Digest,
        auth: Vec<RegistryAuth>,
    ) -> BoxFuture<'static, Existence>;
}

impl Images for Resolver {
    fn resolve(
        &self,
        namespace: String,
        image: ImageRef,
        auth: Vec<RegistryAuth>,
    ) -> BoxFuture<'static, Result<Digest, ResolveError>> {
        let resolver = self.clone();
        Box::pin(async move {
            Self::resolve(&resolver, &namespace, &image, &auth)
                .await
                .map(|found| found.digest)
        })
    }

    fn exists(
        &self,
        namespace: String,
        image: ImageRef,
        digest: Digest,
        auth: Vec<RegistryAuth>,
    ) -> BoxFuture<'static, Existence> {
        let resolver = self.clone();
        Box::pin(async move { Self::exists(&resolver, &namespace, &image, &digest, &auth).await })
    }
}

#[cfg(test)]
#[path = "resolver_tests.rs"]
mod tests;
