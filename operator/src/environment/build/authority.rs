//! Builds the operator's own Secrets: the certificate authority and the HMAC key for fingerprints.

use std::collections::BTreeMap;

use crokodial_crds::names::{LABEL_MANAGED_BY, MANAGED_BY};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::environment::isolation::{KEY_DATA, KEY_SECRET};
use crate::fingerprint::NewKey;
use crate::tls::Ca;

/// Builds the TLS Secret `secret` with the certificate and private key of the certificate authority (CA).
pub fn ca_secret(secret: &str, ca: &Ca, namespace: &str) -> Secret {
    let pem = |text: &str| ByteString(text.as_bytes().to_vec());
    Secret {
        metadata: metadata(secret, namespace),
        type_: Some("kubernetes.io/tls".to_owned()),
        data: Some(BTreeMap::from([
            ("tls.crt".to_owned(), pem(ca.cert_pem())),
            ("tls.key".to_owned(), pem(&ca.key_pem())),
            ("ca.crt".to_owned(), pem(ca.cert_pem())),
        ])),
        ..Secret::default()
    }
}

/// Builds the immutable Secret with the HMAC key for fingerprints.
pub fn key_secret(key: &NewKey, namespace: &str) -> Secret {
    let data = BTreeMap::from([(KEY_DATA.to_owned(), ByteString(key.bytes().to_vec()))]);
    Secret {
        metadata: metadata(KEY_SECRET, namespace),
        immutable: Some(true),
        type_: Some("Opaque".to_owned()),
        data: Some(data),
        ..Secret::default()
    }
}

fn metadata(name: &str, namespace: &str) -> ObjectMeta {
    let labels = BTreeMap::from([(LABEL_MANAGED_BY.to_owned(), MANAGED_BY.to_owned())]);
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(labels),
        ..ObjectMeta::default()
    }
}
