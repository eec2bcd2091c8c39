//! Active copies: the operator's copies of the user's Secrets, which the pods read. All functions are pure.
//!
//! Pods never read a user's Secret. They read `<env>-mongo-active` and `<env>-config-active`, to which the operator
//! copies new content only if it passes the checks that are in effect. Content that fails them therefore reaches no
//! pod, not even one that is recreated after a node drain.

use std::collections::BTreeMap;

use crokodial_crds::mongo_uri::{self, MongoUri};
use crokodial_crds::names::{LABEL_MANAGED_BY, MANAGED_BY};
use crokodial_crds::{EnvironmentSpec, MongoSpec, Reason};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;

use super::finding::Finding;
use super::model::annotations::MONGO_KEY;
pub use super::pod_secret::Data;
use super::pod_secret::{PodSecret, content_mark};

/// Default key of the Mongo URI in the user's Secret.
const DEFAULT_KEY: &str = "MONGODB_URI";

/// Keys that the MongoDB Atlas operator writes. They are tried if the spec names no key and the default key is absent.
const ATLAS_KEYS: [&str; 2] = ["connectionStringStandardSrv", "connectionStringStandard"];

/// Planned state of a Secret that pods read: `<env>-mongo-active` or `<env>-config-active`.
#[derive(Clone, PartialEq)]
pub struct Active {
    /// Finding from which the status condition about this Secret is made.
    pub finding: Finding,
    /// Data to write; `None` leaves the Secret as it is.
    pub advance: Option<Data>,
    /// Generation number of the Secret's data after this write. It increases whenever the data changes.
    pub generation: i64,
    /// True if the Secret exists or will exist after this write.
    pub usable: bool,
    /// Name of the database in the Mongo URI; `None` if it is not known, and for `<env>-config-active`.
    pub database: Option<String>,
    /// Keyed fingerprint of the data that the generation number stands for; `None` if it is not known.
    pub mark: Option<String>,
    /// Annotations to write to the Secret, in addition to its generation number and fingerprint.
    pub annotations: BTreeMap<String, String>,
}

/// Prints no values, because they are secret.
impl std::fmt::Debug for Active {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Active")
            .field("finding", &self.finding)
            .field("generation", &self.generation)
            .finish()
    }
}

/// Returns the data for `<env>-mongo-active`, and the name of the database in its URI. `secret` is the user's Secret
/// that the spec names, and `live` is `<env>-mongo-active`. If the user's Secret contains no usable URI, returns a
/// finding that explains why.
pub fn candidate(
    spec: &MongoSpec,
    secret: Option<&Secret>,
    live: Option<&Secret>,
) -> Result<(Data, String), Finding> {
    let (uri, database) = usable_uri(spec, secret, live)?;
    let data = BTreeMap::from([(MONGO_KEY.to_owned(), ByteString(uri.into_bytes()))]);
    Ok((data, database))
}

/// Plans `<env>-config-active`: the merged values of `config.secretRefs`, unless pods did not become ready with them. If a
/// Secret is missing or not allowed, the existing data stays.
///
/// `kept` are the Secrets that releases read which run or may run again ([`super::secret_names`]). Their values are added
/// for variables that the spec's Secrets do not have. If one of them is gone, the variables that pods have stay.
pub fn config(
    spec: &EnvironmentSpec,
    secrets: &BTreeMap<String, Option<Secret>>,
    kept: &[String],
    copy: PodSecret<'_>,
) -> Active {
    let merged = match merged(spec, secrets, kept, copy) {
        Ok(merged) => merged,
        Err(finding) => return stay(finding, copy),
    };
    if let Some(cause) = copy.failure(&content_mark(copy.key, &merged)) {
        let what = "the newest values of the referenced secrets";
        return stay(not_ready(what, cause), copy);
    }
    let seen = match spec.config.secret_refs.len() {
        0 => "the spec refers to no secrets".to_owned(),
        _ => "the newest values of the referenced secrets are in use".to_owned(),
    };
    advance(Finding::yes(Reason::Succeeded, seen), merged, copy)
}

/// Returns the merged values of `config.secretRefs`. If several Secrets have the same key, the last one wins. Returns a
/// finding if a Secret is missing or not allowed.
pub fn merged(
    spec: &EnvironmentSpec,
    secrets: &BTreeMap<String, Option<Secret>>,
    kept: &[String],
    copy: PodSecret<'_>,
) -> Result<Data, Finding> {
    let mut merged = older(spec, secrets, kept, copy);
    for reference in &spec.config.secret_refs {
        let found = secrets.get(&reference.name).and_then(Option::as_ref);
        let secret = found.ok_or_else(|| missing(&reference.name))?;
        let secret = allowed(secret, &reference.name)?;
        merged.extend(secret.data.clone().unwrap_or_default());
    }
    Ok(merged)
}

