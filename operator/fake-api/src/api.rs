//! [`FakeApi`]: the handle through which tests control the fake API server.

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
use crate::status::ApiError;
use crate::store::{self, Key, Store};
use crate::watch::Signal;
use crate::write::{self, Owners, Write};
use crate::{gc, handlers};

/// In-memory fake of the Kubernetes API server. Clones are handles to the same server.
#[derive(Debug, Clone)]
pub struct FakeApi {
    state: Arc<Mutex<State>>,
    signal: Arc<Sender<Signal>>,
}

impl FakeApi {
    /// Creates an empty server. `clock`, usually a [`crate::TestClock`], determines timestamps in objects, such as
    /// `creationTimestamp`.
    pub fn new(clock: impl Into<Clock>) -> Self {
        Self::over(Store::new(clock.into()))
    }

    /// Creates an independent server with the same objects and a different clock. Planned faults and recorded calls are
    /// not copied.
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

    /// Creates a client, which represents one operator process. Must be called within a tokio runtime.
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

    /// Plans `fault` for the `n`-th call from now, counting from 1. Watches, discovery requests and requests that
    /// cannot be parsed are not counted.
    pub fn fail_at(&self, n: usize, fault: Fault) {
        self.lock().faults.plan(CountedCalls::All, n, fault);
    }

    /// Plans `fault` for the `n`-th write from now, counting from 1.
    pub fn fail_at_write(&self, n: usize, fault: Fault) {
        self.lock().faults.plan(CountedCalls::Writes, n, fault);
    }

    /// Returns the number of planned faults that have not occurred yet. A crash test that increases `n` can stop at the
    /// first `n` whose fault remains pending.
    pub fn pending_faults(&self) -> usize {
        self.lock().faults.pending()
    }

    /// Processes the requests that [`Fault::Held`] delayed, and returns the HTTP status codes of the responses. The
    /// clients do not receive these responses.
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

    /// Refuses all creates and changes of an object with this HTTP status code and message, like a quota or an admission
    /// policy, until [`Self::allow`]. `resource` is the plural name of the type; an empty `name` stands for all objects.
    /// Changes of a status, and deletions, are not refused.
    pub fn refuse(&self, (resource, name): (&str, &str), code: u16, message: &str) {
        let mut error = ApiError::injected(code);
        error.message = message.to_owned();
        self.lock().faults.refuse(resource, name, error);
    }

    /// Ends all refusals.
    pub fn allow(&self) {
        self.lock().faults.allow();
    }

    /// Takes all rights in a namespace from all clients, as if the RoleBinding there had been deleted: each call is
    /// answered with 403, until [`Self::permit`].
    pub fn forbid(&self, namespace: &str) {
        self.lock().faults.forbidden.insert(namespace.to_owned());
    }

    /// Gives the rights in a namespace back.
    pub fn permit(&self, namespace: &str) {
        self.lock().faults.forbidden.remove(namespace);
    }

    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// Returns the calls recorded since the start or the last [`Self::take_calls`], including watches. Discovery
    /// requests, requests that could not be parsed, requests delayed by [`Fault::Held`] and requests of a crashed
    /// client are not recorded.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().faults.calls.clone()
    }

    /// Returns the same calls as [`Self::calls`], and clears the record.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.lock().faults.calls)
    }

    /// Returns all recorded write requests, including those that changed nothing.
    pub fn writes(&self) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.verb.is_write());
        calls
    }

    /// Returns all requests that could not be parsed, for example because of an unknown path or an invalid body.
    /// Requests for types that were removed with [`Self::remove_type`] are not included. Tests assert that the result
    /// is empty.
    pub fn unexpected(&self) -> Vec<String> {
        self.lock().faults.unexpected.clone()
    }

    // Direct access to the store, bypassing the API: these accesses are not recorded as calls and no fault applies.

    pub fn version(&self) -> u64 {
        self.lock().store.version()
    }

    /// Returns a stored object with its `managedFields`; `None` if it does not exist. `resource` is `plural` or
    /// `plural.group`.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let state = self.lock();
        let resource = find_type(&state.store, resource);
        let found = state.store.get(&Key::new(&resource, namespace, name));
        found.map(|stored| stored.served())
    }

    /// Returns all objects of a type in a namespace, or in all namespaces if `namespace` is empty. `resource` is
    /// `plural` or `plural.group`.
    pub fn list(&self, resource: &str, namespace: &str) -> Vec<Value> {
        let state = self.lock();
        let resource = find_type(&state.store, resource);
        let found = state.store.list(&resource, namespace);
        found.map(|(_, stored)| stored.served()).collect()
    }

    /// Returns all objects, keyed by `plural.group/namespace/name`, or `plural/namespace/name` for the core group.
    /// Leaves out metadata that differs between two runs with the same result: uid, resourceVersion, generation,
    /// creationTimestamp and managedFields. Crash tests compare the snapshots of two runs.
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

    /// Creates or replaces an object including its status, with `test` as the field manager. This simulates a write by
    /// a user or another controller. Returns the stored object.
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

    /// Changes a stored object with the closure `change`, with `test` as the field manager. Panics if the object does
    /// not exist.
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

    /// Deletes an object with propagation policy Background, respecting finalizers. Returns false if the object did not
    /// exist.
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

    /// Serves the type that a CRD defines. As its schema requires, the server prunes unknown fields, sets defaults and
    /// merges lists by key. Replaces a type with the same group and plural.
    pub fn install_crd(&self, crd: &Value) {
        let resource = ResourceType::from_crd(crd).expect("a CustomResourceDefinition");
        let mut state = self.lock();
        let same = |t: &ResourceType| t.group == resource.group && t.plural == resource.plural;
        state.store.types.retain(|t| !same(t));
        state.removed.remove(&resource.plural);
        state.store.types.push(resource);
    }

    /// Stops serving a type, as if its CRD had been deleted, and removes its stored objects.
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

    /// Ends all open watch streams, as a restart of the server would.
    pub fn end_watches(&self) {
        self.signal.send_modify(|signal| signal.epoch += 1);
    }

    /// Discards the watch log. A watch that resumes from an older version then fails with 410 Expired.
    pub fn compact(&self) {
        self.lock().store.compact();
        self.announce();
    }
}

/// Finds a type by its plural. `plural.group` distinguishes types of two groups with the same plural.
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
