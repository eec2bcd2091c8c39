//! Errors of lookups at a registry.

use crokodial_crds::Reason;

use crate::net::NetError;

/// Why an image could not be resolved. The text says what happened; [`Self::reason`] says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The registry has no such repository or tag.
    #[error("the registry has no {image}")]
    ImageNotFound {
        /// The image as requested.
        image: String,
    },
    /// The registry does not let these credentials read the image.
    #[error("{registry} does not show the image: {cause}")]
    RegistryUnauthorized {
        /// Host and port.
        registry: String,
        /// Details.
        cause: Refusal,
    },
    /// The registry gave no usable response.
    #[error("{registry} gave no usable answer: {cause}")]
    RegistryUnreachable {
        /// Host and port.
        registry: String,
        /// Details.
        cause: UnusableResponse,
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

/// Why a registry does not let the operator read an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Credentials are required, and there are none for this registry.
    #[error("it wants credentials, and no Secret in spec.imagePullSecrets has any for it")]
    NoCredentials,
    /// The credentials are not accepted.
    #[error("it does not accept the credentials in spec.imagePullSecrets")]
    CredentialsRefused,
    /// Credentials are required over plain HTTP.
    #[error(
        "it wants credentials, which are sent over https only, and this registry is on the list of plain-http registries"
    )]
    PlainHttp,
}

/// Why a registry's response cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableResponse {
    /// No response.
    #[error(transparent)]
    Net(#[from] NetError),
    /// Another error status.
    #[error("status {0}")]
    Status(u16),
    /// Too many requests (429).
    #[error(
        "it limits the number of requests; credentials in spec.imagePullSecrets may raise the limit"
    )]
    TooManyRequests,
    /// A redirect to plain HTTP, too many, or one without a target.
    #[error("it redirects to plain http or too often")]
    Redirect,
    /// A sign-in scheme that is not supported.
    #[error("it asks for a sign-in other than Basic, or Bearer with an https realm")]
    Challenge,
    /// The token service gave no token.
    #[error("its token service gave no token")]
    Token,
    /// The response is not an image manifest.
    #[error("its answer is no image manifest or index of OCI or Docker schema 2")]
    NotAManifest,
    /// The digest in the response is not that of the manifest.
    #[error("the digest it names is not that of the manifest it sends")]
    DigestMismatch,
}

/// Why a session with a registry failed.
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
