//! Hash of a release's inputs: the image digest, the content of the referenced ConfigMaps, and parts of the spec. A new
//! release is required when one of them changes.
//!
//! Values are hashed as the user wrote them, without defaults. An operator version with different defaults therefore
//! creates no release and lifts no hold. Holds are looked up by this hash, so it must not change for existing fields. A
//! new optional field is left out of the hashed JSON until a user sets it.

use std::collections::BTreeMap;

use crokodial_crds::EnvironmentSpec;
use crokodial_crds::names::Digest;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::snapshot::sorted;

/// Length of the hash in hex digits. 16 digits are 64 bits, enough to distinguish the few hundred specs of one
/// environment.
const HEX_DIGITS: usize = 16;

/// Returns the hash of a release's inputs. `config` is the merged content of the referenced ConfigMaps.
///
/// Included: the digest, the stage, `config.env`, the ConfigMaps' content, the names in `config.secretRefs`,
/// `mongo.envVar`, `runtime` without `replicas`, `restart` and `pod.serviceAccountAnnotations`, `health`, `smoke`,
/// `releasePhase`. Everything else is excluded, such as credentials, replicas, route, TLS and pull secrets.
pub fn hash(digest: &Digest, spec: &EnvironmentSpec, config: &BTreeMap<String, String>) -> String {
    let mut runtime = value(&spec.runtime);
    if let Some(fields) = runtime.as_object_mut() {
        fields.remove("replicas");
        fields.remove("restart");
    }
    if let Some(pod) = runtime.get_mut("pod").and_then(Value::as_object_mut) {
        pod.remove("serviceAccountAnnotations");
        // In a selector, `{}` means all objects and an absent field means none, so nothing is removed from these.
        for field in ["affinity", "topologySpreadConstraints"] {
            if let Some(selects) = pod.get_mut(field) {
                *selects = Value::String(sorted(selects.take()).to_string());
            }
        }
    }
    let secrets: Vec<&str> = spec
        .config
        .secret_refs
        .iter()
        .map(|r| r.name.as_str())
        .collect();
    let inputs = json!({
        "digest": digest.to_string(),
        "stage": value(&spec.stage),
        "env": value(&spec.config.env),
        "config": config,
        "secrets": secrets,
        "mongoEnvVar": spec.mongo.env_var,
        "runtime": runtime,
        "health": value(&spec.health),
        "smoke": value(&spec.smoke),
        "releasePhase": value(&spec.release_phase),
    });
    let mut hash = hex::encode(Sha256::digest(canonical(inputs).to_string()));
    hash.truncate(HEX_DIGITS);
    hash
}

/// Serializes a part of the spec to JSON. Returns null if that fails, which does not happen for the types of the spec.
fn value<T: serde::Serialize>(part: &T) -> Value {
    serde_json::to_value(part).unwrap_or(Value::Null)
}

/// Returns the JSON in a canonical form: keys are sorted, and object fields with the value null, `{}` or `[]` are
/// removed. The hash therefore does not depend on the order of struct fields or on an explicit `{}`.
fn canonical(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<String, Value> =
                fields.into_iter().map(|(k, v)| (k, canonical(v))).collect();
            let kept = sorted.into_iter().filter(|(_, v)| !is_empty(v));
            Value::Object(kept.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(canonical).collect()),
        other => other,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crokodial_crds::{ReleasePhaseSpec, SmokeCheck};

    fn spec() -> EnvironmentSpec {
        serde_json::from_value(json!({
            "stage": "prod",
            "image": "ghcr.io/crokodial/dialer:1.42.0",
            "domain": "crokodial.com",
            "mongo": {"uriSecretRef": {"name": "mongo"}},
            "config": {"secretRefs": [{"name": "dialer"}]},
        }))
        .unwrap()
    }

    fn hashed(spec: &EnvironmentSpec) -> String {
        let digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
        hash(
            &digest,
            spec,
            &BTreeMap::from([("A".to_owned(), "b".to_owned())]),
        )
    }

    /// Holds are looked up by this hash, so a different hash would lift every existing hold.
    #[test]
    fn the_hash_of_a_spec_is_what_it_was_when_the_first_release_was_made() {
        assert_eq!(hashed(&spec()), "4d27ca9842deab17");
    }

    #[test]
    fn of_the_pods_settings_all_but_those_that_apply_at_once_are_inputs() {
        let with = |runtime: Value| {
            let mut other = spec();
            other.runtime = serde_json::from_value(runtime).unwrap();
            hashed(&other)
        };
        for same in [
            json!({"restart": "2026-07-01"}),
            json!({"pod": {}}),
            json!({"pod": {"serviceAccountAnnotations": {"a": "b"}, "labels": {}}}),
        ] {
            assert_eq!(with(same.clone()), hashed(&spec()), "{same}");
        }
        for other in [
            json!({"pod": {"labels": {"a": "b"}}}),
            json!({"pod": {"nodeSelector": {"a": "b"}}}),
            json!({"pod": {"affinity": {"nodeAffinity": {"a": [1]}}}}),
        ] {
            assert_ne!(with(other.clone()), hashed(&spec()), "{other}");
        }
        let selecting = |fields: &str| {
            let fields: Value = serde_json::from_str(fields).unwrap();
            with(json!({"pod": {"affinity": fields}}))
        };
        assert_ne!(
            selecting(r#"{"podAffinity": {"namespaceSelector": {}}}"#),
            selecting(r#"{"podAffinity": {}}"#),
            "all namespaces, and the pod's own"
        );
        assert_eq!(
            selecting(r#"{"a": 1, "b": 2}"#),
            selecting(r#"{"b": 2, "a": 1}"#)
        );
    }

    #[test]
    fn smoke_and_release_phase_are_inputs_once_they_are_given() {
        let mut with_defaults = spec();
        with_defaults.smoke = crokodial_crds::SmokeSpec::default();
        assert_eq!(hashed(&with_defaults), hashed(&spec()));
        let mut known = vec![hashed(&spec())];
        let check = |path: &str| SmokeCheck {
            path: path.to_owned(),
            ..SmokeCheck::default()
        };
        let mut other = spec();
        other.smoke.assets = Some(false);
        known.push(hashed(&other));
        other.smoke.checks = Some(vec![check("/")]);
        known.push(hashed(&other));
        other.smoke.checks = Some(vec![check("/login")]);
        known.push(hashed(&other));
        other.release_phase = Some(ReleasePhaseSpec {
            command: vec!["/migrate".to_owned()],
            ..ReleasePhaseSpec::default()
        });
        known.push(hashed(&other));
        let all = known.len();
        known.sort_unstable();
        known.dedup();
        assert_eq!(known.len(), all);
    }
}
