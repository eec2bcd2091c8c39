//! Errors of the TLS mode `SelfSigned`.

/// Error when a certificate is issued or read. The messages never contain a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The text is not a readable certificate.
    #[error("the text holds no readable PEM certificate: delete it, and a new one is made")]
    BadCertificate,
    /// The text is not a readable private key.
    #[error(
        "the text holds no readable PEM private key: delete it together with its certificate, and both are made anew"
    )]
    BadKey,
    /// The certificate may not sign other certificates.
    #[error(
        "the certificate is not a CA's: it needs basicConstraints CA:TRUE and the key usage keyCertSign"
    )]
    NotACa,
    /// The key does not belong to the certificate.
    #[error(
        "the private key does not belong to the certificate: put back the matching pair, or delete both"
    )]
    KeyMismatch,
    /// The CA is expired or not valid yet at the requested time, or that time is outside the supported range of dates.
    #[error(
        "the CA is not valid at this time: check the clocks, or delete the CA so that a new one is made"
    )]
    CaNotValid,
    /// The key or the certificate could not be generated. Contains the library's message.
    #[error("the certificate could not be made: {0}")]
    Generate(String),
}

impl From<rcgen::Error> for TlsError {
    fn from(error: rcgen::Error) -> Self {
        Self::Generate(error.to_string())
    }
}
