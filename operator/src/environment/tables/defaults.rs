//! Tests that the defaults in the CRD's descriptions are those that the operator applies.

use std::collections::BTreeMap;

use crokodial_crds::duration;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray,
};
use serde_json::{Value, json};

use super::super::effective::Effective;
use super::super::fixture::{case, defaults, environment, serving};
use crate::release::gate::{EnvironmentRef, Rules};

/// Extracts the defaults from the CRD's descriptions, by field.
fn published() -> BTreeMap<String, String> {
    let crd = crokodial_crds::schema::all().swap_remove(0);
    let schema = crd.spec.versions[0]
        .schema
        .clone()
        .unwrap()
        .open_api_v3_schema
        .unwrap();
    let mut found = BTreeMap::new();
    walk("", &schema, &mut found);
    found
        .into_iter()
        .filter_map(|(path, text)| Some((path.strip_prefix("spec.")?.to_owned(), text)))
        .collect()
}

fn walk(path: &str, schema: &JSONSchemaProps, found: &mut BTreeMap<String, String>) {
    if let Some(text) = schema.description.as_deref().and_then(default_of) {
        found.insert(path.to_owned(), text);
    }
    for (name, field) in schema.properties.iter().flatten() {
        let below = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        walk(&below, field, found);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
        walk(&format!("{path}[]"), items, found);
    }
}

/// Returns the default in a description: the rest of the sentence after `Default:`, or the word before `(the default)`.
fn default_of(description: &str) -> Option<String> {
    if let Some((_, after)) = description.split_once("Default: ") {
        // It ends at a full stop that is followed by a space; one inside a file name or version does not count.
        let end = after
            .find(". ")
            .unwrap_or(after.len() - usize::from(after.ends_with('.')));
        return Some(after[..end].trim_end_matches('.').to_owned());
    }
    let (before, _) = description.split_once(" (the default)")?;
    before.rsplit(' ').next().map(str::to_owned)
}

/// Returns the defaults that the operator applies in this stage, formatted as in the descriptions.
#[expect(clippy::too_many_lines, reason = "a line a default")]
fn taken(stage: &str) -> BTreeMap<&'static str, String> {
    let spec = json!({
        "stage": stage,
        "releasePhase": {"command": ["/migrate"]},
        "smoke": {"checks": [{"path": "/x"}]},
        "promotion": {"from": {"name": "other"}},
    });
    let bare = environment(&json!({"stage": stage}));
    let of = |spec: &Value| Effective::of(&environment(spec).spec, &defaults()).unwrap();
    let effective = of(&json!({"stage": stage}));
    let fuller = of(&spec);
    let fuller_spec = environment(&spec).spec;
    let own = EnvironmentRef {
        namespace: "apps".to_owned(),
        name: "shop".to_owned(),
    };
    let rules = Rules::of(fuller_spec.promotion.as_ref().unwrap(), &own);
    let word = |value: Value| format!("`{}`", value.as_str().unwrap());
    let time = |value: std::time::Duration| format!("`{}`", duration::format(value));
    let none = |absent: bool, text: &str| {
        if absent {
            text.to_owned()
        } else {
            "something".to_owned()
        }
    };
    let phase = fuller.release_phase.as_ref().unwrap();
    let resources = &effective.resources;
    let amount =
        |list: &BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>,
         name: &str| list[name].0.clone();
    BTreeMap::from([
        ("deletionPolicy", word(json!(effective.deletion_policy))),
        (
            "follow",
            none(effective.follow.is_none(), "the tag is resolved once"),
        ),
        (
            "health.livenessPath",
            none(effective.liveness_path.is_none(), "no such check"),
        ),
        ("health.path", format!("`{}`", effective.health_path)),
        (
            "health.readinessPath",
            format!("`{}`", effective.readiness_path),
        ),
        (
            "health.startup",
            format!("`{}s`", effective.startup.as_secs()),
        ),
        ("history.days", effective.history.days.to_string()),
        ("history.releases", effective.history.releases.to_string()),
        ("mongo.envVar", format!("`{}`", effective.mongo_env_var)),
        (
            "mongo.preflight.mode",
            word(json!(effective.preflight.mode)),
        ),
        (
            "mongo.preflight.role",
            word(json!(effective.preflight.role)),
        ),
        ("mongo.preflight.timeout", time(effective.preflight.timeout)),
        (
            "mongo.rotation",
            none(rolls_at_once(stage), "`VerifyThenRoll`"),
        ),
        ("mongo.uriSecretRef.key", keys()),
        (
            "promotion",
            none(
                bare.spec.promotion.is_none() && opens(stage),
                "none, every image is released",
            ),
        ),
        ("promotion.auto", rules.auto.to_string()),
        (
            "promotion.from.namespace",
            none(
                rules.source.namespace == own.namespace,
                "this environment's",
            ),
        ),
        (
            "promotion.minAvailability",
            format!("`\"{}\"`", rules.min_availability),
        ),
        ("promotion.soak", time(rules.soak)),
        (
            "releasePhase",
            none(effective.release_phase.is_none(), "none"),
        ),
        ("releasePhase.irreversible", phase.irreversible.to_string()),
        (
            "releasePhase.timeout",
            time(std::time::Duration::from_secs(phase.timeout_seconds)),
        ),
        ("rollout.bake", time(effective.bake)),
        ("rollout.onFailure", word(json!(effective.on_failure))),
        (
            "rollout.progressDeadline",
            time(effective.progress_deadline),
        ),
        ("route.ingressClassName", classes(stage)),
        (
            "route.requireAddress",
            effective.require_address.to_string(),
        ),
        ("route.kind", word(json!(effective.route))),
        ("runtime.drain", time(effective.drain)),
        ("runtime.port", effective.port.to_string()),
        ("runtime.replicas", effective.replicas.to_string()),
        (
            "runtime.resources",
            format!(
                "requests of {} CPU and {} memory, limit of {} memory",
                amount(&resources.requests, "cpu"),
                amount(&resources.requests, "memory"),
                amount(&resources.limits, "memory"),
            ),
        ),
        (
            "runtime.terminationGrace",
            time(effective.termination_grace),
        ),
        (
            "runtime.writablePaths",
            effective
                .writable_paths
                .iter()
                .map(|p| format!("`{p}`"))
                .collect(),
        ),
        ("smoke.assets", effective.smoke.assets.to_string()),
        (
            "smoke.checks",
            effective
                .smoke
                .checks
                .iter()
                .map(|c| {
                    format!(
                        "one request to `{}`, answered with a status from {}",
                        c.path,
                        c.status.to_string().replace('-', " to ")
                    )
                })
                .collect(),
        ),
        (
            "smoke.checks[].contains",
            none(fuller.smoke.checks[0].contains.is_none(), "none"),
        ),
        (
            "smoke.checks[].status",
            format!("`{}`", fuller.smoke.checks[0].status),
        ),
        ("suspend", word(json!(effective.suspend))),
        ("tls.forceHttps", forced(stage)),
        (
            "tls.mode",
            none(follows_the_chart(stage), "the operator's setting"),
        ),
    ])
}

