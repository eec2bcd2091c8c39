//! Server-side apply and the ownership side of every other write. After structured-merge-diff's `merge/update.go`.

use serde_json::{Value, json};

use super::fields::FieldSet;
use super::ownership::{Changes, ManagerId, Managers};
use super::resources::ResourceType;
use super::status::{ApiError, ApiResult};
use super::store::{Stored, meta_str};
use super::tree;

/// What an apply leaves: the object before defaulting, and its managers.
#[derive(Debug)]
pub struct Applied {
    pub value: Value,
    pub managers: Managers,
}

/// Applies `config` over `live` for one manager. `config` holds only fields this endpoint may write.
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

/// Paths this manager named last time and nobody names now, with their parents when those end up unowned too.
fn dropped(last: &FieldSet, managers: &Managers) -> FieldSet {
    let owned = managers.all_owned().with_named_parents();
    last.with_named_parents().difference(&owned)
}

/// Ownership after an update: the writer owns what it changed, others lose it.
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

/// The part of an apply body that the endpoint honours: all but status, or only status.
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

/// What an apply body must satisfy before it is looked at.
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
