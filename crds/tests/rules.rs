//! Tests the published schemas with the cases in tests/cases.yaml: first the limits of the JSON schema, then the CEL
//! rules. Both are evaluated as the API server does.

use std::collections::BTreeMap;

use crokodial_crds::schema;
use kube::core::cel::{CompiledSchema, Validator, compile_schema};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Table {
    bases: BTreeMap<String, Value>,
    #[serde(flatten)]
    cases: BTreeMap<String, Vec<Case>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    patch: Option<Value>,
    #[serde(default)]
    from: Option<Value>,
    #[serde(default)]
    refused: Option<String>,
}

/// Test case after its validation: the expected error (`refused`) and the actual errors (`answer`).
struct Answered {
    title: String,
    refused: Option<String>,
    answer: String,
}

/// Validates all cases of all kinds. Returns the results, and the messages of all CEL rules.
fn answers() -> (Vec<Answered>, Vec<String>) {
    let table: Table = serde_saphyr::from_str(include_str!("cases.yaml")).unwrap();
    assert_eq!(
        table.cases.len(),
        schema::all().len(),
        "a kind without cases"
    );
    let (mut answered, mut messages) = (Vec::new(), Vec::new());
    for (kind, cases) in table.cases {
        let server = Server::of(&kind);
        rules(&server.schema, &mut messages);
        for case in cases {
            let made = |patch: &Value| {
                let mut object = table.bases[&kind].clone();
                merge(&mut object, patch);
                object
            };
            let object = made(case.patch.as_ref().unwrap_or(&json!({})));
            answered.push(Answered {
                title: format!("{kind}, {}", case.name),
                answer: server.answer(&object, case.from.as_ref().map(made).as_ref()),
                refused: case.refused,
            });
        }
    }
    (answered, messages)
}

#[test]
fn the_table_holds_and_breaks_every_rule() {
    let (answered, mut unbroken) = answers();
    let mut wrong = Vec::new();
    for Answered {
        title,
        refused,
        answer,
    } in &answered
    {
        if !refused
            .as_ref()
            .map_or(answer.is_empty(), |part| answer.contains(part.as_str()))
        {
            wrong.push(format!("{title}: wanted {refused:?}, got {answer:?}"));
        }
        // Every rule needs a case that violates it; otherwise the rule might never be able to fail.
        unbroken.retain(|message| !answer.contains(message.as_str()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(unbroken, Vec::<String>::new(), "rules no case breaks");
}

/// Validator for one kind, which imitates the API server.
struct Server {
    schema: Value,
    bounds: jsonschema::Validator,
    rules: CompiledSchema,
}

impl Server {
    fn of(kind: &str) -> Self {
        let crd = schema::all()
            .into_iter()
            .find(|crd| crd.spec.names.kind == kind)
            .unwrap();
        let published = crd.spec.versions[0]
            .schema
            .as_ref()
            .unwrap()
            .open_api_v3_schema
            .as_ref()
            .unwrap();
        let schema = serde_json::to_value(published).unwrap();
        let rules = compile_schema(&schema);
        assert!(!rules.has_errors(), "{:?}", rules.compilation_errors());
        Self {
            bounds: jsonschema::draft4::new(&schema).unwrap(),
            rules,
            schema,
        }
    }

    /// Returns the error messages, one per line; empty for a valid object. Errors about schema limits have the API
    /// server's wording only where test cases refer to it.
    fn answer(&self, object: &Value, old: Option<&Value>) -> String {
        let mut lines = Vec::new();
        for error in self.bounds.iter_errors(object) {
            let path = error
                .instance_path()
                .to_string()
                .trim_start_matches('/')
                .replace('/', ".");
            let words = error.to_string();
            let quoted = words.split('"').nth(1).unwrap_or_default();
            lines.push(if words.contains(" is not one of ") {
                format!("{path}: Unsupported value")
            } else if words.contains("is a required property") {
                format!("{path}.{quoted}: Required value")
            } else {
                format!("{path}: {words}")
            });
        }
        duplicates(&self.schema, object, &mut lines);
        if let Err(errors) = Validator::new().validate_compiled(&self.rules, object, old) {
            lines.extend(errors.as_slice().iter().map(ToString::to_string));
        }
        lines.join("\n")
    }
}

/// Adds an error for each list of type `map` or `set` that has duplicate items.
fn duplicates(schema: &Value, value: &Value, lines: &mut Vec<String>) {
    for (name, child) in value.as_object().into_iter().flatten() {
        duplicates(&schema["properties"][name], child, lines);
    }
    let key = schema["x-kubernetes-list-map-keys"][0].as_str();
    let items = value.as_array().into_iter().flatten();
    let keys: Vec<_> = match schema["x-kubernetes-list-type"].as_str() {
        Some("set") => items.collect(),
        Some("map") => items.map(|item| &item[key.unwrap()]).collect(),
        _ => return,
    };
    if (1..keys.len()).any(|n| keys[..n].contains(&keys[n])) {
        lines.push("Duplicate value".to_owned());
    }
}

/// Collects the messages of all CEL rules in a schema.
fn rules(schema: &Value, messages: &mut Vec<String>) {
    for rule in schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        messages.push(
            rule["message"]
                .as_str()
                .expect("every rule has a message")
                .to_owned(),
        );
    }
    for (_, child) in schema["properties"].as_object().into_iter().flatten() {
        rules(child, messages);
    }
    if schema["items"].is_object() {
        rules(&schema["items"], messages);
    }
}

/// Applies a JSON merge patch (RFC 7386).
fn merge(base: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *base = patch.clone();
        return;
    };
    if !base.is_object() {
        *base = json!({});
    }
    let object = base.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            object.remove(key);
        } else {
            merge(object.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
