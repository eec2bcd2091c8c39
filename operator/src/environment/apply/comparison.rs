//! Compares a child object with its wanted state, including the fields that others own. Pure functions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::drift;
use super::fields::{self, FieldManager, FieldStep, has_keys, item_keys};
use crate::environment::model::annotations::APPLIED;
use crate::environment::model::children::{ChildKind, MANAGER};
use crate::memory::AppliedCache;

/// Maximum number of fields that an Event names for each manager.
const MAX_FIELDS: usize = 4;

/// Part of an object in which the operator allows no fields of others.
struct Scope {
    /// Fields that belong to the operator, as paths with dots.
    own: &'static [&'static str],
    /// Fields below `own` that others may set.
    shared: &'static [&'static str],
}

/// Returns the part of a child object in which fields of others are removed. Everywhere else they stay.
///
/// The annotations of a pod template are shared: `kubectl rollout restart` sets one. The addresses of a Service are
/// assigned by the API server. In a ServiceAccount, controllers of some distributions add pull Secrets.
fn scope(kind: ChildKind) -> Scope {
    let (own, shared): (&[&str], &[&str]) = match kind {
        ChildKind::Deployment | ChildKind::Candidate => (&["spec"], &["spec.template.metadata"]),
        ChildKind::NetworkPolicy
        | ChildKind::CandidatePolicy
        | ChildKind::DisruptionBudget
        | ChildKind::Ingress => (&["spec"], &[]),
        ChildKind::Service => (
            &[
                "spec.ports",
                "spec.externalIPs",
                "spec.externalName",
                "spec.externalTrafficPolicy",
                "spec.allocateLoadBalancerNodePorts",
                "spec.loadBalancerIP",
                "spec.loadBalancerClass",
                "spec.sessionAffinity",
                "spec.sessionAffinityConfig",
            ],
            &[],
        ),
        ChildKind::Proven
        | ChildKind::MongoActive
        | ChildKind::ConfigActive
        | ChildKind::ConfigCandidate
        | ChildKind::Certificate => (&["data"], &[]),
        ChildKind::ServiceAccount => (&[], &[]),
    };
    Scope { own, shared }
}

impl Scope {
    fn contains(&self, path: &[FieldStep]) -> bool {
        let below = |prefix: &&str| {
            let names = prefix.split('.');
            let count = names.clone().count();
            let same = |(step, name): (&FieldStep, &str)| *step == FieldStep::field(name);
            count <= path.len() && path.iter().zip(names).all(same)
        };
        self.own.iter().any(below) && !self.shared.iter().any(below)
    }
}

/// Field that somebody else changed, added or removed.
#[derive(Clone, Debug, PartialEq)]
struct Change {
    path: Vec<FieldStep>,
    /// Manager that owns the field now; `None` if the field was removed.
    manager: Option<String>,
    /// True if the wanted state does not contain the field.
    added: bool,
}

/// Comparison of a child object with its wanted state.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// True if the object was applied in another wanted state than the current one.
    new_wish: bool,
    changes: Vec<Change>,
    /// Name of the manager that changed the object last, for changes without an owner.
    last: Option<String>,
}

impl Comparison {
    /// Compares the object `found` with its wanted state, which must be stamped (see [`drift::stamp`]).
    ///
    /// A difference in a field that the operator still owns is no change: then the API server or an admission webhook
    /// has rewritten the value that was applied, for example `1000m` to `1`.
    pub fn of(kind: ChildKind, found: &Value, wanted: &Value) -> Self {
        let stamp = |object: &Value| object["metadata"]["annotations"][APPLIED].clone();
        let managers = fields::managers(found);
        let ours = managers.iter().copied().find(|m| m.applies(MANAGER));
        let owned = |path: &[FieldStep]| ours.is_some_and(|m| m.owns(path));
        let others: Vec<FieldManager<'_>> = managers
            .iter()
            .copied()
            .filter(|m| !m.applies(MANAGER))
            .collect();
        let mut changes = Vec::new();
        for manager in &others {
            let mut walk = Walk {
                scope: scope(kind),
                manager: manager.name(),
                owned: &owned,
                path: Vec::new(),
                found: &mut changes,
            };
            walk.visit(manager.fields(), Some(wanted));
        }
        for path in drift::differences(found, wanted) {
            let known = |c: &Change| c.path.starts_with(&path) || path.starts_with(&c.path);
            let rewritten = ours.is_some_and(|m| m.owns_whole(&path));
            if rewritten || changes.iter().any(known) {
                continue;
            }
            let owner = others.iter().find(|m| m.owns(&path));
            changes.push(Change {
                manager: owner.map(|m| m.name()),
                path,
                added: false,
            });
        }
        let last = others.iter().max_by_key(|m| m.time());
        Self {
            new_wish: stamp(found) != stamp(wanted),
            changes,
            last: last.map(|m| m.name()),
        }
    }

    /// True if the object needs no write. Fields that only an earlier replacement by the operator owns (see
    /// [`replacement`]) are defaults of the API server while the wanted state is the same.
    pub fn is_as_wanted(&self) -> bool {
        let default = |c: &Change| c.added && c.manager.as_deref() == Some(MANAGER);
        !self.new_wish && self.changes.iter().all(default)
    }

    /// True if somebody added fields that a server-side apply does not remove.
    pub fn has_added_fields(&self) -> bool {
        self.changes.iter().any(|c| c.added)
    }

