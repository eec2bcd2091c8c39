//! Fields, and values of enums, that the operator writes and an installed CRD does not know, because the CRD is older than
//! the operator. They are left out, so that everything else is still written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::unknown_values::{UnknownValues, path};

/// Time after which a field is written again, because the CRD may have been replaced.
const RETRY: Duration = Duration::from_secs(600);

/// Words with which the API server refuses an apply because of a field.
const NOT_DECLARED: &str = ": field not declared in schema";

/// Words with which it refuses another request with strict validation because of a field.
const UNKNOWN: &str = "unknown field \"";

/// Fields and values that installed CRDs do not know, by kind. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct UnknownFields(Arc<Mutex<BTreeMap<String, Unknown>>>);

/// What the CRD of one kind does not know.
#[derive(Clone, Debug, Default)]
struct Unknown {
    /// Fields, with the time at which this was found.
    fields: BTreeMap<String, Instant>,
    values: UnknownValues,
}

impl Unknown {
    fn named(&self) -> Vec<String> {
        let fields = self.fields.keys().cloned();
        fields.chain(self.values.named()).collect()
    }
}

impl UnknownFields {
    /// Records the fields and values that this error of the API server names.
    pub(super) fn learn(&self, kind: &str, error: &kube::Error) {
        let kube::Error::Api(status) = error else {
            return;
        };
        let found = named(&status.message);
        let mut all = self.lock();
        let known = all.entry(kind.to_owned()).or_default();
        let before = known.fields.len();
        let now = Instant::now();
        let found = found.into_iter().map(|field| (field, now));
        known.fields.extend(found);
        if known.values.learn(status, now) || known.fields.len() > before {
            let fields = known.named();
            tracing::warn!(kind, ?fields, "the CRD is older than this operator");
        }
    }

    /// Returns an object of this kind without the fields and values.
    pub(super) fn without(&self, kind: &str, object: &Value) -> Value {
        let mut object = object.clone();
        let mut all = self.lock();
        let Some(known) = all.get_mut(kind) else {
            return object;
        };
        known.fields.retain(|_, at| at.elapsed() < RETRY);
        known.values.forget(RETRY);
        for field in known.fields.keys() {
            remove(&mut object, field);
        }
        known.values.remove_from(&mut object);
        object
    }

    /// Returns a sentence for each kind whose CRD is older than this operator.
    pub fn outdated(&self) -> Vec<String> {
        let all = self.lock();
        let named = all.iter().map(|(kind, known)| (kind, known.named()));
        let outdated = named.filter(|(_, fields)| !fields.is_empty());
        outdated
            .map(|(kind, fields)| {
                format!(
                    "a newer CRD of {kind}: the installed one does not know {}. Apply the CRDs of this version, or set crds.install in the chart",
                    fields.join(", ")
                )
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Unknown>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the paths of the fields that a message names, such as `status.release.since`. Keys of list items are left
/// out.
fn named(message: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut pieces = message.split(NOT_DECLARED).peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_some() {
            found.extend(piece.split_whitespace().next_back().map(path));
        }
    }
    let quoted = message.split(UNKNOWN).skip(1);
    found.extend(quoted.filter_map(|rest| Some(path(rest.split_once('"')?.0))));
    found.retain(|path| path.starts_with("status."));
    found
}

fn remove(value: &mut Value, path: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| remove(item, path)),
        Value::Object(map) => match path.split_once('.') {
            Some((first, rest)) => {
                if let Some(child) = map.get_mut(first) {
                    remove(child, rest);
                }
            }
            None => {
                map.remove(path);
            }
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_named_in_each_form_of_the_error() {
        let of = |message: &str| named(message).into_iter().collect::<Vec<_>>();
        let typed = "failed to create typed patch object (a/b; crokodial.com/v1alpha1, Kind=CrokodialEnvironment): ";
        assert_eq!(
            of(&format!(
                "{typed}.status.nextCheck: field not declared in schema"
            )),
            ["status.nextCheck"]
        );
        assert_eq!(
            of(&format!(
                "{typed}errors:\n  .status.conditions[type=\"Ready\"].hint: field not declared in schema\n  .status.hold.lift: field not declared in schema"
            )),
            ["status.conditions.hint", "status.hold.lift"]
        );
        assert_eq!(
            of(
                "patch: Invalid value: \"{}\": strict decoding error: unknown field \"status.plan\", unknown field \"spec.x\""
            ),
            ["status.plan"]
        );
        assert_eq!(of("conflict: .status.plan is owned by another"), [""; 0]);
    }

    #[test]
    fn a_field_is_removed_also_from_list_items() {
        let mut object = json!({"status": {"conditions": [{"type": "Ready", "hint": 1}], "hold": {"lift": 2, "kind": 3}}});
        remove(&mut object, "status.conditions.hint");
        remove(&mut object, "status.hold.lift");
        remove(&mut object, "status.absent.field");
        assert_eq!(
            object,
            json!({"status": {"conditions": [{"type": "Ready"}], "hold": {"kind": 3}}})
        );
    }
}
