//! The certificate of an environment, from the operator's own authority.
//!
//! The authority is the Secret `crokodial-ca` in the operator's namespace. Browsers do not trust it by
//! themselves: it is for staging, for clusters behind another proxy, and until a public issuer is set up.

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{CertificateStatus, EnvironmentSpec, Reason, RouteKind, TlsMode};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeMap;

use crokodial_crds::names::{DnsName, LABEL_MANAGED_BY, MANAGED_BY};

use super::effective::Effective;
use super::finding::Finding;
use super::observe::Observed;
use super::validate::Valid;
use crate::context::Context;
use crate::kube_io::IoError;
use crate::tls::{self, Ca, LeafPem, TlsError};

/// Name of the authority's Secret.
pub const CA_SECRET: &str = "crokodial-ca";

/// Field manager of the authority's Secret.
const MANAGER: &str = "crokodial-ca";

/// Why there is no authority to ask.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server.
    #[error(transparent)]
    Io(#[from] IoError),
    /// Key or certificate cannot be made or read.
    #[error(
        "secret {CA_SECRET} in the operator's namespace: {0}. Restore it, or delete it to have a new authority made"
    )]
    Tls(#[from] TlsError),
    /// The Secret lacks a part.
    #[error(
        "secret {CA_SECRET} in the operator's namespace has no {0}. Restore it, or delete it to have a new authority made"
    )]
    Incomplete(&'static str),
}

/// A new leaf with its authority.
#[derive(Clone)]
pub struct Issued {
    /// Chain and key.
    pub leaf: LeafPem,
    /// The authority's certificate, PEM.
    pub ca: String,
}

/// Keys stand here, so nothing of it is printed.
impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").finish_non_exhaustive()
    }
}

/// What is to be done about the certificate.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Condition `CertificateReady`.
    pub finding: Finding,
    /// For the status.
    pub status: Option<CertificateStatus>,
    /// A new one to write; `None` keeps what is there.
    pub issued: Option<Issued>,
}

/// Looks at the certificate and issues a new one where one is due. A failure keeps the old one and is told.
pub async fn plan(
    ctx: &Context,
    spec: &EnvironmentSpec,
    effective: &Effective,
    valid: &Valid,
    seen: &Observed,
    now: Timestamp,
) -> Result<Certificate, super::Error> {
    if effective.tls_mode == TlsMode::None {
        let finding = Finding::yes(Reason::Disabled, "the spec asks for no certificate");
        return Ok(Certificate {
            finding,
            status: None,
            issued: None,
        });
    }
    let host: DnsName = routed_host(spec, effective, valid, seen).parse()?;
    let live = seen.children.certificate.as_ref();
    let chain = live.and_then(|s| text(s, "tls.crt"));
    let key = live.and_then(|s| text(s, "tls.key"));
    match ensure_ca(ctx, now)
        .await
        .and_then(|ca| judge(&ca, &host, chain.as_deref(), key.as_deref(), now))
    {
        Ok(certificate) => Ok(certificate),
        Err(Error::Io(error)) => Err(error.into()),
        Err(error) => Ok(failed(&error, chain.as_deref(), now)),
    }
}

/// The host to certify. While the domain may not be routed (another environment has it, or there is no controller)
/// the old route goes on serving, and needs its certificate.
fn routed_host<'a>(
    spec: &'a EnvironmentSpec,
    effective: &Effective,
    valid: &Valid,
    seen: &'a Observed,
) -> &'a str {
    let live = seen.children.ingress.as_ref().and_then(first_host);
    live.filter(|_| effective.route == RouteKind::Ingress && !valid.route.write)
        .unwrap_or(&spec.domain)
}

fn first_host(ingress: &Ingress) -> Option<&str> {
    let rules = ingress.spec.as_ref()?.rules.as_deref()?;
    rules.iter().find_map(|r| r.host.as_deref())
}

/// Pure but for the randomness of a new key.
fn judge(
    ca: &Ca,
    host: &DnsName,
    chain: Option<&str>,
    key: Option<&str>,
    now: Timestamp,
) -> Result<Certificate, Error> {
    let known = chain.and_then(|pem| tls::inspect(pem).ok());
    // A Secret may have been edited by hand: without its own key a certificate serves nobody.
    let kept = known.as_ref().is_some_and(|info| {
        key.is_some_and(|key| info.matches_key(key))
            && tls::needs_renewal(info, host, ca, now).is_none()
    });
    if kept {
        return Ok(valid(known, None, ca, now));
    }
    let leaf = ca.issue(host, now)?;
    let info = tls::inspect(&leaf.cert_chain)?;
    Ok(valid(
        Some(info),
        Some(Issued {
            leaf,
            ca: ca.cert_pem().to_owned(),
        }),
        ca,
        now,
    ))
}

