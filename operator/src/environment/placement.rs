//! Rules for `runtime.pod` that the schema of the CRD does not check. All functions are pure.

use crokodial_crds::{PodSettings, Reason};
use k8s_openapi::api::core::v1::Affinity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::finding::Finding;

/// Checks the parts of `runtime.pod` whose types the schema does not know. Returns a finding that names an invalid field.
pub fn check(pod: &PodSettings) -> Result<(), Finding> {
    if let Some(affinity) = &pod.affinity {
        check_part::<Affinity>(affinity, "affinity", "pod's affinity")?;
    }
    let selectors = pod.topology_spread_constraints.iter();
    for selector in selectors.filter_map(|c| c.label_selector.as_ref()) {
        let path = "topologySpreadConstraints.labelSelector";
        check_part::<LabelSelector>(selector, path, "label selector")?;
    }
    Ok(())
}

/// Checks that the value at `path` is a `T`, which messages call `what`, and has only fields of it.
fn check_part<T: DeserializeOwned + Serialize>(
    value: &Value,
    path: &str,
    what: &str,
) -> Result<(), Finding> {
    let seen = match read_again::<T>(value) {
        None => format!("spec.runtime.pod.{path} is not a {what} of Kubernetes"),
        Some(again) => match lost_field(value, &again, path) {
            None => return Ok(()),
            Some((path, field)) => {
                format!("spec.runtime.pod.{path}: Kubernetes has no field {field} here")
            }
        },
    };
    Err(Finding::no(Reason::InvalidSpec, seen))
}

/// Returns the JSON of a value after it was read as a `T`, which drops unknown fields; `None` if it is no `T`.
fn read_again<T: DeserializeOwned + Serialize>(value: &Value) -> Option<Value> {
    serde_json::to_value(T::deserialize(value).ok()?).ok()
}

/// Returns the path and the name of the first field of `given` that `again` lacks. Nulls are ignored.
fn lost_field(given: &Value, again: &Value, path: &str) -> Option<(String, String)> {
    match (given, again) {
        (Value::Object(given), Value::Object(again)) => given
            .iter()
            .filter(|(_, value)| !value.is_null())
            .find_map(|(name, value)| match again.get(name) {
                None => Some((path.to_owned(), name.clone())),
                Some(inner) => lost_field(value, inner, &format!("{path}.{name}")),
            }),
        (Value::Array(given), Value::Array(again)) => (given.iter().zip(again).enumerate())
            .find_map(|(at, (given, again))| lost_field(given, again, &format!("{path}[{at}]"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_misspelt_field_is_named() {
        let checked = |affinity: Value| {
            let pod = PodSettings {
                affinity: Some(affinity),
                ..PodSettings::default()
            };
            check(&pod).map_err(|finding| finding.seen)
        };
        let term = json!({"topologyKey": "zone", "namespaceSelector": {}, "labelSelector": {"matchExpressions": []}});
        let anti =
            json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}});
        assert_eq!(checked(anti), Ok(()));
        assert_eq!(
            checked(json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecutoin": {}}})),
            Err("spec.runtime.pod.affinity.nodeAffinity: Kubernetes has no field requiredDuringSchedulingIgnoredDuringExecutoin here".to_owned())
        );
        let inner = json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologykey": "zone", "topologyKey": "zone"}]}});
        assert_eq!(
            checked(inner),
            Err("spec.runtime.pod.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]: Kubernetes has no field topologykey here".to_owned())
        );
        assert_eq!(
            checked(json!({"podAffinity": 1})),
            Err("spec.runtime.pod.affinity is not a pod's affinity of Kubernetes".to_owned())
        );
    }
}
