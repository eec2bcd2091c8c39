//! Tests of the certificate that is planned and reported.

use crokodial_crds::ConditionType as T;

use super::super::fixture::{Case, at, serving, table};
use crate::tls;

const DAY: i64 = 86_400;

/// Builds a case whose spec asks for a certificate from the operator's own certificate authority.
fn signed(more: &str) -> Case {
    serving(&format!("spec: {{tls: {{mode: SelfSigned}}}}, {more}"))
}

/// Formats condition `CertificateReady`, whether the data of the Secret is new, kept or not written, and whether a new
/// certificate authority is stored.
fn of(more: &str) -> String {
    told_of(&signed(more))
}

fn told_of(case: &Case) -> String {
    let live = case
        .seen
        .children
        .certificate()
        .and_then(|s| s.data.clone());
    let content = match &case.certificate.data {
        None => "nothing",
        data if *data == live => "kept",
        Some(_) => "new",
    };
    let authority = if case.certificate.new_authority.is_some() {
        ", new authority"
    } else {
        ""
    };
    format!(
        "{} ({content}{authority})",
        case.condition(T::CertificateReady)
    )
}

fn leaf(days: i64) -> String {
    format!(
        "authority: {{made: {}}}, leaf: {{issued: {}}}",
        -900 * DAY,
        days * DAY
    )
}

#[test]
fn each_finding_and_what_is_written() {
    let lost = "secret crokodial-ca in the operator's namespace has no tls.key. Restore it, or delete it to have a new authority made";
    let broken = |days: i64| leaf(days).replace("made", "lost: [tls.key], made");
    let fresh = "True Succeeded: the certificate is valid until 2026-04-01T00:00:00Z";
    let due = "a certificate is due, and none is written while the environment is suspended or a name is taken";
    let other =
        |more: &str| format!("authority: {{made: -864000}}, leaf: {{issued: -86400, {more}}}");
    table(
        &[
            ("now: 0", &format!("{fresh} (new, new authority)")),
            ("authority: {made: -5}", &format!("{fresh} (new)")),
            (
                &leaf(-1),
                "True Succeeded: the certificate is valid until 2026-03-31T00:00:00Z (kept)",
            ),
            (&leaf(-89), &format!("{fresh} (new)")),
            (&leaf(-100), &format!("{fresh} (new)")),
            (&other("host: other.test"), &format!("{fresh} (new)")),
            (&other("otherKey: true"), &format!("{fresh} (new)")),
            // The old Ingress keeps its host and certificate while the new one must not be written.
            (
                &other("host: old.test").replace(
                    "authority",
                    "class: missing, ingress: {host: old.test}, authority",
                ),
                "True Succeeded: the certificate is valid until 2026-03-31T00:00:00Z (kept)",
            ),
            (
                &other("host: old.test")
                    .replace("authority", "ingress: {host: old.test}, authority"),
                &format!("{fresh} (new)"),
            ),
            (
                "authority: {made: -5, lost: [tls.key]}",
                &format!("False RenewalFailed: {lost} (nothing)"),
            ),
            (&broken(-1), &format!("False RenewalFailed: {lost} (kept)")),
            (&broken(-90), &format!("False Expired: {lost} (kept)")),
            // While the environment is suspended or has a name conflict, the state is only reported.
            (
                "foreign: [Service]",
                &format!("Unknown RenewalFailed: {due} (new)"),
            ),
            (
                &format!("foreign: [Service], {}", leaf(-89)),
                "True Succeeded: the certificate is valid until 2026-01-02T00:00:00Z (new)",
            ),
            (
                &format!("foreign: [Service], {}", leaf(-90)),
                &format!("False Expired: {due} (new)"),
            ),
        ],
        of,
    );
    assert_eq!(
        serving("").condition(T::CertificateReady),
        "True Disabled: the spec asks for no certificate"
    );
}

