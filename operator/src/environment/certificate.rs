//! Issues the certificate of an environment from the operator's own certificate authority (CA). The functions are pure,
//! except that new keys are random.
//!
//! Each tenant has a CA of its own (see [`crate::tenants`]), stored in a Secret in the operator's namespace. Browsers do not trust this CA unless a
//! user installs it. The CA is meant for staging, for clusters behind another proxy, and for the time until a public
//! issuer is set up.
//!
//! A certificate is made only for a host that the environment's route carries: whoever trusts the CA would accept the
//! certificate from anybody who may read Secrets in the environment's namespace. If the route loses a host, or there is to
//! be no route, its certificate is not renewed and is left to expire, and the condition says when that is.

use std::collections::BTreeMap;

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::names::{DnsName, NameError};
use crokodial_crds::{CertificateStatus, EnvironmentSpec, Reason, RouteKind, TlsMode};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use super::credentials::Data;
use super::effective::Effective;
use super::finding::Finding;
use super::model::objects::first_host;
use super::model::observed::Observed;
use super::model::owner::Owner;
use super::stored_certificate::{Authority, IssueError, Leftover, Live, read};
use super::validate::Valid;
use crate::tls::{self, Ca, CertInfo, LeafPem};

/// Result of planning the certificate: what to report and what to write.
pub struct Certificate {
    /// Finding for condition `CertificateReady`.
    pub finding: Finding,
    /// Value of `status.certificate`.
    pub status: Option<CertificateStatus>,
    /// Data to write to the Secret `<env>-tls`, newly issued or unchanged. `None` leaves the Secret as it is.
    pub data: Option<Data>,
    /// New CA that must be stored; `None` if there is none to store.
    pub new_authority: Option<Authority>,
}

/// Prints only the finding, because the other fields include private keys.
impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("finding", &self.finding)
            .finish_non_exhaustive()
    }
}

/// Plans the certificate. Issues a new one if there is none, or if the stored one needs renewal
/// ([`tls::needs_renewal`]) or does not match its key. Issues none if TLS is off or the route carries no host. After a
/// failure, the old certificate stays and the finding reports the failure. Returns an error only if the host name does
/// not parse.
pub fn plan(
    owner: &Owner,
    spec: &EnvironmentSpec,
    effective: &Effective,
    valid: &Valid,
    observed: &Observed,
    now: Timestamp,
) -> Result<Certificate, NameError> {
    match effective.tls_mode {
        TlsMode::None => Ok(disabled()),
        TlsMode::SelfSigned => {
            let (secret, stored) = (&observed.tenancy.ca_secret, observed.authority.as_ref());
            let unhosted = || {
                let ours = observed.children.certificate();
                let ours = ours.filter(|s| owner.labelled(&s.metadata));
                let left = Leftover::of(ours, secret, stored);
                without_host(spec, effective, valid, left, now)
            };
            let Some(routed) = routed_host(spec, effective, valid, observed) else {
                return Ok(unhosted());
            };
            let host: DnsName = routed.name().parse()?;
            let live = Live::of(observed.children.certificate());
            if let Routed::Before(_) = routed
                && !live.was_issued(&host, secret, stored)
            {
                return Ok(unhosted());
            }
            let withheld = effective.suspended() || valid.conflict.is_some();
            Ok(self_signed(secret, stored, &host, live, withheld, now))
        }
    }
}

fn disabled() -> Certificate {
    none(Finding::yes(
        Reason::Disabled,
        "the spec asks for no certificate",
    ))
}

/// Reports that no certificate is made, because the route carries no host for it. A certificate in the Secret stays
/// there: an Ingress or a gateway that the user made may refer to it, and its key is already known to whoever reads the
/// Secret.
fn without_host(
    spec: &EnvironmentSpec,
    effective: &Effective,
    valid: &Valid,
    left: Option<Leftover>,
    now: Timestamp,
) -> Certificate {
    let told = left.as_ref().map(|left| left.told(now));
    let also = told.map_or_else(String::new, |told| format!("; {told}"));
    let finding = match effective.route {
        RouteKind::None => {
            let reason = match left {
                Some(_) => Reason::NotRenewed,
                None => Reason::Disabled,
            };
            let what = format!("the spec asks for no route, so no certificate is made{also}");
            Finding::yes(reason, what)
        }
        RouteKind::Ingress => Finding::unknown(
            valid.route.finding.reason,
            format!(
                "no certificate is made for {}, because the route of the environment does not carry it{also}",
                spec.domain
            ),
        ),
    };
    let status = left.map(|left| CertificateStatus {
        not_after: Some(whole_seconds(left.info.not_after)),
        issuer: Some(left.info.issuer),
        cause: None,
    });
    Certificate {
        status,
        ..none(finding)
    }
}

/// Returns a result that leaves the Secret as it is.
fn none(finding: Finding) -> Certificate {
    Certificate {
        finding,
        status: None,
        data: None,
        new_authority: None,
    }
}

