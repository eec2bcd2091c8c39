//! Steps that all creates and updates share: server-owned metadata, the status subresource, defaults, validation and
//! the generation.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::apply::track_update;
use crate::defaults::set_defaults;
use crate::ownership::{ManagerId, Managers};
use crate::resources::ResourceType;
use crate::status::{ApiError, ApiResult};
use crate::store::{Key, Store, Stored, meta_str};
use crate::{gc, schema, validate};

/// Metadata fields that only the server sets.
const SERVER_FIELDS: &[&str] = &[
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
];

/// Parameters of one write.
#[derive(Debug)]
pub struct Write<'a> {
    pub resource: &'a ResourceType,
    pub key: &'a Key,
    pub on_status: bool,
    pub strict: bool,
    pub dry_run: bool,
}

/// Object after a write; for a dry run, the object as the real write would leave it. `changed` is true if the write
/// changed the store, so it is always false for a dry run.
#[derive(Debug)]
pub struct Written {
    pub stored: Arc<Stored>,
    pub changed: bool,
}

/// Field managers of the written object. They are either known from an apply, or must be derived from the changes that
/// the given manager makes.
#[derive(Debug)]
pub enum Owners {
    Known(Managers),
    ByChange(ManagerId),
}

pub fn create(
    store: &mut Store,
    write: &Write<'_>,
    body: Value,
    owners: Owners,
) -> ApiResult<Written> {
    let (resource, key) = (write.resource, write.key);
    let mut value = body;
    if !value.is_object() {
        return Err(ApiError::bad_request("the body is not an object"));
    }
    value["apiVersion"] = resource.api_version().into();
    value["kind"] = resource.kind.clone().into();
    clear_server_fields(&mut value);
    value["metadata"]["name"] = key.name.clone().into();
    if resource.namespaced {
        value["metadata"]["namespace"] = key.namespace.clone().into();
    }
    if resource.has_status
        && let Some(map) = value.as_object_mut()
    {
        map.shift_remove("status");
    }
    let mut value = schema::prune(resource, value, write.strict)?;
    set_defaults(resource, &mut value);
    validate::object(resource, &value)?;
    value["metadata"]["uid"] = store.next_uid().into();
    value["metadata"]["creationTimestamp"] = store.clock.stamp().into();
    if resource.has_generation {
        value["metadata"]["generation"] = json!(1);
    }
    let blank = Stored {
        value: json!({}),
        managers: Managers::default(),
    };
    let managers = owners.resolve(store, resource, &blank, &value);
    let stored = Stored { value, managers };
    if write.dry_run {
        return Ok(Written {
            stored: Arc::new(stored),
            changed: false,
        });
    }
    let stored = store.put(key, stored);
    gc::collect(store);
    Ok(Written {
        stored,
        changed: true,
    })
}

pub fn update(
    store: &mut Store,
    write: &Write<'_>,
    old: &Arc<Stored>,
    body: Value,
    owners: Owners,
) -> ApiResult<Written> {
    let (resource, key) = (write.resource, write.key);
    let mut value = if write.on_status {
        status_only(resource, &old.value, &body)
    } else {
        body
    };
    check_identity(resource, key, &old.value, &value)?;
    value["apiVersion"] = resource.api_version().into();
    value["kind"] = resource.kind.clone().into();
    keep_server_fields(&mut value, &old.value);
    if resource.has_status && !write.on_status {
        keep(&mut value, &old.value, "status");
    }
    let mut value = schema::prune(resource, value, write.strict)?;
    set_defaults(resource, &mut value);
    validate::object(resource, &value)?;
    validate::transition(resource, &old.value, &value)?;
    if !write.on_status && resource.has_generation && generation_moves(resource, &old.value, &value)
    {
        let generation = old.value["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
        value["metadata"]["generation"] = json!(generation);
    }
    let managers = owners.resolve(store, resource, old, &value);
    let changed = value != old.value || !managers.same_sets(&old.managers);
    if !changed || write.dry_run {
        let stored = if changed {
            Arc::new(Stored { value, managers })
        } else {
            old.clone()
        };
        return Ok(Written {
            stored,
            changed: false,
        });
    }
    let stored = store.put(key, Stored { value, managers });
    gc::finish_deletion(store, key);
    gc::collect(store);
    Ok(Written {
        stored,
        changed: true,
    })
}

impl Owners {
    fn resolve(
        self,
        store: &Store,
        resource: &ResourceType,
        old: &Stored,
        new: &Value,
    ) -> Managers {
        match self {
            Self::Known(managers) => managers,
            Self::ByChange(id) => track_update(resource, old, new, &id, &store.clock.stamp()),
        }
    }
}

/// Checks that UID, resourceVersion, name and namespace in the body match the stored object, where they are given.
fn check_identity(resource: &ResourceType, key: &Key, old: &Value, new: &Value) -> ApiResult<()> {
    let plural = resource.qualified();
    let differs = |field: &str| {
        let given = meta_str(new, field);
        !given.is_empty() && given != meta_str(old, field)
    };
    if differs("uid") {
        let why = format!(
            "Precondition failed: UID in precondition: {}, UID in object meta: {}",
            meta_str(new, "uid"),
            meta_str(old, "uid")
        );
        return Err(ApiError::conflict(&plural, &key.name, &why));
    }
    if differs("resourceVersion") {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        return Err(ApiError::conflict(&plural, &key.name, why));
    }
    if differs("name") || differs("namespace") {
        return Err(ApiError::bad_request(
            "the name or namespace of the object does not match the request",
        ));
    }
    Ok(())
}

fn clear_server_fields(value: &mut Value) {
    if !value["metadata"].is_object() {
        value["metadata"] = json!({});
    }
    if let Some(metadata) = value["metadata"].as_object_mut() {
        for field in SERVER_FIELDS {
            metadata.shift_remove(*field);
        }
    }
}

fn keep_server_fields(value: &mut Value, old: &Value) {
    clear_server_fields(value);
    for field in SERVER_FIELDS.iter().chain(&["name", "namespace"]) {
        if let Some(kept) = old["metadata"].get(*field) {
            value["metadata"][*field] = kept.clone();
        }
    }
}

/// Sets `field` of `value` to its value in `old`, or removes it if `old` lacks it.
fn keep(value: &mut Value, old: &Value, field: &str) {
    match old.get(field) {
        Some(kept) => value[field] = kept.clone(),
        None => {
            value
                .as_object_mut()
                .and_then(|map| map.shift_remove(field));
        }
    }
}

fn status_only(resource: &ResourceType, old: &Value, body: &Value) -> Value {
    let mut value = old.clone();
    keep(&mut value, body, "status");
    // The Deployment controller writes its revision annotation through the status subresource.
    if resource.kind == "Deployment" {
        keep(&mut value["metadata"], &body["metadata"], "annotations");
    }
    for field in ["uid", "resourceVersion", "name", "namespace"] {
        if !meta_str(body, field).is_empty() {
            value["metadata"][field] = body["metadata"][field].clone();
        }
    }
    value
}

/// Returns true if a write increases the generation. Changes of metadata and status do not. The exception is the
/// annotations of a Deployment, because Kubernetes copies them to its ReplicaSets.
fn generation_moves(resource: &ResourceType, old: &Value, new: &Value) -> bool {
    let rest = |value: &Value| {
        let mut value = value.clone();
        if let Some(map) = value.as_object_mut() {
            map.shift_remove("metadata");
            map.shift_remove("status");
        }
        value
    };
    let annotations = |value: &Value| value["metadata"].get("annotations").cloned();
    rest(old) != rest(new)
        || (resource.kind == "Deployment" && annotations(old) != annotations(new))
}
