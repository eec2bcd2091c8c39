//! Tests of the list of tenants and of what follows from it.

use super::*;

const TWO: &str = r#"[
    {"name": "acme", "namespaces": ["acme-staging", "acme-prod"], "domains": ["acme.com", "*.acme.com"], "maxEnvironments": 2},
    {"name": "free", "namespaces": ["free"]}
]"#;

fn two() -> Tenants {
    Tenants::parse(TWO).unwrap()
}

#[test]
fn namespaces_know_those_of_their_tenant_only() {
    let tenants = two();
    for (one, other, same) in [
        ("acme-staging", "acme-prod", true),
        ("acme-prod", "free", false),
        ("acme-prod", "rest", false),
        ("rest", "other", true),
        ("free", "free", true),
    ] {
        assert_eq!(tenants.same(one, other), same, "{one} {other}");
        assert!(Tenants::default().same(one, other), "{one} {other}");
    }
}

#[test]
fn each_named_tenant_has_an_authority_of_its_own() {
    let tenants = two();
    assert_eq!(tenants.ca_secret("acme-prod"), "crokodial-ca-acme");
    assert_eq!(tenants.ca_secret("free"), "crokodial-ca-free");
    assert_eq!(tenants.ca_secret("rest"), "crokodial-ca");
    assert_eq!(Tenants::default().ca_secret("acme-prod"), "crokodial-ca");
    assert_eq!(tenants.max_environments("acme-prod"), Some(2));
    assert_eq!(tenants.max_environments("rest"), None);
}

#[test]
fn a_list_of_domains_binds_its_tenant_and_reserves_them_for_it() {
    let tenants = two();
    let allows = |namespace: &str, host: &str| tenants.hosts(namespace).allows(host);
    for (host, acme, others) in [
        ("acme.com", true, false),
        ("www.acme.com", true, false),
        ("a.b.c.acme.com", true, false),
        ("notacme.com", false, true),
        ("acme.com.evil.test", false, true),
        (".acme.com", false, true),
        ("other.test", false, true),
    ] {
        assert_eq!(allows("acme-prod", host), acme, "{host}");
        assert_eq!(allows("free", host), others, "{host}");
        assert_eq!(allows("rest", host), others, "{host}");
        assert!(HostRule::default().allows(host), "{host}");
    }
    let listed = tenants.hosts("acme-staging").domains();
    assert_eq!(listed.as_deref(), Some("acme.com, *.acme.com"));
    assert_eq!(tenants.hosts("rest").domains(), None);
}

#[test]
fn a_wildcard_does_not_cover_the_name_itself() {
    let below = DomainPattern::parse("*.acme.com").unwrap();
    assert!(!below.matches("acme.com"));
    assert!(below.matches("x.acme.com"));
}

#[test]
fn every_mistake_is_named() {
    let of = |text: &str| Tenants::parse(text).unwrap_err().join("; ");
    for (text, told) in [
        ("x", "it is no list of tenants in JSON"),
        ("{}", "it is no list of tenants in JSON"),
        (
            r#"[{"name": "a", "namespaces": ["n"], "domain": ["x.test"]}]"#,
            "unknown field `domain`",
        ),
        (
            r#"[{"name": "a", "namespaces": ["n"], "maxEnvironments": -1}]"#,
            "it is no list of tenants in JSON",
        ),
        (
            r#"[{"name": "A", "namespaces": ["n"]}]"#,
            "\"A\" is not a name of a tenant",
        ),
        (
            r#"[{"name": "a", "namespaces": []}]"#,
            "tenant a has no namespaces",
        ),
        (
            r#"[{"name": "a", "namespaces": ["n"]}, {"name": "a", "namespaces": ["m"]}]"#,
            "two tenants have the name a",
        ),
        (
            r#"[{"name": "a", "namespaces": ["n"]}, {"name": "b", "namespaces": ["n"]}]"#,
            "namespace n is in tenant a and in tenant b",
        ),
        (
            r#"[{"name": "a", "namespaces": ["n", "n"]}]"#,
            "namespace n is in tenant a and in tenant a",
        ),
        (
            r#"[{"name": "a", "namespaces": ["n"], "domains": []}]"#,
            "tenant a has an empty list of domains",
        ),
        (
            r#"[{"name": "a", "namespaces": ["n"], "domains": ["*", "a*.test", "*.*.test", "X.test", "https://x.test"]}]"#,
            "\"https://x.test\" of tenant a is neither a domain nor",
        ),
    ] {
        let found = of(text);
        assert!(found.contains(told), "{text}: {found}");
    }
    let five = of(
        r#"[{"name": "a", "namespaces": ["n"], "domains": ["*", "a*.test", "*.*.test", "X.test", "*."]}]"#,
    );
    assert_eq!(five.split("; ").count(), 5, "{five}");
    let watched = ["acme-prod".to_owned(), "free".to_owned()];
    assert_eq!(
        two().unwatched(&watched),
        ["namespace acme-staging of tenant acme is not watched"]
    );
}
