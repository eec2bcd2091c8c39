use super::*;

const URI: &str = "mongodb://app:s3cr3t-pw@db.example:27017/crokodial";
const JWT: &str = "0123456789abcdef0123456789abcdef";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const TENANT: &str = "64b7f0c2a1b2c3d4e5f60718";

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn with(name: &str, value: &str) -> BTreeMap<String, String> {
    let mut variables = variables(&[("MONGODB_URI", URI), ("JWT_SECRET", JWT)]);
    variables.insert(name.to_owned(), value.to_owned());
    variables
}

#[test]
fn two_variables_are_enough() {
    let config = Config::read(&with("PORT", "")).unwrap();
    assert_eq!(config.port, 3005);
    assert_eq!(config.mongo.database, "crokodial");
    assert_eq!(config.mongo.hosts, "db.example:27017");
    assert_eq!(config.registration, RegistrationMode::Invite);
    assert_eq!(config.role, InstanceRole::Web);
    assert_eq!(config.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(config.session_lifetime, Duration::from_secs(12 * 3600));
    assert!(config.sentry.is_none());
}

#[test]
fn metrics_are_off_or_on_a_port_of_their_own() {
    let port = |value| Config::read(&with("METRICS_PORT", value)).map(|c| c.metrics_port);
    assert_eq!(port(""), Ok(None));
    assert_eq!(port("9090"), Ok(Some(9090)));
    for wrong in ["0", "metrics", "3005"] {
        let error = port(wrong).unwrap_err();
        assert_eq!(error.0[0].variable, "METRICS_PORT", "{wrong}");
    }
}

#[test]
fn a_log_level_that_is_not_ascii_is_refused() {
    // `EnvFilter` would panic on these: it applies a byte position of one string to another in which letters have other
    // lengths.
    for wrong in ["info, \u{fffd}\u{fffd}[[", " \u{e9}=debug", "d\u{e9}bug"] {
        let error = Config::read(&with("LOG_LEVEL", wrong)).unwrap_err();
        assert_eq!(error.0[0].variable, "LOG_LEVEL", "{wrong}");
    }
}

#[test]
fn everything_wrong_is_said_at_once_and_no_value_is_shown() {
    let error = Config::read(&variables(&[
        ("MONGODB_URI", "postgres://app:s3cr3t-pw@db/x"),
        ("JWT_SECRET", "short-secret"),
        ("PORT", "70000"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "lots=of=noise"),
        ("REGISTRATION", "closed"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,nonsense"),
        ("CLIENT_URL", "dialer.example.com"),
        ("SENTRY_DSN", "not-a-dsn"),
        ("CROKODIAL_ROLE", "boss"),
        ("SESSION_HOURS", "48"),
        ("LOGIN_FAILURES_PER_ACCOUNT", "0"),
        ("ENCRYPTION_KEYS", "k1:dG9vIHNob3J0"),
        ("NEXTGEN_API_KEY", "too-short"),
        ("WEBHOOK_PER_SECOND", "0"),
        ("WEBHOOK_BURST", "many"),
        ("WEBHOOK_FAILURES_PER_ADDRESS", "0"),
        ("WEBHOOK_WINDOW_MINUTES", "0"),
    ]))
    .unwrap_err();
    let names: Vec<_> = error.0.iter().map(|problem| problem.variable).collect();
    for name in [
        "MONGODB_URI",
        "JWT_SECRET",
        "PORT",
        "LOG_FORMAT",
        "LOG_LEVEL",
        "REGISTRATION",
        "TRUSTED_PROXIES",
        "CLIENT_URL",
        "SENTRY_DSN",
        "CROKODIAL_ROLE",
        "SESSION_HOURS",
        "LOGIN_FAILURES_PER_ACCOUNT",
        "ENCRYPTION_KEYS",
        "NEXTGEN_SID",
        "NEXTGEN_API_KEY",
        "ADMIN_TENANT_ID",
        "WEBHOOK_PER_SECOND",
        "WEBHOOK_BURST",
        "WEBHOOK_FAILURES_PER_ADDRESS",
        "WEBHOOK_WINDOW_MINUTES",
    ] {
        assert!(names.contains(&name), "{name} missing in {names:?}");
    }
    let shown = error.to_string();
    for value in [
        "s3cr3t-pw",
        "short-secret",
        "70000",
        "nonsense",
        "not-a-dsn",
        "dG9vIHNob3J0",
        "too-short",
    ] {
        assert!(!shown.contains(value), "{shown}");
    }
}

#[test]
fn an_empty_environment_names_both_required_variables_with_the_fix() {
    let shown = Config::read(&BTreeMap::new()).unwrap_err().to_string();
    assert!(
        shown.contains("MONGODB_URI: is not set: set it to mongodb://"),
        "{shown}"
    );
    assert!(
        shown.contains("JWT_SECRET: is not set: set it to at least 32"),
        "{shown}"
    );
}

#[test]
fn mongo_uris() {
    for (uri, part) in [
        (
            "mongodb://app:s3cr3t-pw@db.example:27017",
            "names no database",
        ),
        (
            "mongodb://app:s3cr3t-pw@db.example:27017/crokodial\n",
            "line break",
        ),
        (
            "mongodb://app:s3cr3t-pw@x:notaport/crokodial",
            "cannot be parsed",
        ),
        (
            "mongodb://app:s3cr3t%zz@db.example/crokodial",
            "cannot be parsed",
        ),
        (
            "mongodb://app:s3cr3t%2é@db.example/crokodial",
            "cannot be parsed",
        ),
    ] {
        let shown = Config::read(&with("MONGODB_URI", uri))
            .unwrap_err()
            .to_string();
        assert!(shown.contains(part), "{shown}");
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }
    let srv = Config::read(&with(
        "MONGODB_URI",
        "mongodb+srv://app:pw@cluster0.example.net/crokodial",
    ))
    .unwrap();
    assert_eq!(srv.mongo.hosts, "cluster0.example.net");
}

#[test]
fn placeholder_secrets_are_refused() {
    for secret in [
        "a".repeat(40),
        "replace-me-with-32-random-characters!".to_owned(),
        "<JWT_SECRET of at least 32 chars here>".to_owned(),
    ] {
        assert!(
            Config::read(&with("JWT_SECRET", &secret)).is_err(),
            "{secret}"
        );
    }
}

#[test]
fn debug_output_holds_no_secret() {
    let mut variables = with("SENTRY_DSN", "https://publickey@sentry.example/42");
    for (name, value) in [
        ("ENCRYPTION_KEYS", format!("k1:{KEY}")),
        ("NEXTGEN_SID", "vendor-sid".to_owned()),
        ("NEXTGEN_API_KEY", "vendor-key-0123456".to_owned()),
        ("ADMIN_TENANT_ID", TENANT.to_owned()),
    ] {
        variables.insert(name.to_owned(), value);
    }
    let config = Config::read(&variables).unwrap();
    let shown = format!("{config:?}");
    for secret in [
        "s3cr3t-pw",
        JWT,
        "publickey",
        KEY,
        "vendor-sid",
        "vendor-key",
    ] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn the_environment_s_pair_is_whole_and_has_its_tenant() {
    let mut whole = with("NEXTGEN_SID", "vendor-sid");
    whole.insert(
        "NEXTGEN_API_KEY".to_owned(),
        "vendor-key-0123456".to_owned(),
    );
    whole.insert("ADMIN_TENANT_ID".to_owned(), TENANT.to_owned());
    let pair = Config::read(&whole).unwrap().vendors.pair.unwrap();
    assert_eq!(pair.tenant.to_hex(), TENANT);
    for missing in ["NEXTGEN_SID", "NEXTGEN_API_KEY", "ADMIN_TENANT_ID"] {
        let mut part = whole.clone();
        part.remove(missing);
        let error = Config::read(&part).unwrap_err();
        let named: Vec<&str> = error.0.iter().map(|p| p.variable).collect();
        assert_eq!(named, [missing]);
    }
    for (name, bad) in [
        ("NEXTGEN_SID", "with space"),
        ("NEXTGEN_API_KEY", "vendor-key-0123456\n"),
        ("ADMIN_TENANT_ID", "the boss"),
    ] {
        let mut wrong = whole.clone();
        wrong.insert(name.to_owned(), bad.to_owned());
        assert_eq!(Config::read(&wrong).unwrap_err().0[0].variable, name);
    }
    let alone = Config::read(&with("ADMIN_TENANT_ID", TENANT)).unwrap();
    assert!(alone.vendors.pair.is_none());
    assert!(Config::read(&with("ADMIN_TENANT_ID", "x")).is_err());
}

#[test]
fn webhook_limits_have_the_promised_defaults() {
    let vendors = Config::read(&with("PORT", "")).unwrap().vendors;
    assert_eq!((vendors.rate.per_second, vendors.rate.burst), (50, 100));
    assert_eq!(
        (vendors.wrong.per_address, vendors.wrong.per_account),
        (50, 10)
    );
    assert_eq!(vendors.wrong.window, Duration::from_secs(900));
}

#[test]
fn origins_and_proxies() {
    let config = Config::read(&with("CLIENT_URL", "https://Dialer.example.com/")).unwrap();
    assert_eq!(
        config.client_origin.as_deref(),
        Some("https://dialer.example.com")
    );
    for bad in [
        "https://x.example/path",
        "ftp://x.example",
        "https://u:p@x.example",
        "*",
        "https://dialer.example.com#leads",
    ] {
        assert!(Config::read(&with("CLIENT_URL", bad)).is_err(), "{bad}");
    }
    let config = Config::read(&with("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1")).unwrap();
    assert_eq!(config.trusted_proxies.len(), 2);
}
