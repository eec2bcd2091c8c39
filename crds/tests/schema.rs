//! Tests of the published CRDs, mostly of properties that every node of their schemas must have.

use crokodial_crds::{condition::MAX_MESSAGE, schema};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::json;

/// Returns all schema nodes below `spec` and `status`, with their paths.
fn nodes() -> Vec<(String, JSONSchemaProps)> {
    let mut found = Vec::new();
    for crd in schema::all() {
        let root = crd.spec.versions[0]
            .schema
            .clone()
            .unwrap()
            .open_api_v3_schema
            .unwrap();
        assert!(root.description.is_some());
        for part in ["spec", "status"] {
            walk(
                &format!("{}.{part}", crd.spec.names.kind),
                &root.properties.as_ref().unwrap()[part],
                &mut found,
            );
        }
    }
    assert!(found.len() > 100, "the walk must see the whole schema");
    found
}

fn walk(path: &str, node: &JSONSchemaProps, found: &mut Vec<(String, JSONSchemaProps)>) {
    found.push((path.to_owned(), node.clone()));
    for (name, child) in node.properties.iter().flatten() {
        walk(&format!("{path}.{name}"), child, found);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &node.items {
        walk(&format!("{path}[]"), items, found);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &node.additional_properties {
        walk(&format!("{path}{{}}"), values, found);
    }
}

#[test]
fn every_field_is_described_for_users() {
    for (path, node) in nodes() {
        if path.ends_with("[]") || path.ends_with("{}") {
            continue;
        }
        let description = node.description.unwrap_or_default();
        assert!(
            description.trim_end().ends_with('.'),
            "{path}: {description:?}"
        );
        assert!(
            !description.contains("[`") && !description.contains("::"),
            "{path} speaks Rust: {description:?}"
        );
    }
}

#[test]
fn everything_is_bounded() {
    for (path, node) in nodes() {
        let free = node.enum_.is_some() || node.format.as_deref() == Some("date-time");
        match node.type_.as_deref() {
            Some("string") if !free => {
                assert!(node.max_length.is_some(), "{path} has no maxLength")
            }
            Some("array") => assert!(node.max_items.is_some(), "{path} has no maxItems"),
            Some("object") if node.properties.is_none() => {
                assert!(node.max_properties.is_some(), "{path}")
            }
            _ => {}
        }
        if node.type_.as_deref() == Some("integer") && path.contains(".spec.") {
            assert!(
                node.minimum.is_some() && node.maximum.is_some(),
                "{path} has no range"
            );
        }
    }
}

#[test]
fn no_format_the_api_server_does_not_know() {
    for (path, node) in nodes() {
        let known = [None, Some("int32"), Some("int64"), Some("date-time")];
        assert!(
            known.contains(&node.format.as_deref()),
            "{path}: {:?}",
            node.format
        );
    }
}

/// An object that the operator has not seen must not look finished to kstatus, which compares this number with
/// `metadata.generation`.
#[test]
fn a_new_environment_is_not_finished() {
    let status = |kind: &str| {
        let path = format!("{kind}.status");
        let (_, node) = nodes().into_iter().find(|(p, _)| *p == path).unwrap();
        node.default.map(|value| value.0)
    };
    assert_eq!(
        status("CrokodialEnvironment"),
        Some(json!({"observedGeneration": -1}))
    );
    assert_eq!(status("CrokodialRelease"), None);
}

#[test]
fn nothing_else_has_a_default_or_takes_null() {
    for (path, node) in nodes() {
        assert!(node.nullable.is_none(), "{path} is nullable");
        if path == "CrokodialEnvironment.status" {
            continue;
        }
        assert!(
            node.default.is_none(),
            "{path} has a default: {:?}",
            node.default
        );
    }
}

#[test]
fn lists_of_objects_merge_by_key() {
    for (path, node) in nodes() {
        let Some(JSONSchemaPropsOrArray::Schema(items)) = &node.items else {
            continue;
        };
        // Tolerations have no key: Kubernetes replaces their list as a whole, too.
        if path.ends_with(".tolerations") {
            let list = node.x_kubernetes_list_type.as_deref();
            assert_eq!(list, Some("atomic"), "{path}");
        } else if items.type_.as_deref() == Some("object") {
            assert_eq!(
                node.x_kubernetes_list_type.as_deref(),
                Some("map"),
                "{path}"
            );
            let key = node.x_kubernetes_list_map_keys.as_ref().unwrap();
            let required = items.required.clone().unwrap_or_default();
            assert!(
                key.iter().all(|key| required.contains(key)),
                "{path}: a key must be required"
            );
        }
    }
}

#[test]
fn every_rule_says_what_to_write() {
    for (path, node) in nodes() {
        for rule in node.x_kubernetes_validations.iter().flatten() {
            let message = rule.message.as_deref().unwrap_or_default();
            assert!(
                message.len() > 20 && message.len() < 400 && !message.contains('\n'),
                "{path}: {message:?}"
            );
        }
    }
}

#[test]
fn the_longest_message_fits() {
    let bound = nodes()
        .into_iter()
        .find(|(path, _)| path.ends_with("Environment.status.conditions[].message"));
    assert!(bound.unwrap().1.max_length.unwrap() >= i64::try_from(MAX_MESSAGE).unwrap());
}

#[test]
fn columns_and_names_are_the_published_ones() {
    let of = |n: usize| {
        let crd = schema::all().remove(n);
        let columns = crd.spec.versions[0]
            .additional_printer_columns
            .clone()
            .unwrap();
        let (wide, usual): (Vec<_>, Vec<_>) =
            columns.into_iter().partition(|c| c.priority == Some(1));
        let wide: Vec<_> = wide.into_iter().map(|c| c.name).collect();
        assert_eq!(wide.join(" "), "REASON MESSAGE", "with -o wide");
        let usual: Vec<_> = usual.into_iter().map(|c| c.name).collect();
        (crd, usual.join(" "))
    };
    let (environment, columns) = of(0);
    assert_eq!(columns, "STAGE RELEASE SERVING IMAGE READY AGE");
    assert_eq!(
        environment.metadata.name.as_deref(),
        Some("crokodialenvironments.crokodial.com")
    );
    assert_eq!(
        environment.spec.names.short_names,
        Some(vec!["cenv".to_owned()])
    );
    assert_eq!(
        environment.spec.names.categories,
        Some(vec!["crokodial".to_owned()])
    );
    let subresources = environment.spec.versions[0].subresources.clone().unwrap();
    assert!(subresources.status.is_some());
    let scale = subresources.scale.unwrap();
    assert_eq!(scale.spec_replicas_path, ".spec.runtime.replicas");
    assert_eq!(scale.status_replicas_path, ".status.replicas");
    assert_eq!(
        scale.label_selector_path.as_deref(),
        Some(".status.selector")
    );
    let (release, columns) = of(1);
    assert_eq!(
        columns,
        "ENV RELEASE PHASE SERVING IMAGE RESTARTS PINNED AGE"
    );
    assert_eq!(
        release.spec.names.short_names,
        Some(vec!["crel".to_owned()])
    );
    assert!(
        release.spec.versions[0]
            .subresources
            .clone()
            .unwrap()
            .status
            .is_some()
    );
}

/// The chart's value `tls.mode`, which is the default of `spec.tls.mode`, accepts the same values as the CRD.
#[test]
fn the_chart_takes_every_mode_of_tls() {
    let chart = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../charts/crokodial-operator/values.schema.json"
    );
    let chart: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(chart).unwrap()).unwrap();
    let modes = &chart["properties"]["tls"]["properties"]["mode"]["enum"];
    let all = nodes();
    let (_, published) = all
        .iter()
        .find(|(path, _)| path == "CrokodialEnvironment.spec.tls.mode")
        .unwrap();
    let published: Vec<_> = published.enum_.iter().flatten().map(|v| &v.0).collect();
    let modes: Vec<_> = modes.as_array().unwrap().iter().collect();
    assert_eq!(modes, published);
}
