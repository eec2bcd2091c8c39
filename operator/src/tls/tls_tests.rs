//! Tests of the CA, its certificates and their renewal. Real TLS handshakes verify the chain.

use std::sync::Arc;

use crokodial_crds::names::DnsName;
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::*;

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn host(name: &str) -> DnsName {
    name.parse().unwrap()
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

/// Clock for rustls that always returns this time.
#[derive(Debug)]
struct Fixed(Timestamp);

impl rustls::time_provider::TimeProvider for Fixed {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.as_second()).unwrap();
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(
            seconds,
        )))
    }
}

/// Performs a TLS handshake in memory at the time `at`. Returns the client's verdict on the server's certificate.
fn handshake(
    leaf: &LeafPem,
    trusted: &str,
    name: &str,
    at: Timestamp,
) -> Result<(), rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = CertificateDer::pem_slice_iter(leaf.cert_chain.as_bytes())
        .collect::<Result<_, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap())?;
    let client = ClientConfig::builder_with_details(provider, Arc::new(Fixed(at)))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name)?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

fn certificate_error(outcome: Result<(), rustls::Error>) -> String {
    match outcome {
        Err(rustls::Error::InvalidCertificate(error)) => format!("{error:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn clients_that_trust_the_ca_accept_a_leaf_for_its_host_and_its_time_only() {
    let (ca, other) = (Ca::generate(now()).unwrap(), Ca::generate(now()).unwrap());
    let leaf = ca.issue(&host("app.example.com"), now()).unwrap();
    let trusted = ca.cert_pem();
    for at in [
        now() - SignedDuration::from_mins(59),
        now(),
        now() + days(89),
    ] {
        handshake(&leaf, trusted, "app.example.com", at).unwrap();
    }
    let verdict =
        |trusted: &str, name: &str, at| certificate_error(handshake(&leaf, trusted, name, at));
    assert!(verdict(trusted, "www.example.com", now()).starts_with("NotValidForName"));
    assert!(verdict(trusted, "app.example.com", now() + days(91)).starts_with("Expired"));
    assert!(verdict(trusted, "app.example.com", now() - days(1)).starts_with("NotValidYet"));
    let foreign = verdict(other.cert_pem(), "app.example.com", now());
    assert!(
        foreign.starts_with("UnknownIssuer") || foreign.starts_with("BadSignature"),
        "{foreign}"
    );
}

#[test]
fn a_stored_ca_goes_on_where_it_stopped() {
    let ca = Ca::generate(now()).unwrap();
    let stored = Ca::from_pem(ca.cert_pem(), &ca.key_pem()).unwrap();
    assert_eq!(stored.info(), ca.info());
    let leaf = stored
        .issue(&host("app.example.com"), now() + days(365))
        .unwrap();
    handshake(&leaf, ca.cert_pem(), "app.example.com", now() + days(366)).unwrap();
}

#[test]
fn certificates_carry_what_is_documented() {
    let ca = Ca::generate(now()).unwrap();
    let name = host("app.example.com");
    let leaf = ca.issue(&name, now()).unwrap();
    let info = inspect(&leaf.cert_chain).unwrap();
    assert_eq!(info.hosts, ["app.example.com"]);
    assert_eq!(
        (info.not_before, info.not_after),
        (now() - SignedDuration::from_hours(1), now() + days(90))
    );
    assert!(info.issuer.starts_with("Crokodial CA "), "{}", info.issuer);
    assert!(
        info.matches_key(&leaf.key) && !info.matches_key(&ca.key_pem()) && !info.matches_key("x")
    );
    assert!(info.signed_by(&ca) && !info.signed_by(&Ca::generate(now()).unwrap()));
    assert_eq!(ca.info().not_after, now() + days(3650));
    assert_eq!(leaf.cert_chain.matches("BEGIN CERTIFICATE").count(), 1);

    let block = x509_parser::pem::parse_x509_pem(ca.cert_pem().as_bytes())
        .unwrap()
        .1;
    let parsed = block.parse_x509().unwrap();
    let constraints = parsed.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.ca);
    assert_eq!(constraints.value.path_len_constraint, Some(0));
    assert!(parsed.key_usage().unwrap().unwrap().value.key_cert_sign());
}

#[test]
fn two_leaves_share_neither_key_nor_serial() {
    let ca = Ca::generate(now()).unwrap();
    let name = host("app.example.com");
    let (one, two) = (
        ca.issue(&name, now()).unwrap(),
        ca.issue(&name, now()).unwrap(),
    );
    assert_ne!(one.key, two.key);
    let serial = |leaf: &LeafPem| {
        let block = x509_parser::pem::parse_x509_pem(leaf.cert_chain.as_bytes())
            .unwrap()
            .1;
        block.parse_x509().unwrap().raw_serial().to_vec()
    };
    assert_ne!(serial(&one), serial(&two));
}

#[test]
fn the_longest_host_fits() {
    let label = "a".repeat(63);
    let long = format!("{label}.{label}.{label}.{}", "b".repeat(61));
    assert_eq!(long.len(), 253);
    let ca = Ca::generate(now()).unwrap();
    let leaf = ca.issue(&host(&long), now()).unwrap();
    assert_eq!(inspect(&leaf.cert_chain).unwrap().hosts, [long.as_str()]);
    handshake(&leaf, ca.cert_pem(), &long, now()).unwrap();
}

#[test]
fn leaves_end_with_their_ca_and_none_is_issued_outside_its_life() {
    let ca = Ca::generate(now()).unwrap();
    let name = host("app.example.com");
    let late = now() + days(3640);
    let leaf = inspect(&ca.issue(&name, late).unwrap().cert_chain).unwrap();
    assert_eq!(leaf.not_after, ca.info().not_after);
    assert!(!ca.outlives_a_leaf(late) && ca.outlives_a_leaf(now()));
    for at in [now() + days(3651), now() - days(1)] {
        assert_eq!(ca.issue(&name, at).unwrap_err(), TlsError::CaNotValid);
    }
    for at in [Timestamp::UNIX_EPOCH, Timestamp::MIN, Timestamp::MAX] {
        assert_eq!(Ca::generate(at).unwrap_err(), TlsError::CaNotValid);
    }
}

#[test]
fn renewal_has_its_reason() {
    let (ca, other) = (Ca::generate(now()).unwrap(), Ca::generate(now()).unwrap());
    let name = host("app.example.com");
    let info = inspect(&ca.issue(&name, now()).unwrap().cert_chain).unwrap();
    let due = renewal_time(&info, &name);
    let second = SignedDuration::from_secs(1);
    let table = [
        (&name, &ca, now(), None),
        (&name, &ca, due - second, None),
        (&name, &ca, due, Some(RenewReason::Due)),
        (&name, &ca, info.not_after, Some(RenewReason::Due)),
        (
            &name,
            &ca,
            info.not_after + second,
            Some(RenewReason::Expired),
        ),
        (&name, &ca, info.not_before, None),
        (
            &name,
            &ca,
            info.not_before - second,
            Some(RenewReason::NotYetValid),
        ),
        (&name, &other, now(), Some(RenewReason::OtherCa)),
        (
            &host("www.example.com"),
            &ca,
            now(),
            Some(RenewReason::WrongHost),
        ),
    ];
    for (host, ca, at, expected) in table {
        assert_eq!(
            needs_renewal(&info, host, ca, at),
            expected,
            "{host} at {at}"
        );
    }
}

#[test]
fn renewal_is_spread_over_a_twentieth_of_the_life_and_always_the_same() {
    let ca = Ca::generate(now()).unwrap();
    let times: Vec<Timestamp> = (0..50)
        .map(|number| {
            let name = host(&format!("site-{number}.example.com"));
            let info = inspect(&ca.issue(&name, now()).unwrap().cert_chain).unwrap();
            assert_eq!(renewal_time(&info, &name), renewal_time(&info, &name));
            renewal_time(&info, &name)
        })
        .collect();
    let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(
        *last <= now() + days(60) && *first >= now() + days(55),
        "{first} {last}"
    );
    assert!(last.duration_since(*first) > days(2), "{first} {last}");
}

#[test]
fn bad_texts_are_errors_with_their_reason_and_quote_no_key() {
    let (ca, other) = (Ca::generate(now()).unwrap(), Ca::generate(now()).unwrap());
    let leaf = ca.issue(&host("app.example.com"), now()).unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let table = [
        ("", ca.key_pem(), TlsError::BadCertificate),
        ("not pem", ca.key_pem(), TlsError::BadCertificate),
        (broken, ca.key_pem(), TlsError::BadCertificate),
        (&ca.key_pem(), ca.key_pem(), TlsError::BadCertificate),
        (ca.cert_pem(), String::new(), TlsError::BadKey),
        (ca.cert_pem(), ca.cert_pem().to_owned(), TlsError::BadKey),
        (ca.cert_pem(), other.key_pem(), TlsError::KeyMismatch),
        (&leaf.cert_chain, leaf.key.clone(), TlsError::NotACa),
    ];
    for (cert, key, reason) in table {
        assert_eq!(Ca::from_pem(cert, &key).unwrap_err(), reason);
    }
    let shown = format!("{ca:?} {leaf:?}");
    assert!(
        !shown.contains("PRIVATE") && !shown.contains(leaf.key.lines().nth(1).unwrap()),
        "{shown}"
    );
}
