//! Handlers for all API verbs except watch.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::apply::{apply, check_body, writable};
use crate::gc::{self, Propagation};
use crate::ownership::{ManagerId, Managers};
use crate::routes::{PatchKind, Route, Verb};
use crate::schema;
use crate::selectors::Selector;
use crate::status::{ApiError, ApiResult};
use crate::store::{Key, Store, Stored, meta_str};
use crate::tree;
use crate::write::{Owners, Write, Written, create, update};

/// Response to a request, with a flag that is true if the request changed the store.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub body: Value,
    pub changed: bool,
}

pub fn handle(store: &mut Store, route: &Route) -> ApiResult<Answer> {
    let key = Key::new(&route.resource, &route.namespace, &route.name);
    match route.verb {
        Verb::Get => read(store, route, &key),
        Verb::List => list(store, route),
        Verb::Create => post(store, route),
        Verb::Update => put(store, route, &key),
        Verb::Patch => patch(store, route, &key),
        Verb::Delete => delete(store, route, &key),
        Verb::DeleteCollection => delete_collection(store, route),
        Verb::Watch => Err(ApiError::new(
            500,
            "InternalError",
            "watches are answered elsewhere",
        )),
    }
}

fn existing(store: &Store, route: &Route, key: &Key) -> ApiResult<Arc<Stored>> {
    let found = store.get(key).cloned();
    found.ok_or_else(|| ApiError::not_found(&route.resource.qualified(), &key.name))
}

/// Returns the object in the form that the client requested: complete, or as `PartialObjectMetadata`.
pub fn shown(object: &Value, metadata_only: bool) -> Value {
    if metadata_only {
        json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
    } else {
        object.clone()
    }
}

fn ok(route: &Route, code: u16, written: &Written) -> Answer {
    Answer {
        code,
        body: shown(&written.stored.served(), route.metadata_only),
        changed: written.changed,
    }
}

fn read(store: &Store, route: &Route, key: &Key) -> ApiResult<Answer> {
    let stored = existing(store, route, key)?;
    Ok(ok(
        route,
        200,
        &Written {
            stored,
            changed: false,
        },
    ))
}

pub fn selector(route: &Route) -> ApiResult<Selector> {
    Selector::parse(
        &route.resource.kind,
        route.param("labelSelector"),
        route.param("fieldSelector"),
    )
}

fn place(key: &Key) -> String {
    format!("{}/{}", key.namespace, key.name)
}

fn list(store: &Store, route: &Route) -> ApiResult<Answer> {
    let selector = selector(route)?;
    let limit: usize = route.param("limit").parse().unwrap_or(0);
    let after = route.param("continue");
    let mut matching: Vec<_> = store
        .list(&route.resource, &route.namespace)
        .filter(|(_, stored)| selector.matches(&stored.value))
        .filter(|(key, _)| after.is_empty() || place(key).as_str() > after)
        .collect();
    matching.sort_by_key(|(key, _)| place(key));
    let left = matching.len().saturating_sub(limit);
    let mut metadata = json!({"resourceVersion": store.version().to_string()});
    if limit > 0 && left > 0 {
        matching.truncate(limit);
        // The real server's token is opaque, and so it is to the clients of this one.
        metadata["continue"] = json!(matching.last().map(|(key, _)| place(key)));
        metadata["remainingItemCount"] = json!(left);
    }
    let matching = matching.into_iter().map(|(_, stored)| stored.served());
    let items: Vec<Value> = matching
        .map(|object| {
            let mut item = shown(&object, route.metadata_only);
            // The real server omits apiVersion and kind from the items of lists of built-in types.
            let bare = !route.metadata_only && !route.resource.is_custom();
            if bare && let Some(map) = item.as_object_mut() {
                map.shift_remove("apiVersion");
                map.shift_remove("kind");
            }
            item
        })
        .collect();
    let (kind, api_version) = if route.metadata_only {
        (
            "PartialObjectMetadataList".to_owned(),
            "meta.k8s.io/v1".to_owned(),
        )
    } else {
        (
            format!("{}List", route.resource.kind),
            route.resource.api_version(),
        )
    };
    let body = json!({"kind": kind, "apiVersion": api_version,
        "metadata": metadata, "items": items});
    Ok(Answer {
        code: 200,
        body,
        changed: false,
    })
}

