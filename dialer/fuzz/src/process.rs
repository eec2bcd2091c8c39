//! Fuzz target for the configuration in environment variables.

use std::collections::BTreeMap;

use crokodial_dialer::config::Config;
use crokodial_dialer::http::cors::Origins;

use crate::input::text;

/// Minimum length, in bytes, of a secret that is checked for leaks into messages. Shorter secrets may occur in a
/// message by chance.
const MIN_SECRET: usize = 24;

/// Parts of the error messages that the fuzzer copies into its inputs as secrets. They are excluded from the check for
/// leaked secrets.
const ADVICE: [&str; 2] = [
    "mongodb://USER:PASSWORD@HOST:27017/DATABASE",
    "https://dialer.example.com,",
];

/// Fuzzes the configuration. The input contains environment variables, one `NAME=value` pair per line. Secret values
/// must not be shown.
pub fn config(data: &[u8]) {
    let text = text(data);
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let mut variables: BTreeMap<String, String> = lines
        .map(|(name, value)| (name.trim().to_owned(), value.to_owned()))
        .collect();
    let read = Config::read(&variables);
    let shown = match &read {
        Ok(config) => format!("{config:?}"),
        Err(error) => {
            assert!(!error.0.is_empty());
            error.to_string()
        }
    };
    for secret in [
        "MONGODB_URI",
        "JWT_SECRET",
        "SENTRY_DSN",
        "NEXTGEN_API_KEY",
        "ENCRYPTION_KEYS",
    ] {
        let value = variables.get(secret).map_or("", String::as_str);
        let alone = variables
            .iter()
            .all(|(name, other)| name == secret || !other.contains(value));
        let advice =
            value.contains(char::is_whitespace) || ADVICE.iter().any(|a| a.contains(value));
        if value.len() >= MIN_SECRET && alone && !advice {
            assert!(!shown.contains(value), "{secret} is shown");
        }
    }
    // Empty variables count as absent, so removing them changes nothing.
    variables.retain(|_, value| !value.is_empty());
    let again = Config::read(&variables);
    assert_eq!(format!("{again:?}"), format!("{read:?}"));
    if let Ok(config) = read {
        usable(&config, variables);
    }
}

fn usable(config: &Config, mut variables: BTreeMap<String, String>) {
    assert!(config.port > 0 && config.metrics_port != Some(config.port));
    assert!((1..=24).contains(&(config.session_lifetime.as_secs() / 3600)));
    assert!(config.login_limits.per_account > 0 && config.login_limits.per_address > 0);
    assert!(!config.mongo.database.is_empty() && !config.mongo.hosts.is_empty());
    assert!(!config.mongo.hosts.contains('@'));
    // The parsed networks and the parsed origin must parse as themselves.
    let proxies: Vec<String> = config
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    variables.insert("TRUSTED_PROXIES".to_owned(), proxies.join(","));
    if let Some(origin) = &config.client_origin {
        assert!(Origins::new(config.port, Some(origin)).allow(origin));
        assert_eq!(origin.matches('/').count(), 2, "{origin}");
        assert!(!origin.contains('@') && !origin.bytes().any(|b| b.is_ascii_uppercase()));
        variables.insert("CLIENT_URL".to_owned(), origin.clone());
    }
    let again = Config::read(&variables).map(|again| format!("{again:?}"));
    assert_eq!(again, Ok(format!("{config:?}")));
}
