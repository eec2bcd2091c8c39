//! Values of enums that the operator writes and an installed CRD does not know, because the CRD is older than the operator.
//! They are left out, so that everything else is still written.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::core::Status;
use serde_json::Value;
use tokio::time::Instant;

/// Machine-readable reason of the API server for a value that is not in an enum.
const NOT_SUPPORTED: &str = "FieldValueNotSupported";

/// Machine-readable reason for a field that is missing.
const REQUIRED: &str = "FieldValueRequired";

/// Words before the value that is not in an enum.
const UNSUPPORTED: &str = "Unsupported value: \"";

/// Values that the CRD of one kind does not know.
#[derive(Clone, Debug, Default)]
pub(super) struct UnknownValues(BTreeMap<(String, String), Found>);

#[derive(Clone, Copy, Debug)]
struct Found {
    at: Instant,
    left_out: LeftOut,
}

/// What is left out because of a value that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LeftOut {
    Value,
    /// The object that has the field, because the CRD requires the field.
    Parent,
    /// Nothing, because the CRD requires the field and the status itself has it. The write is refused.
    Nothing,
}

impl UnknownValues {
    /// Records the values that this answer of the API server names. Returns false if it names none that are new.
    pub(super) fn learn(&mut self, status: &Status, now: Instant) -> bool {
        let causes = status.details.iter().flat_map(|d| &d.causes);
        let mut learned = false;
        for cause in causes.filter(|c| c.field.starts_with("status.")) {
            let field = path(&cause.field);
            if cause.reason == NOT_SUPPORTED
                && let Some(value) = quoted(&cause.message)
            {
                self.0.entry((field, value)).or_insert_with(|| {
                    learned = true;
                    let left_out = LeftOut::Value;
                    Found { at: now, left_out }
                });
            } else if cause.reason == REQUIRED {
                let instead = if field.split('.').count() > 2 {
                    LeftOut::Parent
                } else {
                    LeftOut::Nothing
                };
                let missing = self.0.iter_mut().filter(|((path, _), _)| *path == field);
                for (_, found) in missing.filter(|(_, found)| found.left_out != instead) {
                    found.left_out = instead;
                    learned = true;
                }
            }
        }
        learned
    }

    /// Forgets the values that were found before this time.
    pub(super) fn forget(&mut self, after: Duration) {
        self.0.retain(|_, found| found.at.elapsed() < after);
    }

    /// Removes the values from an object of this kind.
    pub(super) fn remove_from(&self, object: &mut Value) {
        for ((path, value), found) in &self.0 {
            match found.left_out {
                LeftOut::Value => remove(object, path, value, false),
                LeftOut::Parent => remove(object, path, value, true),
                LeftOut::Nothing => false,
            };
        }
    }

    /// Returns each value with its field, for a sentence.
    pub(super) fn named(&self) -> impl Iterator<Item = String> {
        let all = self.0.keys();
        all.map(|(path, value)| format!("{value} as {path}"))
    }
}

/// Returns a path without its leading dot and without keys of list items, such as `[type="Ready"]`.
pub(super) fn path(text: &str) -> String {
    let mut depth = 0_usize;
    let mut plain = String::new();
    for letter in text.trim_start_matches('.').chars() {
        match letter {
            '[' => depth = depth.saturating_add(1),
            ']' => depth = depth.saturating_sub(1),
            other if depth == 0 => plain.push(other),
            _ => {}
        }
    }
    plain
}

