//! Label and field selectors of list, watch and deletecollection requests.

use serde_json::Value;

use crate::status::{ApiError, ApiResult};

#[derive(Debug, Clone, PartialEq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

/// Parsed label selector and field selector. The default matches all objects.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    labels: Vec<Requirement>,
    /// Requirements on fields: JSON pointer, value, and a flag. If the flag is true, the field must be equal to the
    /// value, otherwise unequal.
    fields: Vec<(String, String, bool)>,
}

impl Selector {
    pub fn parse(kind: &str, labels: &str, fields: &str) -> ApiResult<Self> {
        Ok(Self {
            labels: split_outside_parentheses(labels)
                .into_iter()
                .map(requirement)
                .collect::<ApiResult<_>>()?,
            fields: fields
                .split(',')
                .filter(|part| !part.is_empty())
                .map(|part| field(kind, part))
                .collect::<ApiResult<_>>()?,
        })
    }

    pub fn matches(&self, object: &Value) -> bool {
        let label = |name: &str| {
            let labels = object.pointer("/metadata/labels")?;
            labels.get(name)?.as_str()
        };
        let labels = self.labels.iter().all(|requirement| match requirement {
            Requirement::In(name, values) => {
                label(name).is_some_and(|v| values.iter().any(|x| x == v))
            }
            Requirement::NotIn(name, values) => {
                label(name).is_none_or(|v| values.iter().all(|x| x != v))
            }
            Requirement::Exists(name) => label(name).is_some(),
            Requirement::Absent(name) => label(name).is_none(),
        });
        let text = |pointer: &str| match object.pointer(pointer) {
            Some(Value::String(s)) => s.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        labels
            && self
                .fields
                .iter()
                .all(|(pointer, value, equal)| (text(pointer) == *value) == *equal)
    }
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
        .into_iter()
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .collect()
}

fn requirement(text: &str) -> ApiResult<Requirement> {
    let set = |values: &str| -> Vec<String> {
        let inner = values.trim().trim_start_matches('(').trim_end_matches(')');
        inner.split(',').map(|v| v.trim().to_owned()).collect()
    };
    let parsed = if let Some((name, values)) = text.split_once(" notin ") {
        Requirement::NotIn(name.trim().into(), set(values))
    } else if let Some((name, values)) = text.split_once(" in ") {
        Requirement::In(name.trim().into(), set(values))
    } else if let Some((name, value)) = text.split_once("!=") {
        Requirement::NotIn(name.trim().into(), vec![value.trim().into()])
    } else if let Some((name, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        Requirement::In(name.trim().into(), vec![value.trim().into()])
    } else if let Some(name) = text.strip_prefix('!') {
        Requirement::Absent(name.trim().into())
    } else {
        Requirement::Exists(text.into())
    };
    let (Requirement::In(name, _)
    | Requirement::NotIn(name, _)
    | Requirement::Exists(name)
    | Requirement::Absent(name)) = &parsed;
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(ApiError::bad_request(format!(
            "unable to parse requirement: {text:?}"
        )));
    }
    Ok(parsed)
}

/// Returns true if a field selector for objects of this kind may use the field at `path`.
fn selectable(kind: &str, path: &str) -> bool {
    matches!(
        (kind, path),
        (_, "metadata.name" | "metadata.namespace")
            | ("Pod", "status.phase" | "spec.nodeName" | "status.podIP")
            | ("Secret", "type")
            | (
                "Event",
                "reason"
                    | "type"
                    | "regarding.name"
                    | "regarding.uid"
                    | "involvedObject.name"
                    | "involvedObject.uid"
            )
    )
}

fn field(kind: &str, text: &str) -> ApiResult<(String, String, bool)> {
    let (path, value, equal) = if let Some((path, value)) = text.split_once("!=") {
        (path, value, false)
    } else if let Some((path, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        (path, value, true)
    } else {
        return Err(ApiError::bad_request(format!(
            "invalid field selector: {text:?}"
        )));
    };
    let path = path.trim();
    if !selectable(kind, path) {
        return Err(ApiError::bad_request(format!(
            "field label not supported: {path}"
        )));
    }
    Ok((
        format!("/{}", path.replace('.', "/")),
        value.trim().into(),
        equal,
    ))
}