    /// Returns who changed the object and which fields, for an Event. `None` if the object differs only because the
    /// wanted state has changed, or if nothing has changed.
    pub fn culprits(&self) -> Option<String> {
        if self.new_wish || self.changes.is_empty() {
            return None;
        }
        let unknown = self.last.as_deref().unwrap_or("somebody");
        let mut by_manager: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for change in &self.changes {
            let manager = change.manager.as_deref().unwrap_or(unknown);
            // The operator itself, which has scaled the Deployment or replaced fields.
            if manager == MANAGER {
                continue;
            }
            let paths = by_manager.entry(manager).or_default();
            let path = fields::display(&change.path);
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        let one = |(manager, paths): (&str, Vec<String>)| {
            let more = paths.len().saturating_sub(MAX_FIELDS);
            let mut named: Vec<String> = paths.into_iter().take(MAX_FIELDS).collect();
            if more > 0 {
                named.push(format!("and {more} more"));
            }
            format!("{manager} ({})", named.join(", "))
        };
        let all: Vec<String> = by_manager.into_iter().map(one).collect();
        (!all.is_empty()).then(|| all.join(" and "))
    }

    /// True if the replicas were changed by the scale of an autoscaler.
    pub fn is_autoscaled(&self) -> bool {
        let by = |c: &Change| c.manager.as_deref() == Some("kube-controller-manager (scale)");
        self.changes.iter().any(by)
    }
}

/// True if the object equals the API server's last answer to the same request, which `applied` remembers. A write would
/// then change nothing.
pub fn is_last_answer(found: &Value, wanted: &Value, applied: &AppliedCache) -> bool {
    applied.is(&drift::hash(wanted), &drift::hash(&drift::own_part(found)))
}

/// Returns a JSON merge patch that makes the operator's part of the object equal to the wanted state: it replaces lists
/// as a whole, and removes the fields that somebody owns and that are not wanted. Unlike a server-side apply, it can
/// replace a field by another one that excludes it, such as `value` by `valueFrom`.
pub fn replacement(kind: ChildKind, found: &Value, wanted: &Value) -> Value {
    let mut patch = wanted.clone();
    if let Some(fields) = patch.as_object_mut() {
        for identity in ["apiVersion", "kind", "metadata"] {
            fields.remove(identity);
        }
    }
    let nobody = |_: &[FieldStep]| false;
    let mut owned = Vec::new();
    for manager in fields::managers(found) {
        let mut walk = Walk {
            scope: scope(kind),
            manager: String::new(),
            owned: &nobody,
            path: Vec::new(),
            found: &mut owned,
        };
        walk.visit(manager.fields(), Some(wanted));
    }
    for change in owned.iter().filter(|c| c.added) {
        remove(&mut patch, &change.path);
    }
    patch
}

/// Sets the field at `path` to null, which removes it. If the path leads through a list, the list itself is removed,
/// unless the patch replaces it anyway.
fn remove(patch: &mut Value, path: &[FieldStep]) {
    let names = path.iter().map_while(|step| match step {
        FieldStep::Field(name) => Some(name.as_str()),
        FieldStep::Item(_) => None,
    });
    let names: Vec<&str> = names.collect();
    let Some((last, parents)) = names.split_last() else {
        return;
    };
    let mut at = patch;
    for name in parents {
        let Some(fields) = at.as_object_mut() else {
            return;
        };
        at = fields.entry(*name).or_insert_with(|| json!({}));
    }
    if let Some(fields) = at.as_object_mut() {
        fields.entry(*last).or_insert(Value::Null);
    }
}

/// Walk through the fields of one manager, next to the wanted state.
struct Walk<'a> {
    scope: Scope,
    manager: String,
    /// Says whether the operator owns a field.
    owned: &'a dyn Fn(&[FieldStep]) -> bool,
    path: Vec<FieldStep>,
    found: &'a mut Vec<Change>,
}

impl Walk<'_> {
    fn visit(&mut self, fields: &Value, wanted: Option<&Value>) {
        for (key, below) in fields.as_object().into_iter().flatten() {
            if let Some(name) = key.strip_prefix("f:") {
                self.path.push(FieldStep::field(name));
                self.field(below, wanted.and_then(|w| w.get(name)));
                self.path.pop();
            } else if let Some(keys) = item_keys(key) {
                let items = wanted.and_then(Value::as_array).into_iter().flatten();
                let item = items.into_iter().find(|item| has_keys(item, &keys));
                self.path.push(FieldStep::Item(keys));
                self.field(below, item);
                self.path.pop();
            }
        }
    }

    fn field(&mut self, below: &Value, wanted: Option<&Value>) {
        let leaf = below.as_object().is_none_or(serde_json::Map::is_empty);
        match wanted {
            // The topmost field that is not wanted: everything below it goes with it. A list stays in the path down to
            // the item, so that messages name the item.
            None if leaf || !is_list(below) => self.note(true),
            Some(_) if leaf => self.note(false),
            wanted => self.visit(below, wanted),
        }
    }

    fn note(&mut self, added: bool) {
        if self.scope.contains(&self.path) && (added || !(self.owned)(&self.path)) {
            self.found.push(Change {
                path: self.path.clone(),
                manager: Some(self.manager.clone()),
                added,
            });
        }
    }
}

/// True if these are the fields of a list that is merged by keys.
fn is_list(fields: &Value) -> bool {
    let keys = fields.as_object().into_iter().flatten().map(|(key, _)| key);
    keys.into_iter().any(|key| item_keys(key).is_some())
}

#[cfg(test)]
#[path = "comparison_tests.rs"]
mod tests;