/// Returns the value that a message says is not supported.
fn quoted(message: &str) -> Option<String> {
    let (_, rest) = message.split_once(UNSUPPORTED)?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// Removes the field at `path` wherever it has this value. With `whole`, returns true if the object that has the field is
/// to be removed instead.
fn remove(object: &mut Value, path: &str, value: &str, whole: bool) -> bool {
    match object {
        Value::Array(items) => {
            items.retain_mut(|item| !remove(item, path, value, whole));
            false
        }
        Value::Object(map) => {
            if let Some((first, rest)) = path.split_once('.') {
                let child = map.get_mut(first);
                if child.is_some_and(|child| remove(child, rest, value, whole)) {
                    map.remove(first);
                }
                return false;
            }
            match map.get_mut(path) {
                Some(Value::Array(items)) => {
                    items.retain(|item| item != value);
                    false
                }
                Some(field) if field.as_str() == Some(value) && whole => true,
                Some(field) if field.as_str() == Some(value) => {
                    map.remove(path);
                    false
                }
                _ => false,
            }
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(causes: &[(&str, &str, &str)]) -> Status {
        let cause = |(reason, field, message): &(&str, &str, &str)| json!({"reason": reason, "field": field, "message": message});
        let causes: Vec<Value> = causes.iter().map(cause).collect();
        let status = json!({"code": 422, "reason": "Invalid", "details": {"causes": causes}});
        serde_json::from_value(status).unwrap()
    }

    fn unsupported(field: &str) -> Status {
        let message = "Unsupported value: \"New\": supported values: \"A\", \"B\"";
        let rules = "Invalid value: \"null\": some validation rules were not checked";
        let causes = [
            (NOT_SUPPORTED, field, message),
            ("FieldValueInvalid", "<nil>", rules),
        ];
        refused(&causes)
    }

    fn left(values: &UnknownValues, mut object: Value) -> Value {
        values.remove_from(&mut object);
        object
    }

    #[tokio::test]
    async fn only_the_value_that_is_not_known_is_left_out() {
        let mut values = UnknownValues::default();
        assert!(values.learn(&unsupported("status.items[1].kind"), Instant::now()));
        assert!(!values.learn(&unsupported("status.items[0].kind"), Instant::now()));
        let object =
            json!({"status": {"items": [{"kind": "A"}, {"kind": "New", "n": 1}], "kind": "New"}});
        let wanted = json!({"status": {"items": [{"kind": "A"}, {"n": 1}], "kind": "New"}});
        assert_eq!(left(&values, object), wanted);
        let named: Vec<String> = values.named().collect();
        assert_eq!(named, ["New as status.items.kind"]);
        let mut values = UnknownValues::default();
        assert!(values.learn(&unsupported("status.kinds[1]"), Instant::now()));
        let object = json!({"status": {"kinds": ["A", "New"]}});
        assert_eq!(left(&values, object), json!({"status": {"kinds": ["A"]}}));
    }

    #[tokio::test]
    async fn what_requires_the_field_is_left_out_with_it_but_never_the_whole_status() {
        let mut values = UnknownValues::default();
        let required = |field: &str| refused(&[(REQUIRED, field, "Required value")]);
        let now = Instant::now();
        assert!(!values.learn(&required("status.hold.kind"), now));
        assert!(values.learn(&unsupported("status.hold.kind"), now));
        assert!(values.learn(&required("status.hold.kind"), now));
        assert!(!values.learn(&required("status.hold.kind"), now));
        let object = |kind: &str| json!({"status": {"hold": {"kind": kind, "n": 1}, "url": "u"}});
        assert_eq!(
            left(&values, object("New")),
            json!({"status": {"url": "u"}})
        );
        assert_eq!(left(&values, object("A")), object("A"));
        // What is known stays known, also if another write is refused for it later.
        assert!(!values.learn(&unsupported("status.hold.kind"), now));
        assert_eq!(
            left(&values, object("New")),
            json!({"status": {"url": "u"}})
        );
        // Of the status itself, a required field is written, so that the API server refuses it by its name.
        let phase = json!({"status": {"phase": "New"}});
        assert!(values.learn(&unsupported("status.phase"), now));
        assert_eq!(left(&values, phase.clone()), json!({"status": {}}));
        assert!(values.learn(&required("status.phase"), now));
        assert_eq!(left(&values, phase.clone()), phase);
        assert!(!values.learn(&unsupported("status.phase"), now));
        assert!(!values.learn(&unsupported("spec.stage"), now));
    }
}
