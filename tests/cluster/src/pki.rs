//! The certificate authority of a local cluster, and the certificates of the cluster's components.

use std::net::IpAddr;
use std::path::Path;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
};

use crate::files::{write_private, write_public};
use crate::layout::{KUBERNETES_SERVICE_IP, NODE_IP, NODE_NAME};

/// Subject, host names and file name of a certificate; `names` may also contain IP addresses. Kubernetes reads the user
/// from the CN of the subject and the group from its O.
struct Identity {
    file: &'static str,
    user: &'static str,
    group: Option<&'static str>,
    names: &'static [&'static str],
}

/// Certificates that [`ensure`] writes, except that of the CA. Users and groups of the Kubernetes components are those
/// in the Kubernetes documentation "PKI certificates and requirements". A certificate with `names` is also a server
/// certificate.
const IDENTITIES: &[Identity] = &[
    Identity {
        file: "apiserver",
        user: "kube-apiserver",
        group: None,
        names: &[
            "127.0.0.1",
            "localhost",
            KUBERNETES_SERVICE_IP,
            NODE_IP,
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ],
    },
    Identity {
        file: "apiserver-kubelet-client",
        user: "kube-apiserver-kubelet-client",
        group: Some("system:masters"),
        names: &[],
    },
    Identity {
        file: "admin",
        user: "crokodial-admin",
        group: Some("system:masters"),
        names: &[],
    },
    Identity {
        file: "kubelet",
        user: "system:node:node-1",
        group: Some("system:nodes"),
        names: &[NODE_NAME, NODE_IP, "127.0.0.1"],
    },
    Identity {
        file: "controller-manager",
        user: "system:kube-controller-manager",
        group: None,
        names: &["127.0.0.1", "localhost"],
    },
    Identity {
        file: "scheduler",
        user: "system:kube-scheduler",
        group: None,
        names: &["127.0.0.1", "localhost"],
    },
    Identity {
        file: "kube-proxy",
        user: "system:kube-proxy",
        group: None,
        names: &[],
    },
    Identity {
        file: "coredns",
        user: "crokodial:coredns",
        group: None,
        names: &[],
    },
    Identity {
        file: "traefik",
        user: "crokodial:traefik",
        group: None,
        names: &[],
    },
];

/// Writes the cluster's keys and certificates into `dir` unless they exist: `ca.crt`, `ca.key`, a `.crt` and a `.key`
/// file for each identity, `service-account.key` and `service-account.pub`.
///
/// The file `complete` is written last. If it is missing, an earlier run was interrupted, and all files are written
/// again.
///
/// # Errors
/// When a file cannot be written or a key cannot be generated.
pub fn ensure(dir: &Path) -> anyhow::Result<()> {
    let mark = dir.join("complete");
    if mark.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    let ca = authority()?;
    write_public(&dir.join("ca.crt"), ca.pem().as_bytes())?;
    write_private(&dir.join("ca.key"), ca.key().serialize_pem().as_bytes())?;
    for identity in IDENTITIES {
        let (certificate, key) = issue(&ca, identity)?;
        write_public(
            &dir.join(format!("{}.crt", identity.file)),
            certificate.as_bytes(),
        )?;
        write_private(&dir.join(format!("{}.key", identity.file)), key.as_bytes())?;
    }
    let tokens = KeyPair::generate().context("making the service-account key")?;
    let (private, public) = ("service-account.key", "service-account.pub");
    write_private(&dir.join(private), tokens.serialize_pem().as_bytes())?;
    write_public(&dir.join(public), tokens.public_key_pem().as_bytes())?;
    write_public(&mark, b"")
}

fn authority() -> anyhow::Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.distinguished_name = name("crokodial-local-cluster", None);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().context("making the cluster CA's key")?;
    CertifiedIssuer::self_signed(params, key).context("signing the cluster CA")
}

fn issue(
    ca: &CertifiedIssuer<'static, KeyPair>,
    identity: &Identity,
) -> anyhow::Result<(String, String)> {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(identity.user, identity.group);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    if !identity.names.is_empty() {
        params
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    for entry in identity.names {
        params
            .subject_alt_names
            .push(match entry.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => {
                    SanType::DnsName((*entry).try_into().context("a certificate's DNS name")?)
                }
            });
    }
    let key =
        KeyPair::generate().with_context(|| format!("making the key of {}", identity.file))?;
    let certificate = params
        .signed_by(&key, ca)
        .with_context(|| format!("signing the certificate of {}", identity.file))?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn name(user: &str, group: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, user);
    if let Some(group) = group {
        name.push(DnType::OrganizationName, group);
    }
    name
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use x509_parser::pem::parse_x509_pem;

    use super::*;

    #[test]
    fn every_certificate_chains_to_the_ca_and_names_its_user() {
        let dir = tempfile::tempdir().unwrap();
        ensure(dir.path()).unwrap();
        let ca = std::fs::read(dir.path().join("ca.crt")).unwrap();
        let (_, ca) = parse_x509_pem(&ca).unwrap();
        let ca = ca.parse_x509().unwrap();
        assert!(ca.is_ca());
        for identity in IDENTITIES {
            let pem = std::fs::read(dir.path().join(format!("{}.crt", identity.file))).unwrap();
            let (_, pem) = parse_x509_pem(&pem).unwrap();
            let certificate = pem.parse_x509().unwrap();
            certificate.verify_signature(Some(ca.public_key())).unwrap();
            let user = certificate.subject().iter_common_name().next().unwrap();
            assert_eq!(user.as_str().unwrap(), identity.user);
            let serving = certificate
                .extended_key_usage()
                .unwrap()
                .unwrap()
                .value
                .server_auth;
            assert_eq!(serving, !identity.names.is_empty(), "{}", identity.file);
            let names = certificate
                .subject_alternative_name()
                .unwrap()
                .map_or(0, |names| names.value.general_names.len());
            assert_eq!(names, identity.names.len(), "{}", identity.file);
        }
    }

    #[test]
    fn keys_are_private_and_a_second_run_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        ensure(dir.path()).unwrap();
        let key = dir.path().join("admin.key");
        let before = std::fs::read(&key).unwrap();
        assert_eq!(
            std::fs::metadata(&key).unwrap().permissions().mode() & 0o777,
            0o600
        );
        ensure(dir.path()).unwrap();
        assert_eq!(before, std::fs::read(&key).unwrap());
    }

    #[test]
    fn an_interrupted_run_starts_over() {
        let dir = tempfile::tempdir().unwrap();
        ensure(dir.path()).unwrap();
        let before = std::fs::read(dir.path().join("ca.crt")).unwrap();
        std::fs::remove_file(dir.path().join("complete")).unwrap();
        ensure(dir.path()).unwrap();
        assert_ne!(before, std::fs::read(dir.path().join("ca.crt")).unwrap());
    }
}
