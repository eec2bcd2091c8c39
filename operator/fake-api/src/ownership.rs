//! Field ownership: the field managers of an object, and the transfer of fields between them by writes.

use serde_json::{Value, json};

use crate::fields::{FieldSet, display};
use crate::resources::ResourceType;
use crate::status::{ApiError, ApiResult};
use crate::tree::{self, Leaves};

/// Identity of a field manager. As in Kubernetes, a name that is used for both updates and applies counts as two
/// managers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagerId {
    pub name: String,
    pub apply: bool,
    /// Subresource through which the manager writes: empty or `status`.
    pub subresource: String,
}

/// Entry of `metadata.managedFields`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    pub id: ManagerId,
    pub set: FieldSet,
    /// Time of the manager's last write that changed its set of owned fields. The loss of fields to another manager
    /// does not update it.
    pub time: String,
}

/// Field managers of one object, in the order of their first write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Managers(pub Vec<Manager>);

impl Managers {
    pub fn set_of(&self, id: &ManagerId) -> FieldSet {
        let found = self.0.iter().find(|m| m.id == *id);
        found.map(|m| m.set.clone()).unwrap_or_default()
    }

    pub fn put(&mut self, id: &ManagerId, set: FieldSet, now: &str) {
        match self.0.iter_mut().find(|m| m.id == *id) {
            Some(manager) if manager.set == set => {}
            Some(manager) => {
                manager.set = set;
                manager.time = now.into();
            }
            None => self.0.push(Manager {
                id: id.clone(),
                set,
                time: now.into(),
            }),
        }
        self.0.retain(|m| !m.set.is_empty());
    }

    pub fn all_owned(&self) -> FieldSet {
        self.0
            .iter()
            .fold(FieldSet::default(), |all, m| all.union(&m.set))
    }

    /// Returns true if both have the same managers with the same fields. Times are ignored.
    pub fn same_sets(&self, other: &Self) -> bool {
        let key = |m: &Manager| (m.id.clone(), m.set.clone());
        self.0.len() == other.0.len()
            && self
                .0
                .iter()
                .all(|m| other.0.iter().any(|o| key(o) == key(m)))
    }

    /// Removes the fields that the manager `id` changed from all other managers. Unless `force` is set, returns a
    /// conflict error if another manager owns a field that was added or modified.
    pub fn yield_to(
        &mut self,
        id: &ManagerId,
        changes: &Changes,
        force: bool,
        api_version: &str,
    ) -> ApiResult<()> {
        let written = changes.modified.union(&changes.added);
        let others = self.0.iter().filter(|m| m.id != *id);
        let lost: Vec<(String, String)> = others
            .flat_map(|m| {
                let by = m.described(api_version);
                let paths = m.set.intersection(&written).0;
                paths
                    .into_iter()
                    .map(move |path| (by.clone(), display(&path)))
            })
            .collect();
        if !force && !lost.is_empty() {
            return Err(conflicts(&lost));
        }
        for manager in self.0.iter_mut().filter(|m| m.id != *id) {
            manager.set = manager
                .set
                .difference(&written)
                .difference(&changes.removed);
        }
        self.0.retain(|m| !m.set.is_empty());
        Ok(())
    }

    pub fn to_json(&self, api_version: &str) -> Value {
        let entry = |m: &Manager| {
            let mut entry = json!({
                "manager": m.id.name,
                "operation": if m.id.apply { "Apply" } else { "Update" },
                "apiVersion": api_version,
                "time": m.time,
                "fieldsType": "FieldsV1",
                "fieldsV1": m.set.to_fields_v1(),
            });
            if !m.id.subresource.is_empty() {
                entry["subresource"] = m.id.subresource.clone().into();
            }
            entry
        };
        Value::Array(self.0.iter().map(entry).collect())
    }
}

impl Manager {
    /// Returns the description of the manager for a conflict message. It includes the API version if the manager writes
    /// by update.
    fn described(&self, api_version: &str) -> String {
        let mut words = format!("{:?}", self.id.name);
        if !self.id.subresource.is_empty() {
            words.push_str(&format!(" with subresource {:?}", self.id.subresource));
        }
        if !self.id.apply {
            words.push_str(&format!(" using {api_version}"));
        }
        words
    }
}

/// Builds the conflict error of an apply. Each entry of `lost` is a manager and a field that it would lose.
fn conflicts(lost: &[(String, String)]) -> ApiError {
    let message = match lost {
        [(manager, path)] => {
            format!("Apply failed with 1 conflict: conflict with {manager}: {path}")
        }
        _ => {
            let mut lines = Vec::new();
            for (at, (manager, path)) in lost.iter().enumerate() {
                if at == 0 || lost[at - 1].0 != *manager {
                    lines.push(format!("conflicts with {manager}:"));
                }
                lines.push(format!("- {path}"));
            }
            let lines = lines.join("\n");
            format!("Apply failed with {} conflicts: {lines}", lost.len())
        }
    };
    let mut error = ApiError::new(409, "Conflict", message);
    error.causes = lost
        .iter()
        .map(|(manager, path)| {
            json!({"reason": "FieldManagerConflict", "message": format!("conflict with {manager}"), "field": path})
        })
        .collect();
    error
}

/// Field paths that a write changed.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub added: FieldSet,
    pub modified: FieldSet,
    pub removed: FieldSet,
}

impl Changes {
    pub fn between(resource: &ResourceType, old: &Value, new: &Value) -> Self {
        let old: Leaves = tree::leaves(resource, old);
        let new: Leaves = tree::leaves(resource, new);
        let mut changes = Self::default();
        for (path, value) in &new {
            match old.get(path) {
                None => changes.added.0.insert(path.clone()),
                Some(before) if before != value => changes.modified.0.insert(path.clone()),
                Some(_) => false,
            };
        }
        let gone = old.into_keys().filter(|path| !new.contains_key(path));
        changes.removed.0.extend(gone);
        changes
    }
}