/// True if a new Mongo URI is handed to the pods as soon as it was checked.
fn rolls_at_once(stage: &str) -> bool {
    let case = serving(&format!(
        "spec: {{stage: {stage}}}, secrets: {{mongo: {{data: {{MONGODB_URI: 'mongodb://app:new@db.test/shop'}}}}}}, attempts: [{{n: 1, password: new, state: Proven}}]"
    ));
    case.valid.mongo.generation == 2
}

/// True if the promotion gate is open without a promotion.
fn opens(stage: &str) -> bool {
    case(&format!("spec: {{stage: {stage}}}"))
        .step
        .gate
        .passes()
}

/// Returns the Secret keys that are tried for the Mongo URI, formatted as in the description.
fn keys() -> String {
    let missing = serving("secrets: {mongo: {data: {MONGODB_URI: null}}}")
        .valid
        .mongo
        .finding
        .seen;
    let keys: Vec<&str> = missing
        .strip_prefix("secret mongo has no key ")
        .unwrap()
        .split(", nor ")
        .collect();
    let [first, second, third] = keys[..] else {
        panic!("{keys:?}")
    };
    format!("`{first}`; when the Secret has no such key, `{second}` and `{third}` are tried")
}

fn classes(stage: &str) -> String {
    let class = |chart: &str| {
        case(&format!("spec: {{stage: {stage}}}, chart: {{{chart}}}"))
            .effective
            .ingress_class
    };
    let follows = (class("ingressClass: nginx").as_deref(), class("")) == (Some("nginx"), None);
    if follows {
        "the operator's setting, and without one the cluster's default class".to_owned()
    } else {
        "another".to_owned()
    }
}

/// Returns in which modes of TLS the redirect is wanted by default, formatted as in the description.
fn forced(stage: &str) -> String {
    let forced = |mode: &str| {
        case(&format!("spec: {{stage: {stage}, tls: {{mode: {mode}}}}}"))
            .effective
            .force_https
    };
    match (forced("SelfSigned"), forced("None")) {
        (true, false) => "true, except with mode `None`".to_owned(),
        other => format!("{other:?}"),
    }
}

fn follows_the_chart(stage: &str) -> bool {
    ["None", "SelfSigned"].iter().all(|mode| {
        let case = case(&format!("spec: {{stage: {stage}}}, chart: {{tls: {mode}}}"));
        json!(case.effective.tls_mode) == *mode
    })
}

/// Returns the default for one stage from a text such as `X for staging, Y for prod`. A text that names no stage is
/// returned unchanged.
fn of_stage(text: &str, stage: &str) -> String {
    let part = |part: &str| {
        part.trim()
            .strip_suffix(&format!(" for {stage}"))
            .map(str::to_owned)
    };
    text.split(", ")
        .find_map(part)
        .unwrap_or_else(|| text.to_owned())
}

#[test]
fn every_default_that_is_published_is_the_one_that_is_taken() {
    let published = published();
    for stage in ["staging", "prod"] {
        let taken = taken(stage);
        let of_text: Vec<&str> = published.keys().map(String::as_str).collect();
        let of_code: Vec<&str> = taken.keys().copied().collect();
        assert_eq!(
            of_text, of_code,
            "each field whose text names a default, and no other"
        );
        for (field, text) in &published {
            let text = of_stage(text, stage);
            let minutes = |text: &str| duration::parse(text.trim_matches('`')).ok();
            let same = taken[field.as_str()] == text
                || (minutes(&text).is_some() && minutes(&text) == minutes(&taken[field.as_str()]));
            assert!(
                same,
                "{field} at {stage}: the text says {text}, the operator takes {}",
                taken[field.as_str()]
            );
        }
    }
}

#[test]
fn as_many_defaults_are_compared_as_the_text_names() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crds/src");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let texts = files
        .filter(|path| path.is_file())
        .map(|path| std::fs::read_to_string(path).unwrap());
    let written: usize = texts.map(|text| text.matches("Default:").count()).sum();
    let named_otherwise = published()
        .values()
        .filter(|text| ["`Ingress`", "`Rollback`"].contains(&text.as_str()))
        .count();
    assert_eq!(published().len(), written + named_otherwise);
}
