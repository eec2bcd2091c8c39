//! Tests of the OpenAPI description itself. Other tests check responses against it, through `support/described.rs`.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::described::{DESCRIPTION, operation, operations, session_needed};
use crokodial_dialer::http::description;
use serde_json::{Value, json};

#[test]
fn the_committed_description_is_what_the_server_says_of_itself() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/dialer-openapi.json");
    let said = description().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("OPENAPI_WRITE").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == said,
        "docs/dialer-openapi.json differs from `dialer openapi`: run `make generate`"
    );
}

#[test]
fn every_address_is_described_whole() {
    let tags = DESCRIPTION["tags"].as_array().unwrap();
    let tags: BTreeSet<&str> = tags.iter().map(|t| t["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    for (method, path, said) in operations() {
        let what = format!("{method} {path}");
        let id = said["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{what}: {id} is another's");
        assert!(tags.contains(said["tags"][0].as_str().unwrap()), "{what}");
        let summary = said["summary"].as_str().unwrap_or_default();
        assert!(summary.ends_with('.'), "{what}: {summary}");
        let places: BTreeSet<&str> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        let parameters = said["parameters"].as_array().into_iter().flatten();
        let described: BTreeSet<&str> = parameters
            .filter(|p| p["in"] == "path")
            .map(|p| p["name"].as_str().unwrap())
            .collect();
        assert_eq!(places, described, "{what}");
        let refusal = &said["responses"]["default"]["content"]["application/json"]["schema"];
        assert_eq!(refusal["$ref"], "#/components/schemas/Refusal", "{what}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let there = DESCRIPTION.pointer(reference.trim_start_matches('#'));
                    assert!(there.is_some(), "{reference}");
                }
                fields.values().for_each(walk);
            }
            Value::Array(items) => items.iter().for_each(walk),
            _ => {}
        }
    }
    walk(&DESCRIPTION);
}

#[test]
fn who_may_call_what_is_described() {
    let needed =
        |method: http::Method, path: &str| session_needed(operation(&method, path).unwrap().1);
    assert_eq!(
        needed(http::Method::POST, "/api/auth/login"),
        (false, false)
    );
    assert_eq!(needed(http::Method::GET, "/api/leads/stats"), (true, false));
    assert_eq!(needed(http::Method::GET, "/api/users"), (true, true));
    let webhook = operation(&http::Method::POST, "/api/webhooks/nextgen")
        .unwrap()
        .1;
    assert_eq!(webhook["security"], json!([{ "sid": [], "apikey": [] }]));
}
