//! Object store of the fake API server. It contains objects by key, a resource version that increases with every write,
//! and a log of changes from which watches are served.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::ownership::Managers;
use crate::resources::{ResourceType, builtin_types};

/// Key of an object. Lists are sorted by key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub group: String,
    pub plural: String,
    /// Namespace of the object; empty for cluster-scoped types.
    pub namespace: String,
    pub name: String,
}

impl Key {
    pub fn new(resource: &ResourceType, namespace: &str, name: &str) -> Self {
        Self {
            group: resource.group.clone(),
            plural: resource.plural.clone(),
            namespace: if resource.namespaced {
                namespace.into()
            } else {
                String::new()
            },
            name: name.into(),
        }
    }

    pub fn is_of(&self, resource: &ResourceType) -> bool {
        self.group == resource.group && self.plural == resource.plural
    }
}

/// Stored object. Its `managedFields` are decoded into [`Managers`] and removed from the JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub value: Value,
    pub managers: Managers,
}

impl Stored {
    pub fn uid(&self) -> &str {
        meta_str(&self.value, "uid")
    }

    /// Returns the object as the API returns it, including `managedFields`.
    pub fn served(&self) -> Value {
        let mut value = self.value.clone();
        let api_version = value["apiVersion"].as_str().unwrap_or_default().to_owned();
        if !self.managers.0.is_empty() {
            value["metadata"]["managedFields"] = self.managers.to_json(&api_version);
        }
        value
    }
}

/// Returns `metadata.<field>` as text; empty if it is missing.
pub fn meta_str<'a>(value: &'a Value, field: &str) -> &'a str {
    value
        .get("metadata")
        .and_then(|m| m.get(field))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Added,
    Modified,
    Deleted,
}

/// One change of an object in the log from which watches are served.
#[derive(Debug, Clone)]
pub struct LogEntry {
    pub version: u64,
    pub change: Change,
    pub key: Key,
    /// State of the object after the change. For a deletion, this is the last state with the resource version of the
    /// deletion.
    pub object: Arc<Stored>,
    /// State of the object before the change. A watch with a selector compares it with `object`. It reports ADDED when
    /// the object starts to match, and DELETED when it stops matching.
    pub previous: Option<Arc<Stored>>,
}

#[derive(Debug)]
pub struct Store {
    pub clock: Clock,
    pub types: Vec<ResourceType>,
    objects: BTreeMap<Key, Arc<Stored>>,
    log: Vec<LogEntry>,
    version: u64,
    /// Watches that resume from a version older than this one fail with 410 Expired.
    compacted: u64,
    counter: u64,
}

impl Store {
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            types: builtin_types(),
            objects: BTreeMap::new(),
            log: Vec::new(),
            version: 1,
            compacted: 0,
            counter: 0,
        }
    }

    /// Creates a store with the same objects, a different clock and an empty log. A watch can resume on the copy only
    /// from the current version, because earlier changes are not in the log.
    pub fn copy(&self, clock: Clock) -> Self {
        Self {
            clock,
            types: self.types.clone(),
            objects: self.objects.clone(),
            log: Vec::new(),
            version: self.version,
            compacted: self.version,
            counter: self.counter,
        }
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn compacted(&self) -> u64 {
        self.compacted
    }

    pub fn compact(&mut self) {
        self.version += 1;
        self.compacted = self.version;
        self.log.clear();
    }

    pub fn type_of(&self, group: &str, plural: &str) -> Option<&ResourceType> {
        self.types
            .iter()
            .find(|t| t.group == group && t.plural == plural)
    }

    pub fn type_of_key(&self, key: &Key) -> ResourceType {
        let found = self.type_of(&key.group, &key.plural);
        found.expect("a stored object's type is served").clone()
    }

    pub fn get(&self, key: &Key) -> Option<&Arc<Stored>> {
        self.objects.get(key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Arc<Stored>)> {
        self.objects.iter()
    }

    /// Returns the objects of one type in a namespace, or in all namespaces if `namespace` is empty.
    pub fn list<'a>(
        &'a self,
        resource: &'a ResourceType,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Stored>)> {
        self.objects.iter().filter(move |(key, _)| {
            key.is_of(resource) && (namespace.is_empty() || key.namespace == namespace)
        })
    }

    pub fn log_since(&self, version: u64) -> impl Iterator<Item = &LogEntry> {
        self.log.iter().filter(move |entry| entry.version > version)
    }

    /// Returns a new unique number, for example for UIDs and generated names.
    pub fn next_number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub fn next_uid(&mut self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", self.next_number())
    }

    /// Stores a new or changed object with the next resource version.
    pub fn put(&mut self, key: &Key, mut stored: Stored) -> Arc<Stored> {
        self.version += 1;
        stored.value["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(stored);
        let previous = self.objects.insert(key.clone(), object.clone());
        let change = if previous.is_some() {
            Change::Modified
        } else {
            Change::Added
        };
        self.record(change, key, object.clone(), previous);
        object
    }

    /// Removes an object and logs the deletion. Returns the last state of the object with the resource version of the
    /// deletion, or `None` if it does not exist.
    pub fn take(&mut self, key: &Key) -> Option<Arc<Stored>> {
        let previous = self.objects.remove(key)?;
        self.version += 1;
        let mut last = Stored::clone(&previous);
        last.value["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let last = Arc::new(last);
        self.record(Change::Deleted, key, last.clone(), Some(previous));
        Some(last)
    }

    fn record(
        &mut self,
        change: Change,
        key: &Key,
        object: Arc<Stored>,
        previous: Option<Arc<Stored>>,
    ) {
        self.log.push(LogEntry {
            version: self.version,
            change,
            key: key.clone(),
            object,
            previous,
        });
    }
}
