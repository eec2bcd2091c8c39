//! Field paths and sets of field paths, as recorded in `metadata.managedFields`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// One element of a field path. The strings are those of FieldsV1, without the prefixes `f:`, `k:` and `v:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Elem {
    /// A struct field or map key: `f:name`.
    Field(String),
    /// An item of an associative list, by the JSON of its keys: `k:{"name":"web"}`.
    Key(String),
    /// An item of a set, by its JSON value: `v:"a"`.
    Item(String),
}

pub type FieldPath = Vec<Elem>;

/// A set of field paths. A field with children is a member only if it is owned itself, which FieldsV1 writes as `.`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet(pub BTreeSet<FieldPath>);

impl FieldSet {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    pub fn difference(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// Adds every named parent field of each member: with `spec.replicas` also `spec`. List items are not added, as in
    /// structured-merge-diff's `EnsureNamedFieldsAreMembers`.
    pub fn with_named_parents(&self) -> Self {
        let mut all = self.0.clone();
        for path in &self.0 {
            for end in 1..path.len() {
                if matches!(path[end - 1], Elem::Field(_)) {
                    all.insert(path[..end].to_vec());
                }
            }
        }
        Self(all)
    }

    /// The set in the format FieldsV1, as in an entry of `managedFields`.
    pub fn to_fields_v1(&self) -> Value {
        let mut root = Map::new();
        let mut paths = self.0.iter().peekable();
        while let Some(path) = paths.next() {
            let mut at = &mut root;
            for elem in path {
                let name = match elem {
                    Elem::Field(f) => format!("f:{f}"),
                    Elem::Key(k) => format!("k:{k}"),
                    Elem::Item(v) => format!("v:{v}"),
                };
                let next = at.entry(name).or_insert_with(|| Value::Object(Map::new()));
                let Value::Object(next) = next else {
                    unreachable!("only objects are inserted")
                };
                at = next;
            }
            // The set is sorted, so that the children of a path directly follow the path.
            if paths.peek().is_some_and(|below| below.starts_with(path)) {
                at.insert(".".into(), Value::Object(Map::new()));
            }
        }
        Value::Object(root)
    }
}

/// A path as the API server writes it in a conflict: `.spec.containers[name="web"].image`.
pub fn display(path: &[Elem]) -> String {
    path.iter()
        .map(|elem| match elem {
            Elem::Field(f) => format!(".{f}"),
            Elem::Key(k) => format!(
                "[{}]",
                k.trim_matches(|c| c == '{' || c == '}').replace(':', "=")
            ),
            Elem::Item(v) => format!("[={v}]"),
        })
        .collect()
}