/// Plans a certificate from the stored CA, or from a new CA if none is stored.
fn self_signed(
    name: &str,
    stored: Option<&Secret>,
    host: &DnsName,
    live: Live,
    withheld: bool,
    now: Timestamp,
) -> Certificate {
    let failure = |error| IssueError::Tls(name.to_owned(), error);
    let authority = match stored {
        Some(secret) => read(name, secret),
        None => Ca::generate(now).map_err(failure).map(|ca| Authority {
            secret: name.to_owned(),
            ca,
        }),
    };
    let authority = match authority {
        Ok(authority) => authority,
        Err(error) => return failed(&error.to_string(), live, now),
    };
    let ca = &authority.ca;
    if live.is_good(host, ca, now) {
        let (finding, status) = in_force(live.info.as_ref(), &authority, now);
        return Certificate {
            finding,
            status,
            data: live.data,
            new_authority: None,
        };
    }
    let issued = ca.issue(host, now);
    let inspected = issued.and_then(|leaf| Ok((tls::inspect(&leaf.cert_chain)?, leaf)));
    let (info, leaf) = match inspected {
        Ok(issued) => issued,
        Err(error) => return failed(&failure(error).to_string(), live, now),
    };
    let data = Some(content(&leaf, ca));
    if withheld {
        return Certificate {
            data,
            ..due(live, host, &authority, now)
        };
    }
    let (finding, status) = in_force(Some(&info), &authority, now);
    Certificate {
        finding,
        status,
        data,
        new_authority: stored.is_none().then_some(authority),
    }
}

/// Reports on a certificate that is due but must not be written, because the environment is suspended or has a name
/// conflict. A certificate that is still usable is reported as valid. A missing one is reported as Unknown instead of
/// False, so that no warning Event is published.
///
/// The caller adds a newly issued certificate to the result. It is used only for `status.plan` and never written.
fn due(live: Live, host: &DnsName, authority: &Authority, now: Timestamp) -> Certificate {
    let usable = live.usable(now);
    if let Some(info) = usable.filter(|info| info.hosts != [host.as_str()]) {
        let seen = format!(
            "the certificate is for {}; one for {host} is due, and none is written while the environment is suspended or a name is taken",
            info.hosts.join(", ")
        );
        return Certificate {
            finding: Finding::unknown(Reason::RenewalFailed, seen),
            status: in_force(Some(info), authority, now).1,
            data: None,
            new_authority: None,
        };
    }
    if usable.is_none() {
        let cause = "a certificate is due, and none is written while the environment is suspended or a name is taken";
        let missing = !live.has_chain;
        let mut certificate = failed(cause, live, now);
        if missing {
            certificate.finding = Finding::unknown(Reason::RenewalFailed, cause);
        }
        return certificate;
    }
    let (finding, status) = in_force(live.info.as_ref(), authority, now);
    Certificate {
        finding,
        status,
        data: None,
        new_authority: None,
    }
}

fn content(leaf: &LeafPem, ca: &Ca) -> Data {
    let pem = |text: &str| ByteString(text.as_bytes().to_vec());
    BTreeMap::from([
        ("tls.crt".to_owned(), pem(&leaf.cert_chain)),
        ("tls.key".to_owned(), pem(&leaf.key)),
        ("ca.crt".to_owned(), pem(ca.cert_pem())),
    ])
}

/// Host that the route of the environment carries.
#[derive(Clone, Copy)]
enum Routed<'a> {
    /// Host of the Ingress that this reconcile writes: the domain of the spec.
    Now(&'a str),
    /// Host of the Ingress that exists and must not be changed, because another environment has the domain of the spec
    /// or the IngressClass is missing. Users can edit that Ingress, so it does not prove that the environment was given
    /// the host.
    Before(&'a str),
}

impl<'a> Routed<'a> {
    fn name(self) -> &'a str {
        match self {
            Self::Now(host) | Self::Before(host) => host,
        }
    }
}

/// Returns the host that the route carries after this reconcile; `None` if it carries none.
fn routed_host<'a>(
    spec: &'a EnvironmentSpec,
    effective: &Effective,
    valid: &Valid,
    observed: &'a Observed,
) -> Option<Routed<'a>> {
    match effective.route {
        RouteKind::None => None,
        RouteKind::Ingress if valid.route.write => Some(Routed::Now(&spec.domain)),
        // The host of the Ingress that exists is not, or no longer, this environment's.
        RouteKind::Ingress if valid.withdraw_route => None,
        RouteKind::Ingress => {
            let live = observed.children.ingress().and_then(first_host);
            live.map(Routed::Before)
        }
    }
}

fn in_force(
    info: Option<&CertInfo>,
    authority: &Authority,
    now: Timestamp,
) -> (Finding, Option<CertificateStatus>) {
    let Authority { secret, ca } = authority;
    let status = info.map(|info| CertificateStatus {
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
        // The certificate works, so the condition is True. But only a person can install a new CA on the clients that
        // trust this one.
        let end = whole_seconds(ca.info().not_after).0;
        let what = format!(
            "the certificate is valid{until}, and no later than its authority, secret {secret}, which ends {end}"
        );
        Finding::yes(Reason::AuthorityExpiring, what)
    };
    (finding, status)
}

fn failed(cause: &str, live: Live, now: Timestamp) -> Certificate {
    let reason = if live.usable(now).is_some() || !live.has_chain {
        Reason::RenewalFailed
    } else {
        Reason::Expired
    };
    let status = live.info.map(|info| CertificateStatus {
        not_after: Some(whole_seconds(info.not_after)),
        issuer: Some(info.issuer),
        cause: Some(cause.to_owned()),
    });
    Certificate {
        finding: Finding::no(reason, cause),
        status,
        data: live.data,
        new_authority: None,
    }
}