fn valid(
    info: Option<tls::CertInfo>,
    issued: Option<Issued>,
    ca: &Ca,
    now: Timestamp,
) -> Certificate {
    let status = info.as_ref().map(|info| CertificateStatus {
        not_after: Some(whole_seconds(info.not_after)),
        issuer: Some(info.issuer.clone()),
        cause: None,
    });
    let until = info.map_or_else(String::new, |info| {
        format!(" until {}", whole_seconds(info.not_after).0)
    });
    let finding = if ca.outlives_a_leaf(now) {
        Finding::yes(
            Reason::Succeeded,
            format!("the certificate is valid{until}"),
        )
    } else {
        // It still works, so the site stays Ready; but only a person can bring a new authority to those who trust it.
        let end = whole_seconds(ca.info().not_after).0;
        let what = format!(
            "the certificate is valid{until}, and no later than its authority, secret {CA_SECRET}, which ends {end}"
        );
        Finding::yes(Reason::AuthorityExpiring, what)
    };
    Certificate {
        finding,
        status,
        issued,
    }
}

fn failed(error: &Error, chain: Option<&str>, now: Timestamp) -> Certificate {
    let info = chain.and_then(|pem| tls::inspect(pem).ok());
    let usable = info
        .as_ref()
        .is_some_and(|info| info.not_before <= now && now < info.not_after);
    let status = info.map(|info| CertificateStatus {
        not_after: Some(whole_seconds(info.not_after)),
        issuer: Some(info.issuer),
        cause: Some(error.to_string()),
    });
    let reason = if usable || chain.is_none() {
        Reason::RenewalFailed
    } else {
        Reason::Expired
    };
    Certificate {
        finding: Finding::no(reason, error.to_string()),
        status,
        issued: None,
    }
}

/// The authority, made where there is none. Two makers cannot both win: the second one's create is refused, and
/// it reads the first one's.
async fn ensure_ca(ctx: &Context, now: Timestamp) -> Result<Ca, Error> {
    let namespace = ctx.settings.operator_namespace.as_str();
    if let Some(found) = ctx.io.get::<Secret>(namespace, CA_SECRET).await? {
        return read(&found);
    }
    let ca = Ca::generate(now)?;
    match ctx
        .io
        .create(namespace, MANAGER, &secret(&ca, namespace))
        .await
    {
        Ok(_) => Ok(ca),
        Err(error) if error.is_conflict() => {
            let found = ctx.io.get::<Secret>(namespace, CA_SECRET).await?;
            read(&found.ok_or(Error::Incomplete("content"))?)
        }
        Err(error) => Err(error.into()),
    }
}

fn read(secret: &Secret) -> Result<Ca, Error> {
    let certificate = text(secret, "tls.crt").ok_or(Error::Incomplete("tls.crt"))?;
    let key = text(secret, "tls.key").ok_or(Error::Incomplete("tls.key"))?;
    Ok(Ca::from_pem(&certificate, &key)?)
}

fn secret(ca: &Ca, namespace: &str) -> Secret {
    let pem = |text: &str| ByteString(text.as_bytes().to_vec());
    Secret {
        metadata: ObjectMeta {
            name: Some(CA_SECRET.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(BTreeMap::from([(
                LABEL_MANAGED_BY.to_owned(),
                MANAGED_BY.to_owned(),
            )])),
            ..ObjectMeta::default()
        },
        type_: Some("kubernetes.io/tls".to_owned()),
        data: Some(BTreeMap::from([
            ("tls.crt".to_owned(), pem(ca.cert_pem())),
            ("tls.key".to_owned(), pem(&ca.key_pem())),
            ("ca.crt".to_owned(), pem(ca.cert_pem())),
        ])),
        ..Secret::default()
    }
}

fn text(secret: &Secret, key: &str) -> Option<String> {
    let bytes = secret.data.as_ref()?.get(key)?;
    String::from_utf8(bytes.0.clone()).ok()
}