fn write<'a>(route: &'a Route, key: &'a Key) -> Write<'a> {
    Write {
        resource: &route.resource,
        key,
        on_status: route.on_status(),
        strict: route.param("fieldValidation") == "Strict",
        dry_run: route.dry_run(),
    }
}

fn manager(route: &Route, by_apply: bool) -> ManagerId {
    ManagerId {
        name: route.manager().into(),
        apply: by_apply,
        subresource: route.subresource.clone(),
    }
}

fn post(store: &mut Store, route: &Route) -> ApiResult<Answer> {
    let mut name = meta_str(&route.body, "name").to_owned();
    let prefix = meta_str(&route.body, "generateName");
    if name.is_empty() && !prefix.is_empty() {
        name = format!("{prefix}{:05x}", store.next_number());
    }
    if name.is_empty() {
        let why = "name or generateName is required";
        return Err(ApiError::invalid(&route.resource, "", "metadata.name", why));
    }
    let space = meta_str(&route.body, "namespace");
    if !space.is_empty() && space != route.namespace {
        return Err(ApiError::bad_request(
            "the namespace of the object does not match the request",
        ));
    }
    if !meta_str(&route.body, "resourceVersion").is_empty() {
        return Err(ApiError::bad_request(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    let key = Key::new(&route.resource, &route.namespace, &name);
    if store.get(&key).is_some() {
        return Err(ApiError::already_exists(&route.resource.qualified(), &name));
    }
    let owners = Owners::ByChange(manager(route, false));
    let body = tree::without_nulls(&route.body);
    let written = create(store, &write(route, &key), body, owners)?;
    Ok(ok(route, 201, &written))
}

fn put(store: &mut Store, route: &Route, key: &Key) -> ApiResult<Answer> {
    let old = existing(store, route, key)?;
    if route.resource.is_custom() && meta_str(&route.body, "resourceVersion").is_empty() {
        let why = "must be specified for an update";
        return Err(ApiError::invalid(
            &route.resource,
            &key.name,
            "metadata.resourceVersion",
            why,
        ));
    }
    let owners = Owners::ByChange(manager(route, false));
    let body = tree::without_nulls(&route.body);
    let written = update(store, &write(route, key), &old, body, owners)?;
    Ok(ok(route, 200, &written))
}

fn patch(store: &mut Store, route: &Route, key: &Key) -> ApiResult<Answer> {
    let Some(kind) = route.patch else {
        return Err(ApiError::new(
            415,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format",
        ));
    };
    if kind == PatchKind::Apply {
        return apply_patch(store, route, key);
    }
    let old = existing(store, route, key)?;
    let mut body = old.served();
    match kind {
        PatchKind::Json => {
            let patch: json_patch::Patch = serde_json::from_value(route.body.clone())
                .map_err(|e| ApiError::bad_request(e.to_string()))?;
            json_patch::patch(&mut body, &patch).map_err(|e| {
                ApiError::new(
                    422,
                    "Invalid",
                    format!("the server rejected our request due to an error in our request: {e}"),
                )
            })?;
        }
        PatchKind::Merge => json_patch::merge(&mut body, &route.body),
        PatchKind::Strategic | PatchKind::Apply => {
            body = tree::without_nulls(&tree::merge(&route.resource, &body, &route.body));
        }
    }
    let owners = Owners::ByChange(manager(route, false));
    let new = tree::without_nulls(&body);
    let written = update(store, &write(route, key), &old, new, owners)
        .map_err(|refused| refused.of_patch(&body))?;
    Ok(ok(route, 200, &written))
}

fn apply_patch(store: &mut Store, route: &Route, key: &Key) -> ApiResult<Answer> {
    if route.param("fieldManager").is_empty() {
        return Err(ApiError::bad_request(
            "fieldManager is required for apply patch",
        ));
    }
    check_body(&route.resource, &route.body, &key.name)?;
    if let Some(why) = schema::untyped(&route.resource, &route.body) {
        return Err(ApiError::untyped_patch(&route.resource, &route.body, &why));
    }
    let force = route.param("force") == "true";
    let id = manager(route, true);
    let now = store.clock.stamp();
    let config = writable(&route.body, &route.resource, route.on_status());
    let Some(old) = store.get(key).cloned() else {
        return apply_new(store, route, key, &config, &id);
    };
    let mut applied = apply(&route.resource, &old, &config, &id, force, &now)?;
    for field in ["uid", "resourceVersion"] {
        let given = meta_str(&route.body, field);
        if !given.is_empty() {
            applied.value["metadata"][field] = given.into();
        }
    }
    let owners = Owners::Known(applied.managers);
    let written = update(store, &write(route, key), &old, applied.value, owners)?;
    Ok(ok(route, 200, &written))
}

fn apply_new(
    store: &mut Store,
    route: &Route,
    key: &Key,
    config: &Value,
    id: &ManagerId,
) -> ApiResult<Answer> {
    let plural = route.resource.qualified();
    if route.on_status() {
        return Err(ApiError::not_found(&plural, &key.name));
    }
    // As on the real server, a given resourceVersion is ignored if the object does not exist, but a given uid is an
    // error.
    if !meta_str(config, "uid").is_empty() {
        let why = "uid mismatch: a uid was given, and no existing object was found";
        return Err(ApiError::conflict(&plural, &key.name, why));
    }
    let mut managers = Managers::default();
    managers.put(
        id,
        tree::field_set(&route.resource, config),
        &store.clock.stamp(),
    );
    let written = create(
        store,
        &write(route, key),
        config.clone(),
        Owners::Known(managers),
    )?;
    Ok(ok(route, 201, &written))
}

fn delete(store: &mut Store, route: &Route, key: &Key) -> ApiResult<Answer> {
    let old = existing(store, route, key)?;
    let plural = route.resource.qualified();
    for (field, word) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
        let wanted = route.body["preconditions"][field].as_str();
        let actual = meta_str(&old.value, field);
        if wanted.is_some_and(|wanted| wanted != actual) {
            let wanted = wanted.unwrap_or_default();
            let why = format!(
                "Precondition failed: {word} in precondition: {wanted}, {word} in object meta: {actual}"
            );
            return Err(ApiError::conflict(&plural, &key.name, &why));
        }
    }
    if route.dry_run() || route.body["dryRun"].is_array() {
        return Ok(Answer {
            code: 200,
            body: old.served(),
            changed: false,
        });
    }
    let before = store.version();
    let left = gc::delete(
        store,
        key,
        propagation(route)?,
        route.body["gracePeriodSeconds"] == 0,
    );
    let body = match left {
        Some(left) => left.served(),
        None => json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": {"name": key.name, "group": key.group, "kind": key.plural, "uid": old.uid()}}),
    };
    Ok(Answer {
        code: 200,
        body,
        changed: store.version() > before,
    })
}

fn propagation(route: &Route) -> ApiResult<Propagation> {
    let given = route.body["propagationPolicy"].as_str();
    match given.unwrap_or(route.param("propagationPolicy")) {
        "" | "Background" => Ok(Propagation::Background),
        "Foreground" => Ok(Propagation::Foreground),
        "Orphan" => Ok(Propagation::Orphan),
        other => Err(ApiError::bad_request(format!(
            "unknown propagationPolicy {other:?}"
        ))),
    }
}

fn delete_collection(store: &mut Store, route: &Route) -> ApiResult<Answer> {
    let selector = selector(route)?;
    let propagation = propagation(route)?;
    let matching = store
        .list(&route.resource, &route.namespace)
        .filter(|(_, stored)| selector.matches(&stored.value));
    let keys: Vec<Key> = matching.map(|(key, _)| key.clone()).collect();
    for key in &keys {
        gc::delete(store, key, propagation, false);
    }
    let body = json!({"kind": format!("{}List", route.resource.kind), "apiVersion": route.resource.api_version(),
        "metadata": {"resourceVersion": store.version().to_string()}, "items": []});
    Ok(Answer {
        code: 200,
        body,
        changed: !keys.is_empty(),
    })
}
