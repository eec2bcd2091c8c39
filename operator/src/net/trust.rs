//! Which certificate authorities a TLS client believes.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// A reason why no TLS client configuration could be made.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The given text holds no certificate.
    #[error("the CA bundle holds no readable PEM certificate: give at least one CERTIFICATE block")]
    NoCertificate,
    /// rustls refused the combination; only a broken build can cause it.
    #[error("TLS client configuration: {0}")]
    Config(#[from] rustls::Error),
}

impl TrustError {
    /// A stable CamelCase word for logs and tests.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoCertificate => "BadCaBundle",
            Self::Config(_) => "TlsConfig",
        }
    }
}

/// A TLS client configuration: HTTP/1.1 only, `ring` as the only provider.
#[derive(Debug, Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// The machine's CA bundle: `SSL_CERT_FILE` or the distribution's path (the image carries one). An empty bundle is
    /// not an error here, since a cluster whose registries are all plain http needs none: it is logged, and each https
    /// exchange then fails with an unknown issuer.
    ///
    /// # Errors
    /// [`TrustError::Config`].
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

    /// Only the CAs of this PEM text, e.g. the one that signs SelfSigned environments.
    ///
    /// # Errors
    /// [`TrustError::NoCertificate`], [`TrustError::Config`].
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

    /// The rustls configuration, for a connector.
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
        // Connections are never reused, so remembered sessions would only be memory.
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
            assert_eq!(
                Trust::only(pem).unwrap_err().reason(),
                "BadCaBundle",
                "{pem:?}"
            );
        }
    }
}
