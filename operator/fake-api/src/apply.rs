//! Server-side apply, and tracking of field ownership after other writes. The rules follow structured-merge-diff's
//! `merge/update.go`.

use serde_json::{Value, json};

use crate::fields::FieldSet;
use crate::ownership::{Changes, ManagerId, Managers};
use crate::resources::ResourceType;
use crate::status::{ApiError, ApiResult};
use crate::store::{Stored, meta_str};
use crate::tree;

/// Result of an apply: the merged object before defaulting, and its field managers.
#[derive(Debug)]
pub struct Applied {
    pub value: Value,
    pub managers: Managers,
}

/// Applies `config` to the stored object `live` as the field manager `id`. `config` must contain only fields that the
/// endpoint writes (see [`writable`]). Unless `force` is set, a conflict with another manager is an error.
pub fn apply(
    resource: &ResourceType,
    live: &Stored,
    config: &Value,
    id: &ManagerId,
    force: bool,
    now: &str,
) -> ApiResult<Applied> {
    let before = &live.managers;
    let last = before.set_of(id);
    let wanted = tree::field_set(resource, config);
    let mut managers = before.clone();
    managers.put(id, wanted.clone(), now);

    let mut value = tree::merge(resource, &live.value, config);
    for path in dropped(&last, &managers).0 {
        tree::remove(resource, &mut value, &path);
    }
    let changes = Changes::between(resource, &live.value, &value);
    managers.yield_to(id, &changes, force, &resource.api_version())?;
    Ok(Applied { value, managers })
}

/// Returns the paths that a manager applied last time and that no manager owns now, including parent fields without an
/// owner.
fn dropped(last: &FieldSet, managers: &Managers) -> FieldSet {
    let owned = managers.all_owned().with_named_parents();
    last.with_named_parents().difference(&owned)
}

/// Computes field ownership after a write other than an apply. The writer owns the fields that it changed, and other
/// managers lose them.
pub fn track_update(
    resource: &ResourceType,
    old: &Stored,
    new: &Value,
    id: &ManagerId,
    now: &str,
) -> Managers {
    let changes = Changes::between(resource, &old.value, new);
    let mut managers = old.managers.clone();
    let forced = managers.yield_to(id, &changes, true, &resource.api_version());
    debug_assert!(forced.is_ok(), "a forced takeover cannot conflict");
    let mine = managers
        .set_of(id)
        .difference(&changes.removed)
        .union(&changes.modified)
        .union(&changes.added);
    managers.put(id, mine, now);
    managers
}

/// Returns the part of an apply body that the endpoint writes. For the status subresource, this is the status, with
/// apiVersion, kind and name. For the main resource, it is everything except the status of a type with that
/// subresource.
pub fn writable(config: &Value, resource: &ResourceType, on_status: bool) -> Value {
    let mut config = tree::without_nulls(config);
    if on_status {
        let mut only = json!({"apiVersion": config["apiVersion"], "kind": config["kind"], "metadata": {"name": config["metadata"]["name"]}});
        if let Some(status) = config.get("status") {
            only["status"] = status.clone();
        }
        return only;
    }
    if resource.has_status
        && let Some(map) = config.as_object_mut()
    {
        map.shift_remove("status");
    }
    config
}

/// Validates an apply body before the merge: apiVersion and kind must match, the name must match or be absent, and
/// managedFields must be absent.
pub fn check_body(resource: &ResourceType, config: &Value, name: &str) -> ApiResult<()> {
    let text = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default();
    if text("apiVersion") != resource.api_version() || text("kind") != resource.kind {
        return Err(ApiError::bad_request(format!(
            "apply needs apiVersion {} and kind {}, got {:?} and {:?}",
            resource.api_version(),
            resource.kind,
            text("apiVersion"),
            text("kind")
        )));
    }
    let given = meta_str(config, "name");
    if !given.is_empty() && given != name {
        return Err(ApiError::bad_request(format!(
            "metadata.name {given:?} does not match the request's {name:?}"
        )));
    }
    if config
        .pointer("/metadata/managedFields")
        .is_some_and(|m| !m.is_null())
    {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    Ok(())
}
