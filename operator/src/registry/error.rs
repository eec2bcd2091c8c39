//! Errors of image lookups at a registry.

use crokodial_crds::Reason;

use crate::net::NetError;

/// Why an image could not be resolved to a digest. The text says what happened; [`Self::reason`] is the condition's
/// reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The registry has no such repository or tag.
    #[error("the registry has no {image}")]
    ImageNotFound {
        /// The image as written in the request.
        image: String,
    },
    /// The registry does not allow these credentials, or no credentials, to read the image.
    #[error("{registry} does not show the image: {cause}")]
    RegistryUnauthorized {
        /// Host and port of the registry.
        registry: String,
        /// Why access was refused.
        cause: Refusal,
    },
    /// The registry was not reached, or its response cannot be used.
    #[error("{registry} gave no usable answer: {cause}")]
    RegistryUnreachable {
        /// Host and port of the registry.
        registry: String,
        /// Why there is no usable response.
        cause: UnusableResponse,
    },
}

impl ResolveError {
    /// Reason for the condition `ImageResolved`.
    pub fn reason(&self) -> Reason {
        match self {
            Self::ImageNotFound { .. } => Reason::ImageNotFound,
            Self::RegistryUnauthorized { .. } => Reason::RegistryUnauthorized,
            Self::RegistryUnreachable { .. } => Reason::RegistryUnreachable,
        }
    }
}

/// Why a registry does not let the operator read an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The registry requires credentials, and no pull secret contains any for it.
    #[error("it wants credentials, and no Secret in spec.imagePullSecrets has any for it")]
    NoCredentials,
    /// The registry refuses the credentials.
    #[error("it does not accept the credentials in spec.imagePullSecrets")]
    CredentialsRefused,
    /// The registry requires credentials, but it is contacted over plain HTTP, where none are sent.
    #[error(
        "it wants credentials, which are sent over https only, and this registry is on the list of plain-http registries"
    )]
    PlainHttp,
}

/// Why a registry's response cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableResponse {
    /// No response was received.
    #[error(transparent)]
    Net(#[from] NetError),
    /// A status that has no other variant here.
    #[error("status {0}")]
    Status(u16),
    /// The registry limits the number of requests (status 429).
    #[error(
        "it limits the number of requests; credentials in spec.imagePullSecrets may raise the limit"
    )]
    TooManyRequests,
    /// A redirect to plain HTTP, more than three redirects, or a redirect without a target.
    #[error("it redirects to plain http or too often")]
    Redirect,
    /// The registry requires a sign-in that is neither Basic nor Bearer with an HTTPS realm.
    #[error("it asks for a sign-in other than Basic, or Bearer with an https realm")]
    Challenge,
    /// The token service did not return a token.
    #[error("its token service gave no token")]
    Token,
    /// The response is not an image manifest or index of a known media type.
    #[error("its answer is no image manifest or index of OCI or Docker schema 2")]
    NotAManifest,
    /// The digest in the response header is not the digest of the manifest in its body.
    #[error("the digest it names is not that of the manifest it sends")]
    DigestMismatch,
}

/// Why a request to a registry failed, before the image is added to the error.
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