/// Returns the finding about content with which pods did not become ready.
pub fn not_ready(what: &str, cause: &str) -> Finding {
    let seen = format!("pods did not become ready with {what}: {cause}");
    Finding::no(Reason::ValuesNotReady, seen)
}

/// Returns the values of the Secrets in `kept` that the spec does not name.
fn older(
    spec: &EnvironmentSpec,
    secrets: &BTreeMap<String, Option<Secret>>,
    kept: &[String],
    copy: PodSecret<'_>,
) -> Data {
    let named = |name: &&String| spec.config.secret_refs.iter().any(|r| r.name == **name);
    let (mut values, mut complete) = (Data::new(), true);
    for name in kept.iter().filter(|name| !named(name)) {
        let found = secrets.get(name).and_then(Option::as_ref);
        match found.map(|secret| allowed(secret, name)) {
            Some(Ok(secret)) => values.extend(secret.data.clone().unwrap_or_default()),
            Some(Err(_)) | None => complete = false,
        }
    }
    // Only what the operator wrote itself: somebody may have added a key.
    let stored = copy.live.and_then(|s| s.data.as_ref());
    let stored = stored.filter(|data| copy.mark() == Some(content_mark(copy.key, data)));
    if let (false, Some(stored)) = (complete, stored) {
        for (key, value) in stored {
            values.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    values
}

/// True if the planned data only adds variables of older releases ([`super::secret_names`]) to the data in use. Pods
/// that serve miss none of them, so nothing needs to be tried.
pub fn only_adds_older(
    spec: &EnvironmentSpec,
    secrets: &BTreeMap<String, Option<Secret>>,
    data: &Data,
    copy: PodSecret<'_>,
) -> bool {
    let live = copy.live.and_then(|s| s.data.as_ref());
    let empty = Data::new();
    let live = live.unwrap_or(&empty);
    let selected = |name: &str| secrets.get(name)?.as_ref()?.data.as_ref();
    let newest = spec
        .config
        .secret_refs
        .iter()
        .filter_map(|r| selected(&r.name));
    let all_there = newest
        .flat_map(Data::keys)
        .all(|key| live.contains_key(key));
    copy.live.is_some() && all_there && live.iter().all(|(key, value)| data.get(key) == Some(value))
}

/// Returns a plan that leaves the Secret that pods read as it is. If it has content that failed or was deleted, the content
/// with which all pods became ready last comes back, with its generation number: the pods that still have it stay.
pub fn stay(finding: Finding, copy: PodSecret<'_>) -> Active {
    if let Some(proven) = copy.fallback() {
        let runs = copy.runs_proven().then_some(copy.rolled.generation);
        return Active {
            finding,
            advance: Some(proven.data.clone()),
            generation: runs.unwrap_or(proven.generation),
            usable: true,
            database: None,
            mark: Some(proven.mark.clone()),
            annotations: BTreeMap::new(),
        };
    }
    Active {
        finding,
        advance: None,
        generation: copy.generation(),
        usable: copy.live.is_some(),
        database: None,
        mark: copy.mark(),
        annotations: BTreeMap::new(),
    }
}

/// Returns a plan that writes `data` to the Secret that pods read. The generation number increases if the content
/// changes.
pub fn advance(finding: Finding, data: Data, copy: PodSecret<'_>) -> Active {
    Active {
        finding,
        generation: copy.generation_of(&data),
        mark: Some(content_mark(copy.key, &data)),
        advance: Some(data),
        usable: true,
        database: None,
        annotations: BTreeMap::new(),
    }
}

/// Returns the URI for the pods, and the name of its database. If the Secret contains no usable URI, returns a finding
/// that explains why.
fn usable_uri(
    spec: &MongoSpec,
    secret: Option<&Secret>,
    live: Option<&Secret>,
) -> Result<(String, String), Finding> {
    let reference = &spec.uri_secret_ref;
    let secret = allowed(
        secret.ok_or_else(|| missing(&reference.name))?,
        &reference.name,
    )?;
    let data = secret.data.clone().unwrap_or_default();
    let keys: Vec<&str> = match &reference.key {
        Some(key) => vec![key],
        None => std::iter::once(DEFAULT_KEY).chain(ATLAS_KEYS).collect(),
    };
    let Some((key, value)) = keys
        .iter()
        .find_map(|key| data.get(*key).map(|value| (*key, value)))
    else {
        let seen = format!(
            "secret {} has no key {}",
            reference.name,
            keys.join(", nor ")
        );
        return Err(Finding::no(Reason::KeyNotFound, seen));
    };
    let bad = |why: String| {
        Finding::no(
            Reason::BadUri,
            format!("key {key} of secret {}: {why}", reference.name),
        )
    };
    let text = std::str::from_utf8(&value.0)
        .map_err(|_| bad("not text".to_owned()))?
        .trim();
    let uri = mongo_uri::parse(text).map_err(|error| bad(error.to_string()))?;
    let live = live.and_then(|s| s.data.as_ref()?.get(MONGO_KEY));
    let live = live.and_then(|uri| std::str::from_utf8(&uri.0).ok());
    with_database(text, &uri, spec.database.as_deref(), live).map_err(bad)
}

/// Returns the URI with the database in its path, and the database's name. If only the spec names a database, it is
/// inserted into the URI, and the login stays at the database at which it was before; see [`login_source`]. `live` is
/// the URI in use, if any. Returns an error message if neither the URI nor the spec names a database, or if they name
/// different ones.
fn with_database(
    text: &str,
    uri: &MongoUri,
    wanted: Option<&str>,
    live: Option<&str>,
) -> Result<(String, String), String> {
    match (uri.database.as_ref().map(|d| d.as_str()), wanted) {
        (None, None) => {
            Err("it names no database; write it behind the host, or in mongo.database".to_owned())
        }
        (Some(named), None) => Ok((text.to_owned(), named.to_owned())),
        (Some(named), Some(wanted)) if named == wanted => Ok((text.to_owned(), named.to_owned())),
        (Some(named), Some(wanted)) => Err(format!(
            "it names database {named}, and mongo.database says {wanted}; write the same in both, or one"
        )),
        (None, Some(wanted)) => {
            let inserted = insert_database(text, uri, wanted);
            // Earlier versions did not add `authSource` beside `authMechanism`. A URI that they put into use works, so
            // it stays, and an upgrade replaces no pods.
            let added = !text.to_ascii_lowercase().contains("authsource=");
            let kept = live.filter(|live| added && is_without_login_source(live, &inserted));
            Ok((kept.unwrap_or(&inserted).to_owned(), wanted.to_owned()))
        }
    }
}

fn insert_database(text: &str, uri: &MongoUri, database: &str) -> String {
    let (before, options) = text.split_once('?').unwrap_or((text, ""));
    let mut result = format!("{}/{database}", before.trim_end_matches('/'));
    let mut options: Vec<&str> = options.split('&').filter(|o| !o.is_empty()).collect();
    if uri.authenticated
        && let Some(source) = login_source(&options)
    {
        options.push(source);
    }
    if !options.is_empty() {
        result.push('?');
        result.push_str(&options.join("&"));
    }
    result
}

/// Returns the option that keeps the login where it was before a database was inserted into the path. Without it,
/// drivers would look the user up in that database. `None` if the options name the login's database, or if their
/// mechanism always uses `$external`.
fn login_source(options: &[&str]) -> Option<&'static str> {
    let value = |wanted: &str| {
        let pairs = options.iter().filter_map(|option| option.split_once('='));
        let mut found = pairs.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.next().map(|(_, value)| value)
    };
    if value("authSource").is_some() {
        return None;
    }
    match value("authMechanism") {
        Some("MONGODB-X509" | "MONGODB-AWS" | "MONGODB-OIDC" | "GSSAPI") => None,
        Some("PLAIN") => Some("authSource=$external"),
        _ => Some("authSource=admin"),
    }
}

/// Returns true if `live` is `inserted` without the `authSource` at its end and names an `authMechanism`.
fn is_without_login_source(live: &str, inserted: &str) -> bool {
    let added = inserted.strip_prefix(live);
    let names_mechanism = live.to_ascii_lowercase().contains("authmechanism=");
    names_mechanism && matches!(added, Some("&authSource=admin" | "&authSource=$external"))
}

fn missing(name: &str) -> Finding {
    Finding::no(
        Reason::SecretNotFound,
        format!("there is no secret {name} in this namespace"),
    )
}

/// Returns the Secret, or a finding if an app must never get it: a service account's token, a Helm release, or a Secret
/// that this operator manages.
fn allowed<'a>(secret: &'a Secret, name: &str) -> Result<&'a Secret, Finding> {
    let kind = secret.type_.as_deref().unwrap_or_default();
    let forbidden = match kind {
        "kubernetes.io/service-account-token" => Some("a service account's token"),
        "helm.sh/release.v1" => Some("a Helm release"),
        _ if secret
            .labels()
            .get(LABEL_MANAGED_BY)
            .is_some_and(|v| v == MANAGED_BY) =>
        {
            Some("managed by this operator")
        }
        _ => None,
    };
    match forbidden {
        Some(what) => Err(Finding::no(
            Reason::SecretNotAllowed,
            format!("secret {name} is {what}"),
        )),
        None => Ok(secret),
    }
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