#[test]
fn no_certificate_is_made_for_a_host_that_the_route_does_not_carry() {
    let taken = "claims: [{namespace: b, name: other, routed: true}]";
    let lost = "no certificate is made for shop.test, because the route of the environment does not carry it";
    let old = "ingress: {host: old.test}";
    let acme = "tenants: [{name: acme, namespaces: [apps], domains: [acme.com]}]";
    let none = |reason: &str| format!("Unknown {reason}: {lost} (nothing)");
    let left = |reason: &str, end: &str| {
        let told = format!("; the one in Secret shop-tls is valid until {end} and is not renewed");
        format!("Unknown {reason}: {lost}{told} (nothing)")
    };
    let tomorrow = "2026-03-31T00:00:00Z";
    table(
        &[
            (&format!("{taken}, ingress: null"), &none("HostTaken")),
            ("class: missing, ingress: null", &none("ControllerMissing")),
            (
                &format!("{acme}, {}", leaf(-1)),
                &left("HostNotAllowed", tomorrow),
            ),
            // Somebody edited the Ingress of the loser by hand, also to a host that nobody else has.
            (taken, &none("HostTaken")),
            (&format!("{taken}, {old}"), &none("HostTaken")),
            (
                &format!("{taken}, {}", leaf(-1)),
                &left("HostTaken", tomorrow),
            ),
            // What was issued for the old host is renewed, and only that.
            (
                &format!(
                    "{taken}, {old}, authority: {{made: -8640000}}, leaf: {{issued: -7689600, host: old.test}}"
                ),
                "True Succeeded: the certificate is valid until 2026-04-01T00:00:00Z (new)",
            ),
            (
                &format!(
                    "{taken}, {old}, authority: {{made: -8640000}}, leaf: {{issued: -5, host: old.test, otherKey: true}}"
                ),
                &left("HostTaken", "2026-03-31T23:59:55Z"),
            ),
        ],
        of,
    );
}

/// Builds a case whose spec asks for a certificate, but for no route.
fn unrouted(more: &str) -> Case {
    let spec = "spec: {tls: {mode: SelfSigned}, route: {kind: None}}";
    serving(&format!("{spec}, {more}"))
}

#[test]
fn without_a_route_a_certificate_is_not_renewed_and_its_end_is_told() {
    let told = "the spec asks for no route, so no certificate is made";
    let left = |end: &str| {
        let told = format!("{told}; the one in Secret shop-tls {end} and is not renewed");
        format!("True NotRenewed: {told} (nothing)")
    };
    let none = format!("True Disabled: {told} (nothing)");
    table(
        &[
            ("now: 0", &none),
            (&leaf(-89), &left("is valid until 2026-01-02T00:00:00Z")),
            (&leaf(-90), &left("ended 2026-01-01T00:00:00Z")),
            // The authority was deleted: nobody else renews what is in the operator's Secret.
            (
                &leaf(-89).replace("made", "lost: [tls.crt], made"),
                &left("is valid until 2026-01-02T00:00:00Z"),
            ),
        ],
        |more| told_of(&unrouted(more)),
    );
    let status = unrouted(&leaf(-1)).status().certificate.unwrap();
    assert_eq!(status.not_after.unwrap().0, at(89 * DAY));
}

#[test]
fn an_authority_that_ends_before_a_next_certificate_is_a_warning() {
    let made = tls::LEAF_LIFETIME.as_secs() - tls::CA_LIFETIME.as_secs() + DAY;
    let told =
        signed(&format!("authority: {{made: {}}}", made - 2 * DAY)).condition(T::CertificateReady);
    assert!(
        told.starts_with("True AuthorityExpiring: the certificate is valid until "),
        "{told}"
    );
    assert!(
        told.contains("no later than its authority, secret crokodial-ca, which ends "),
        "{told}"
    );
}

#[test]
fn the_status_tells_of_the_certificate_in_use() {
    let status = signed(&leaf(-1)).status().certificate.unwrap();
    assert_eq!(status.not_after.unwrap().0, at(89 * DAY));
    assert!(status.issuer.unwrap().contains("Crokodial"));
    assert_eq!(status.cause, None);
    let broken = signed(&leaf(-1).replace("made", "lost: [tls.crt], made"));
    let cause = broken.status().certificate.unwrap().cause.unwrap();
    assert!(cause.contains("has no tls.crt"), "{cause}");
    assert_eq!(serving("").status().certificate, None);
}
