//! [`FakeApi`]: the interface of the fake server to tests.

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use tokio::sync::watch::Sender;

use crate::clock::Clock;
use crate::faults::{Call, CountedCalls, Fault, Faults};
use crate::ownership::ManagerId;
use crate::resources::ResourceType;
use crate::routes::Route;
use crate::service::Connection;
use crate::state::State;
use crate::store::{self, Key, Store};
use crate::watch::Signal;
use crate::write::{self, Owners, Write};
use crate::{gc, handlers};

/// The fake API server. Clones are handles to the same server.
#[derive(Debug, Clone)]
pub struct FakeApi {
    state: Arc<Mutex<State>>,
    signal: Arc<Sender<Signal>>,
}

impl FakeApi {
    /// An empty server. `clock`, usually a [`crate::TestClock`], sets the times in objects, such as creationTimestamp.
    pub fn new(clock: impl Into<Clock>) -> Self {
        Self::over(Store::new(clock.into()))
    }

    /// An independent server with the same objects. Planned faults and recorded calls are not copied.
    pub fn copy(&self, clock: impl Into<Clock>) -> Self {
        Self::over(self.lock().store.copy(clock.into()))
    }

    fn over(store: Store) -> Self {
        let state = State {
            store,
            faults: Faults::default(),
            crashed: std::collections::BTreeSet::new(),
            held: Vec::new(),
            removed: std::collections::BTreeSet::new(),
            clients: 0,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            signal: Arc::new(Sender::new(Signal::default())),
        }
    }

    /// A new client, which simulates one operator process. Needs a tokio runtime.
    pub fn client(&self, namespace: &str) -> kube::Client {
        let mut state = self.lock();
        state.clients += 1;
        let connection = Connection {
            state: self.state.clone(),
            signal: self.signal.clone(),
            client: state.clients,
        };
        kube::Client::new(connection, namespace)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn announce(&self) {
        let version = self.lock().store.version();
        self.signal.send_modify(|signal| signal.version = version);
    }

    // Planned faults and recorded calls.

    /// Plans `fault` for the n-th call from now, counted from 1. Watches are not counted.
    pub fn fail_at(&self, n: usize, fault: Fault) {
        self.lock().faults.plan(CountedCalls::All, n, fault);
    }

    /// Plans `fault` for the n-th write from now, counted from 1.
    pub fn fail_at_write(&self, n: usize, fault: Fault) {
        self.lock().faults.plan(CountedCalls::Writes, n, fault);
    }

    /// Number of planned faults that no call has reached. A crash test that increases n ends at the first n for which
    /// the fault stays pending.
    pub fn pending_faults(&self) -> usize {
        self.lock().faults.pending()
    }

    /// Processes the requests delayed by [`Fault::Held`] and returns the HTTP codes of their answers. The clients do
    /// not receive these answers.
    pub fn arrive(&self) -> Vec<u16> {
        let codes = {
            let mut state = self.lock();
            let held = std::mem::take(&mut state.held);
            let serve = |route: &Route| match handlers::handle(&mut state.store, route) {
                Ok(answer) => answer.code,
                Err(error) => error.code,
            };
            held.iter().map(serve).collect()
        };
        self.announce();
        codes
    }

    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// All calls since the start or the last [`Self::take_calls`], including watches.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().faults.calls.clone()
    }

