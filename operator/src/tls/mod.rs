//! The SelfSigned mode: a CA of our own and the certificates it issues. Pure: texts and times in, texts out.

mod ca;
mod inspect;

pub use ca::{Ca, LeafPem};
pub use inspect::{CertInfo, RenewReason, inspect, needs_renewal, renewal_time};

use jiff::SignedDuration;

/// Life of a leaf. Short enough to rehearse renewal, long enough to survive a holiday with the operator down.
pub const LEAF_LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Life of the CA: people install it in browsers by hand.
pub const CA_LIFETIME: SignedDuration = SignedDuration::from_hours(3650 * 24);
/// Certificates are valid from a little before they are made, for clients whose clock is behind.
const BACKDATE: SignedDuration = SignedDuration::from_hours(1);

/// Why certificates could not be made or read. Never quotes a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The text is no certificate.
    #[error("the text holds no readable PEM certificate: delete it, and a new one is made")]
    BadCertificate,
    /// The text is no private key.
    #[error(
        "the text holds no readable PEM private key: delete it together with its certificate, and both are made anew"
    )]
    BadKey,
    /// The certificate may not sign others.
    #[error(
        "the certificate is not a CA's: it needs basicConstraints CA:TRUE and the key usage keyCertSign"
    )]
    NotACa,
    /// The key belongs to another certificate.
    #[error(
        "the private key does not belong to the certificate: put back the matching pair, or delete both"
    )]
    KeyMismatch,
    /// The CA cannot cover the asked time.
    #[error(
        "the CA is not valid at this time: check the clocks, or delete the CA so that a new one is made"
    )]
    CaNotValid,
    /// Making the certificate failed.
    #[error("the certificate could not be made: {0}")]
    Generate(String),
}

impl TlsError {
    /// A stable CamelCase word for logs and tests.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::BadCertificate => "BadCertificate",
            Self::BadKey => "BadKey",
            Self::NotACa => "NotACa",
            Self::KeyMismatch => "KeyMismatch",
            Self::CaNotValid => "CaNotValid",
            Self::Generate(_) => "CertificateNotMade",
        }
    }
}

impl From<rcgen::Error> for TlsError {
    fn from(error: rcgen::Error) -> Self {
        Self::Generate(error.to_string())
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
