//! From an image's tag to the digest that its registry names now.
//!
//! The registry API is the OCI distribution specification 1.1 with Docker's token scheme. What the other side says
//! never reaches a message: only status codes, and words of our own.

mod auth;
mod session;

pub use auth::{AuthError, RegistryAuth, registry_auth};

use std::sync::Arc;
use std::time::Duration;

use crokodial_crds::Reason;
use crokodial_crds::names::{Digest, ImageRef};
use futures::future::BoxFuture;
use http::{Method, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::metrics::{ImageOutcome, Metrics};
use crate::net::{HttpClient, NetError};
use session::{Fault, Session};

/// Time for one look-up with all its requests, from the documentation of `ImageResolved`.
const DEADLINE: Duration = Duration::from_secs(10);
/// Look-ups at once; the rest waits. Each may hold a TLS connection of some 50 KiB.
const CONCURRENT: usize = 8;
/// Credentials tried for one image: a pull secret with many that match is a mistake, not a key ring.
const MAX_CREDENTIALS: usize = 4;

/// What a tag stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Digest of the manifest or of the index over all platforms.
    pub digest: Digest,
}

/// Whether a registry still has an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existence {
    /// It has it, and these credentials may read it.
    Exists,
    /// It answered 404 or 403: pods cannot pull it either.
    Gone,
    /// It gave no answer that proves either.
    Unknown,
}

/// Why an image has no digest. Its text says what happened; the next step is that of [`Self::reason`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The registry has no such repository or tag.
    #[error("the registry has no {image}")]
    ImageNotFound {
        /// The image as asked for.
        image: String,
    },
    /// The registry does not let these credentials read the image.
    #[error("{registry} does not show the image: {cause}")]
    RegistryUnauthorized {
        /// Host and port.
        registry: String,
        /// What exactly.
        cause: Refusal,
    },
    /// The registry gave no usable answer.
    #[error("{registry} gave no usable answer: {cause}")]
    RegistryUnreachable {
        /// Host and port.
        registry: String,
        /// What exactly.
        cause: Trouble,
    },
}

impl ResolveError {
    /// The reason of the condition `ImageResolved`.
    pub fn reason(&self) -> Reason {
        match self {
            Self::ImageNotFound { .. } => Reason::ImageNotFound,
            Self::RegistryUnauthorized { .. } => Reason::RegistryUnauthorized,
            Self::RegistryUnreachable { .. } => Reason::RegistryUnreachable,
        }
    }
}

/// Why a registry does not show an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It wants credentials, and there are none for it.
    #[error("it wants credentials, and no Secret in spec.imagePullSecrets has any for it")]
    NoCredentials,
    /// It does not accept those it was given.
    #[error("it does not accept the credentials in spec.imagePullSecrets")]
    CredentialsRefused,
    /// It wants credentials over plain http.
    #[error(
        "it wants credentials, which are sent over https only, and this registry is on the list of plain-http registries"
    )]
    PlainHttp,
}

/// Why an answer of a registry is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// There was no answer.
    #[error(transparent)]
    Net(#[from] NetError),
    /// It answered with an error of its own.
    #[error("status {0}")]
    Status(u16),
    /// It limits requests (429).
    #[error(
        "it limits the number of requests; credentials in spec.imagePullSecrets may raise the limit"
    )]
    TooManyRequests,
    /// It redirects to plain http, in circles, or nowhere.
    #[error("it redirects to plain http or too often")]
    Redirect,
    /// It wants another kind of sign-in.
    #[error("it asks for a sign-in other than Basic, or Bearer with an https realm")]
    Challenge,
    /// Its token service gave no token.
    #[error("its token service gave no token")]
    Token,
    /// It answered with something else than an image manifest.
    #[error("its answer is no image manifest or index of OCI or Docker schema 2")]
    NotAManifest,
    /// The digest it names is not the digest of what it sent.
    #[error("the digest it names is not that of the manifest it sends")]
    DigestMismatch,
}

/// Asks registries. Cloning shares the bound on concurrent look-ups.
#[derive(Debug, Clone)]
pub struct Resolver {
    client: HttpClient,
    plain_http: Arc<[String]>,
    metrics: Metrics,
    slots: Arc<Semaphore>,
}

impl Resolver {
    /// A resolver over a guarded client. `plain_http` lists registries without TLS, as `host` or `host:port` in lower
    /// case; every other is spoken to by https. Look-ups are counted in
    /// `metrics` by their outcome.
    pub fn new(client: HttpClient, plain_http: Vec<String>, metrics: Metrics) -> Self {
        Self {
            client,
            plain_http: plain_http.into(),
            metrics,
            slots: Arc::new(Semaphore::new(CONCURRENT)),
        }
    }