    /// Returns all calls, as [`Self::calls`], and clears the record.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.lock().faults.calls)
    }

    /// The recorded write requests, including those that changed nothing.
    pub fn writes(&self) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.verb.is_write());
        calls
    }

    /// Requests with an unknown path or an unreadable body; tests assert that there are none.
    pub fn unexpected(&self) -> Vec<String> {
        self.lock().faults.unexpected.clone()
    }

    // Direct access to the store, bypassing the API: these accesses are not recorded as calls and no fault applies.

    pub fn version(&self) -> u64 {
        self.lock().store.version()
    }

    /// The stored object with its managedFields. `resource` is the plural or `plural.group`.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let state = self.lock();
        let resource = find_type(&state.store, resource);
        let found = state.store.get(&Key::new(&resource, namespace, name));
        found.map(|stored| stored.served())
    }

    /// All objects of a type in a namespace; in all namespaces if `namespace` is empty.
    pub fn list(&self, resource: &str, namespace: &str) -> Vec<Value> {
        let state = self.lock();
        let resource = find_type(&state.store, resource);
        let found = state.store.list(&resource, namespace);
        found.map(|(_, stored)| stored.served()).collect()
    }

    /// All objects by `plural.group/namespace/name`, without the fields that differ between two runs with the same
    /// result: uid, resourceVersion, managedFields and times. Crash tests compare the snapshots of two runs.
    pub fn snapshot(&self) -> std::collections::BTreeMap<String, Value> {
        let state = self.lock();
        let entries = state.store.iter().map(|(key, stored)| {
            let kind = state.store.type_of_key(key).qualified();
            (
                format!("{kind}/{}/{}", key.namespace, key.name),
                timeless(stored.value.clone()),
            )
        });
        entries.collect()
    }

    /// Creates or replaces an object, including its status, by its apiVersion and kind, as field manager `test`:
    /// simulates a user or another controller.
    pub fn put(&self, object: Value) -> Value {
        let stored = self.put_as("test", object);
        self.announce();
        stored
    }

    fn put_as(&self, manager: &str, object: Value) -> Value {
        let mut state = self.lock();
        let store = &mut state.store;
        let api_version = object["apiVersion"].as_str().unwrap_or_default();
        let kind = object["kind"].as_str().unwrap_or_default();
        let resource = store
            .types
            .iter()
            .find(|t| t.api_version() == api_version && t.kind == kind)
            .unwrap_or_else(|| panic!("the fake serves no {api_version} {kind}"))
            .clone();
        let namespace = store::meta_str(&object, "namespace").to_owned();
        let key = Key::new(&resource, &namespace, store::meta_str(&object, "name"));
        let owners = |subresource: &str| {
            Owners::ByChange(ManagerId {
                name: manager.into(),
                apply: false,
                subresource: subresource.into(),
            })
        };
        let write = |on_status| Write {
            resource: &resource,
            key: &key,
            on_status,
            strict: true,
            dry_run: false,
        };
        let written = match store.get(&key).cloned() {
            Some(old) => write::update(store, &write(false), &old, object.clone(), owners("")),
            None => write::create(store, &write(false), object.clone(), owners("")),
        };
        let mut stored = written.unwrap_or_else(|e| panic!("{}", e.message)).stored;
        if resource.has_status
            && let Some(status) = object.get("status")
        {
            let mut with_status = stored.value.clone();
            with_status["status"] = status.clone();
            let written =
                write::update(store, &write(true), &stored, with_status, owners("status"));
            stored = written.unwrap_or_else(|e| panic!("{}", e.message)).stored;
        }
        stored.served()
    }

    /// Changes a stored object with a closure, as field manager `test`. Panics if the object does not exist.
    pub fn edit(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Value {
        let mut object = self
            .get(resource, namespace, name)
            .unwrap_or_else(|| panic!("no {resource} {namespace}/{name}"));
        change(&mut object);
        self.put(object)
    }

    /// Deletes an object with propagation policy Background, honouring finalizers. False if it did not exist.
    pub fn delete(&self, resource: &str, namespace: &str, name: &str) -> bool {
        let found = {
            let mut state = self.lock();
            let resource = find_type(&state.store, resource);
            let key = Key::new(&resource, namespace, name);
            let found = state.store.get(&key).is_some();
            gc::delete(&mut state.store, &key, gc::Propagation::Background, false);
            found
        };
        self.announce();
        found
    }

    // Control of the server itself.

    /// Serves the type of a CRD by its schema: prunes unknown fields, sets defaults, merges lists by their keys.
    /// Replaces a built-in type of the same group and plural.
    pub fn install_crd(&self, crd: &Value) {
        let resource = ResourceType::from_crd(crd).expect("a CustomResourceDefinition");
        let mut state = self.lock();
        let same = |t: &ResourceType| t.group == resource.group && t.plural == resource.plural;
        state.store.types.retain(|t| !same(t));
        state.removed.remove(&resource.plural);
        state.store.types.push(resource);
    }

    /// Stops serving a type, as if its CRD were deleted, and drops its stored objects.
    pub fn remove_type(&self, plural: &str) {
        let mut state = self.lock();
        let resource = find_type(&state.store, plural);
        let keys: Vec<Key> = state
            .store
            .list(&resource, "")
            .map(|(key, _)| key.clone())
            .collect();
        for key in keys {
            state.store.take(&key);
        }
        state.store.types.retain(|t| *t != resource);
        state.removed.insert(resource.plural);
    }

    /// Ends every open watch stream, as a restart of the server does.
    pub fn end_watches(&self) {
        self.signal.send_modify(|signal| signal.epoch += 1);
    }

    /// Discards the watch log: a watch that resumes from an older version gets 410 Expired.
    pub fn compact(&self) {
        self.lock().store.compact();
        self.announce();
    }
}

/// Finds a type by its plural, or by `plural.group` if two groups have the same plural.
fn find_type(store: &Store, name: &str) -> ResourceType {
    let found = store.types.iter().find(|t| t.qualified() == name);
    let found = found.or_else(|| store.types.iter().find(|t| t.plural == name));
    found
        .unwrap_or_else(|| panic!("the fake serves no {name}"))
        .clone()
}

fn timeless(mut value: Value) -> Value {
    if let Some(metadata) = value["metadata"].as_object_mut() {
        for field in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
            metadata.shift_remove(field);
        }
    }
    value
}
