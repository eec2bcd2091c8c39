use super::*;
use crate::identifiers::is_label;
use proptest::prelude::*;

#[test]
fn environment_names() {
    for good in ["a", "prod", "staging-2", "a-b-c", &"a".repeat(40)] {
        assert!(good.parse::<EnvironmentName>().is_ok(), "{good}");
    }
    for bad in [
        "",
        "1a",
        "-a",
        "a-",
        "A",
        "a.b",
        "a_b",
        "prod-candidate",
        "ä",
        &"a".repeat(41),
    ] {
        assert_eq!(
            bad.parse::<EnvironmentName>(),
            Err(NameError::Environment),
            "{bad}"
        );
    }
}

#[test]
fn domains() {
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "b".repeat(61));
    for good in [
        "crokodial.com",
        "staging.crokodial.test",
        "a-b.c1.de",
        "localhost",
        "1.example.org",
        &longest,
    ] {
        assert!(good.parse::<DnsName>().is_ok(), "{good}");
    }
    let too_long = format!("a.{longest}");
    for bad in [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "A.com",
        "*.a.com",
        "https://a.com",
        "a.com:443",
        "a.com/",
        "a b.com",
        "-a.com",
        "a-.com",
        "10.0.0.1",
        "a.com\n",
        "é.com",
        &too_long,
        &format!("{label}a.com"),
    ] {
        assert_eq!(bad.parse::<DnsName>(), Err(NameError::Dns), "{bad}");
    }
}

#[test]
fn digests() {
    let hex = "0123456789abcdef".repeat(4);
    assert!(format!("sha256:{hex}").parse::<Digest>().is_ok());
    for bad in [
        hex.clone(),
        format!("sha512:{hex}"),
        format!("sha256:{hex}0"),
        format!("sha256:{}", hex.to_uppercase()),
    ] {
        assert_eq!(bad.parse::<Digest>(), Err(NameError::Digest), "{bad}");
    }
}

#[test]
fn databases() {
    for good in ["crokodial_prod", "heroku-1", "Üben"] {
        assert!(good.parse::<DatabaseName>().is_ok(), "{good}");
    }
    for bad in [
        "",
        "a.b",
        "a b",
        "a/b",
        "a\\b",
        "$x",
        "a@b",
        "a\0",
        &"a".repeat(64),
    ] {
        assert_eq!(
            bad.parse::<DatabaseName>(),
            Err(NameError::Database),
            "{bad}"
        );
    }
    assert!("admin".parse::<DatabaseName>().unwrap().is_system());
}

#[test]
fn children_have_the_published_names() {
    let name = "prod".parse().unwrap();
    let children = Children::of(&name);
    let names = [
        children.deployment(),
        children.mongo_active(),
        children.config_active(),
        children.proven(),
        children.tls(),
        children.snapshot(42),
        children.release(42),
    ];
    assert_eq!(
        names,
        [
            "prod",
            "prod-mongo-active",
            "prod-config-active",
            "prod-proven",
            "prod-tls",
            "prod-r42",
            "prod-42"
        ]
    );
}

proptest! {
    /// Two environments in one namespace never have objects of the same kind and name.
    #[test]
    fn children_of_two_environments_differ(
        a in "[a-z][-a-z0-9]{0,8}[a-z0-9]", b in "[a-z][-a-z0-9]{0,8}[a-z0-9]", m in 1_i64..200, n in 1_i64..200,
    ) {
        prop_assume!(a != b && !a.ends_with("-candidate") && !b.ends_with("-candidate"));
        let (a, b): (EnvironmentName, EnvironmentName) = (a.parse().unwrap(), b.parse().unwrap());
        let secrets = |c: Children<'_>, n| [c.mongo_active(), c.config_active(), c.proven(), c.tls(), c.snapshot(n)];
        for name in secrets(Children::of(&a), m) {
            prop_assert!(!secrets(Children::of(&b), n).contains(&name), "{}", name);
        }
        prop_assert_ne!(Children::of(&a).release(m), Children::of(&b).release(n));
    }

    /// The names of the created objects are valid DNS labels for every release number.
    #[test]
    fn children_are_labels(name in "[a-z][-a-z0-9]{0,38}[a-z0-9]", number in 1_i64..=999_999_999) {
        prop_assume!(!name.ends_with("-candidate"));
        let name: EnvironmentName = name.parse().unwrap();
        let c = Children::of(&name);
        for child in [c.deployment(), c.mongo_active(), c.config_active(), c.proven(), c.tls(), c.snapshot(number), c.release(number)] {
            prop_assert!(is_label(&child, 63), "{}", child);
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        let _ = (text.parse::<EnvironmentName>(), text.parse::<DnsName>(), text.parse::<Digest>(), text.parse::<DatabaseName>());
    }
}