    /// The digest of `image`. One that carries its digest is answered without asking anybody. Takes at most 10 s once
    /// it has its turn.
    ///
    /// # Errors
    /// [`ResolveError`].
    pub async fn resolve(
        &self,
        image: &ImageRef,
        auth: &[RegistryAuth],
    ) -> Result<Resolved, ResolveError> {
        if let Some(digest) = &image.digest {
            return Ok(Resolved {
                digest: digest.clone(),
            });
        }
        let outcome = self
            .bounded(image, self.resolve_with_any(image, auth))
            .await
            .map_err(|fault| error(image, fault));
        self.metrics.image_resolved(counted(&outcome));
        outcome.map(|digest| Resolved { digest })
    }

    /// Whether `digest` can be had from the registry of `image`, by a HEAD request.
    pub async fn exists(
        &self,
        image: &ImageRef,
        digest: &Digest,
        auth: &[RegistryAuth],
    ) -> Existence {
        let wanted = image.at(digest.clone());
        let outcome = self
            .bounded(image, self.exists_with_any(&wanted, digest, auth))
            .await;
        outcome.unwrap_or(Existence::Unknown)
    }

    /// Waits for a turn, then gives `work` the deadline.
    async fn bounded<T>(
        &self,
        image: &ImageRef,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        // The semaphore is never closed; without a permit the work is merely unbounded.
        let _slot = self.slots.acquire().await;
        timeout(DEADLINE, work).await.unwrap_or_else(|_| {
            Err(Fault::Trouble(Trouble::Net(NetError::Deadline {
                host: image.registry.clone(),
                after: DEADLINE,
            })))
        })
    }

    /// Tries the credentials in order while they are refused. The first refusal is the one that is told.
    async fn resolve_with_any(
        &self,
        image: &ImageRef,
        auth: &[RegistryAuth],
    ) -> Result<Digest, Fault> {
        let mut refused = None;
        for credential in candidates(image, auth) {
            match self.digest(image, credential).await {
                Err(fault @ Fault::Refused(_)) => {
                    refused.get_or_insert(fault);
                }
                settled => return settled,
            }
        }
        Err(refused.unwrap_or(Fault::Refused(Refusal::NoCredentials)))
    }

    async fn exists_with_any(
        &self,
        image: &ImageRef,
        digest: &Digest,
        auth: &[RegistryAuth],
    ) -> Result<Existence, Fault> {
        let mut all = Existence::Gone;
        for credential in candidates(image, auth) {
            let mut session = Session::new(&self.client, &self.plain_http, image, credential)?;
            let status = session
                .manifest(Method::HEAD, digest.as_str())
                .await
                .map(|answer| answer.head().status());
            match status {
                Ok(StatusCode::OK) => return Ok(Existence::Exists),
                Ok(StatusCode::NOT_FOUND | StatusCode::FORBIDDEN) => {}
                Ok(_) | Err(_) => all = Existence::Unknown,
            }
        }
        Ok(all)
    }

    async fn digest(
        &self,
        image: &ImageRef,
        credential: Option<&RegistryAuth>,
    ) -> Result<Digest, Fault> {
        let mut session = Session::new(&self.client, &self.plain_http, image, credential)?;
        let tag = image.tag_or_latest();
        let head = session.manifest(Method::HEAD, tag).await?;
        match head.head().status() {
            // Some registries know no HEAD here, and some send it without a digest: then the manifest itself is asked
            // for and hashed.
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
        // One connection at a time.
        drop(head);
        let answer = session.manifest(Method::GET, tag).await?;
        session.check(answer.head().status())?;
        session::hashed_digest(answer).await
    }
}

/// The matching credentials, or "none" once.
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

fn error(image: &ImageRef, fault: Fault) -> ResolveError {
    let registry = image.registry.clone();
    match fault {
        Fault::NotFound => ResolveError::ImageNotFound {
            image: image.to_string(),
        },
        Fault::Refused(cause) => ResolveError::RegistryUnauthorized { registry, cause },
        Fault::Trouble(cause) => ResolveError::RegistryUnreachable { registry, cause },
    }
}

/// Registries, as far as the operator asks them.
pub trait Images: Send + Sync {
    /// Digest that a tag names now.
    fn resolve(
        &self,
        image: ImageRef,
        auth: Vec<RegistryAuth>,
    ) -> BoxFuture<'static, Result<Digest, ResolveError>>;

    /// Whether the registry still has a digest.
    fn exists(
        &self,
        image: ImageRef,
        digest: Digest,
        auth: Vec<RegistryAuth>,
    ) -> BoxFuture<'static, Existence>;
}

impl Images for Resolver {
    fn resolve(
        &self,
        image: ImageRef,
        auth: Vec<RegistryAuth>,
    ) -> BoxFuture<'static, Result<Digest, ResolveError>> {
        let resolver = self.clone();
        Box::pin(async move {
            Self::resolve(&resolver, &image, &auth)
                .await
                .map(|found| found.digest)
        })
    }

    fn exists(
        &self,
        image: ImageRef,
        digest: Digest,
        auth: Vec<RegistryAuth>,
    ) -> BoxFuture<'static, Existence> {
        let resolver = self.clone();
        Box::pin(async move { Self::exists(&resolver, &image, &digest, &auth).await })
    }
}

#[cfg(test)]
#[path = "resolver_test.rs"]
mod tests;
