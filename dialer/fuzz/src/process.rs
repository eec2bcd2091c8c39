//! The environment, and small things of every request.

use std::collections::BTreeMap;

use crokodial_dialer::config::Config;
use crokodial_dialer::domain::ids::derived;
use crokodial_dialer::http::body::object_id;
use crokodial_dialer::http::cors::Origins;
use crokodial_dialer::http::encoding::{self, Encoding};
use crokodial_dialer::http::paging::Paging;
use serde_json::Value;

use crate::input::{pairs, text};

/// Shorter values stand in the advice by chance.
const LEAST_SECRET: usize = 24;

/// Longer words of the advice itself, which the fuzzer finds out.
const ADVICE: [&str; 2] = [
    "mongodb://USER:PASSWORD@HOST:27017/DATABASE",
    "https://dialer.example.com,",
];

/// Variables, a line each.
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
        if value.len() >= LEAST_SECRET && alone && !advice {
            assert!(!shown.contains(value), "{secret} is shown");
        }
    }
    // Empty is absent.
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
    // What was made of the lists and the origin is read as itself.
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

pub fn accept_encoding(data: &[u8]) {
    let header = text(data);
    let taken = encoding::acceptable(&header);
    assert_eq!(taken.last(), Some(&Encoding::Identity));
    let before: Vec<&Encoding> = taken.iter().rev().skip(1).rev().collect();
    let orders: [&[&Encoding]; 4] = [
        &[],
        &[&Encoding::Brotli],
        &[&Encoding::Gzip],
        &[&Encoding::Brotli, &Encoding::Gzip],
    ];
    assert!(orders.contains(&before.as_slice()), "{taken:?}");
    assert_eq!(encoding::acceptable(&header.to_ascii_uppercase()), taken);
    let refused = encoding::acceptable(&format!("br;q=0,gzip;q=0.000,{header}"));
    assert_eq!(refused, [Encoding::Identity]);
    let wanted = encoding::acceptable(&format!("br,gzip;q=0.1,{header}"));
    assert_eq!(wanted.len(), 3);
}

/// An id of a path; and the parts that an id is derived from, a line each.
pub fn ids(data: &[u8]) {
    let text = text(data);
    if let Ok(id) = object_id("id", &text) {
        assert!(id.to_hex().eq_ignore_ascii_case(&text));
    }
    let plain = text.replace('\0', "");
    let parts: Vec<&str> = plain.split('\n').collect();
    let id = derived(&parts);
    assert_eq!(id, derived(&parts));
    assert_ne!(id, derived(&[parts.as_slice(), &[""]].concat()));
    if parts.len() > 1 {
        assert_ne!(id, derived(&[&parts.concat()]));
    }
}

/// The query string of a short list.
pub fn paging(data: &[u8]) {
    let pairs = pairs(data);
    let Ok(paging) = Paging::of(&pairs) else {
        return;
    };
    let (skip, limit) = paging.window();
    let width = u64::try_from(limit).unwrap_or_default();
    assert!((1..=100).contains(&width));
    assert!(skip.is_multiple_of(width) && skip / width < 1_000_000);
    let total = skip + 1;
    let shown = paging.shown(total);
    let number = |field: &str| shown.get(field).and_then(Value::as_u64);
    assert_eq!(number("total"), Some(total));
    assert_eq!(number("limit"), Some(width));
    // One more than was skipped: it stands on the page that was asked for.
    assert_eq!(number("pages"), number("page"));
    let again =
        ["page", "limit"].map(|field| (field.to_owned(), number(field).unwrap_or(0).to_string()));
    assert_eq!(Paging::of(&again).ok(), Some(paging));
}
