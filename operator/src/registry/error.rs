//! Errors of looking up an image at its registry.

use crokodial_crds::Reason;

use crate::net::NetError;

/// Reason why an image could not be resolved to a digest. [`Self::reason`] returns the corresponding reason of the
/// condition `ImageResolved`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The registry has no such repository or tag.
    #[error("the registry has no {image}")]
    ImageNotFound {
        /// Image reference of the request.
        image: String,
    },
    /// The registry does not allow reading the image with the given credentials, or without credentials.
    #[error("{registry} does not show the image: {cause}")]
    RegistryUnauthorized {
        /// Host of the registry, with the port if the image name contains one.
        registry: String,
        /// Reason why access was denied.
        cause: Refusal,
    },
    /// The registry could not be reached, or its response was unusable.
    #[error("{registry} gave no usable answer: {cause}")]
    RegistryUnreachable {
        /// Host of the registry, with the port if the image name contains one.
        registry: String,
        /// Reason why there is no usable response.
        cause: UnusableResponse,
    },
}

impl ResolveError {
    /// Returns the reason for the condition `ImageResolved`.
    pub fn reason(&self) -> Reason {
        match self {
            Self::ImageNotFound { .. } => Reason::ImageNotFound,
            Self::RegistryUnauthorized { .. } => Reason::RegistryUnauthorized,
            Self::RegistryUnreachable { .. } => Reason::RegistryUnreachable,
        }
    }
}

/// Reason why a registry denies the operator access to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The registry requires credentials, and none of the pull secrets contains any for it.
    #[error("it wants credentials, and no Secret in spec.imagePullSecrets has any for it")]
    NoCredentials,
    /// The registry rejected the credentials.
    #[error("it does not accept the credentials in spec.imagePullSecrets")]
    CredentialsRefused,
    /// The registry requires credentials, but it is contacted over plain HTTP, over which the operator never sends
    /// credentials.
    #[error(
        "it wants credentials, which are sent over https only, and this registry is on the list of plain-http registries"
    )]
    PlainHttp,
}

/// Reason why there is no usable response from a registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableResponse {
    /// The request failed, so there is no complete response.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The registry responded with a status that no other variant covers.
    #[error("status {0}")]
    Status(u16),
    /// The registry limits the request rate (status 429).
    #[error(
        "it limits the number of requests; credentials in spec.imagePullSecrets may raise the limit"
    )]
    TooManyRequests,
    /// The registry sent more than three redirects, or a redirect whose target is missing or not allowed, such as a
    /// plain HTTP URL of a host that is not on the list of plain HTTP registries.
    #[error("it redirects to plain http or too often")]
    Redirect,
    /// Too many lookups for environments of the same namespace are pending.
    #[error(
        "too many look-ups for this namespace wait for registries that answer slowly or not at all"
    )]
    TooManyLookups,
    /// The registry redirects to another host, and that host requires authentication. Credentials are for the registry,
    /// so none are sent there.
    #[error(
        "it redirects to another host that asks for a sign-in, and no credential is sent there"
    )]
    RedirectedSignIn,
    /// The registry offers neither Basic nor Bearer authentication, or its Bearer realm is not an allowed URL. HTTPS is
    /// allowed, and plain HTTP only if the registry itself is contacted over plain HTTP.
    #[error("it asks for a sign-in other than Basic, or Bearer with an https realm")]
    Challenge,
    /// The token service of the registry did not return a token.
    #[error("its token service gave no token")]
    Token,
    /// The response is not an image manifest or index of a supported media type.
    #[error("its answer is no image manifest or index of OCI or Docker schema 2")]
    NotAManifest,
    /// The digest in the response header differs from the digest of the manifest in the body.
    #[error("the digest it names is not that of the manifest it sends")]
    DigestMismatch,
}

/// Reason for a failed request to a registry, without the name of the image or registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SessionError {
    NotFound,
    Refused(Refusal),
    UnusableResponse(UnusableResponse),
}

impl From<NetError> for SessionError {
    fn from(error: NetError) -> Self {
        Self::UnusableResponse(UnusableResponse::Net(error))
    }
}

impl From<UnusableResponse> for SessionError {
    fn from(trouble: UnusableResponse) -> Self {
        Self::UnusableResponse(trouble)
    }
}
