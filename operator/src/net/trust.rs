//! CA certificates that the operator's TLS client trusts.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Reason why a TLS client configuration could not be created.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The text is not valid PEM, or contains no usable certificate.
    #[error("the CA bundle holds no readable PEM certificate: give at least one CERTIFICATE block")]
    NoCertificate,
    /// rustls rejected the configuration, which only a faulty build of the operator can cause.
    #[error("TLS client configuration: {0}")]
    Config(#[from] rustls::Error),
}

/// TLS client configuration with a set of trusted CAs. It supports only HTTP/1.1 and uses `ring` for cryptography.
#[derive(Debug, Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Trusts the CA bundle of the host: the file in `SSL_CERT_FILE`, or otherwise the path that the Linux distribution
    /// uses. The operator's image contains a bundle. If no CA is found, logs a warning and returns a configuration with
    /// which every HTTPS request fails. This is not an error, because a cluster may use only plain HTTP registries.
    ///
    /// # Errors
    /// Returns [`TrustError::Config`] if rustls rejects the configuration.
    pub fn platform() -> Result<Self, TrustError> {
        let loaded = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(loaded.certs);
        if added == 0 {
            tracing::warn!(
                "no CA certificates found: set SSL_CERT_FILE to a PEM bundle, or https registries cannot be verified"
            );
        }
        Self::with_roots(roots)
    }

    /// Trusts only the CA certificates in the PEM text `pem`, such as the CA that signs the certificates of
    /// environments with TLS mode SelfSigned.
    ///
    /// # Errors
    /// Returns [`TrustError::NoCertificate`] if the text is not valid PEM or contains no usable certificate, and
    /// [`TrustError::Config`] if rustls rejects the configuration.
    pub fn only(pem: &str) -> Result<Self, TrustError> {
        let certificates: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(pem.as_bytes())
                .collect::<Result<_, _>>()
                .map_err(|_| TrustError::NoCertificate)?;
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            return Err(TrustError::NoCertificate);
        }
        Self::with_roots(roots)
    }

    /// Returns the rustls client configuration, for a `TlsConnector`.
    pub fn client_config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }

    fn with_roots(roots: RootCertStore) -> Result<Self, TrustError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Connections are never reused, so stored TLS sessions would only use memory.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_a_certificate_is_refused() {
        for pem in [
            "",
            "hello",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            let refused = Trust::only(pem);
            assert!(matches!(refused, Err(TrustError::NoCertificate)), "{pem:?}");
        }
    }
}
