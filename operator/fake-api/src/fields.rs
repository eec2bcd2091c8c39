//! Field paths and sets of field paths, as in `metadata.managedFields`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Element of a field path. Its text is that of the FieldsV1 format without the prefix `f:`, `k:` or `v:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Elem {
    /// Struct field or map key, written as `f:name`.
    Field(String),
    /// Item of a list with map keys, identified by the JSON of its keys, such as `k:{"name":"web"}`.
    Key(String),
    /// Item of a set, identified by its JSON value, such as `v:"a"`.
    Item(String),
}

pub type FieldPath = Vec<Elem>;

/// Set of field paths. A parent field is a member only if it is owned itself, which FieldsV1 writes as `.`.
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

    /// Returns the set with all parent fields of its members added, for example `spec` for `spec.replicas`. Parents
    /// that are list items are not added, as in structured-merge-diff's `EnsureNamedFieldsAreMembers`.
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

    /// Returns the set in the FieldsV1 format of `managedFields` entries.
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

/// Formats a path for a conflict message, such as `.spec.containers["name"="web"].image`.
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
