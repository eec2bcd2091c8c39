//! Is this stage's database the other stage's too? And does prod use a secret of staging's?
//!
//! Compared are keyed fingerprints that stand as annotations on the active copies of all watched namespaces: what the
//! server says it is (see [`crate::preflight::identity`]) and the longer values of `config.secretRefs`. The key is the
//! Secret `crokodial-hmac` in the operator's namespace; without it a fingerprint says nothing. Values themselves are
//! never read from another environment.

use std::collections::{BTreeMap, BTreeSet};

use crokodial_crds::names::{LABEL_ENVIRONMENT, LABEL_MANAGED_BY, MANAGED_BY};
use crokodial_crds::{Reason, Stage};
use futures::future::try_join_all;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use ring::hmac;

use super::credentials::Active;
use super::finding::Finding;
use super::owner::Owner;
use super::proof::live::{MARKS, list};
use crate::context::Context;
use crate::kube_io::IoError;

/// Name of the key's Secret.
pub const KEY_SECRET: &str = "crokodial-hmac";
/// Field manager of the key's Secret.
const MANAGER: &str = "crokodial-hmac";
const KEY_NAME: &str = "key";
const KEY_BYTES: usize = 32;

/// Annotation on an active copy: the stage of its environment.
pub const STAGE: &str = "crokodial.com/stage";
/// Annotation on the copy of `config.secretRefs`: fingerprints of its longer values.
pub const VALUES: &str = "crokodial.com/value-marks";

/// Shorter values are equal by chance or by design: `true`, `info`, a port.
const SHORTEST_VALUE: usize = 16;
/// Hex digits of a fingerprint: 128 bits.
const MARK_LENGTH: usize = 32;
/// An object's annotations may have 256 KiB together.
const MOST_VALUES: usize = 2000;

/// The key.
#[derive(Clone)]
pub struct Key(hmac::Key);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// Of 32 random bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Fingerprint of something of a kind.
    fn mark(&self, kind: &str, content: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(kind.as_bytes());
        context.update(&[0]);
        context.update(content);
        let mut text = hex::encode(context.sign());
        text.truncate(MARK_LENGTH);
        text
    }
}

/// Another environment's active copies, as far as they can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// `namespace/name` of the environment.
    pub environment: String,
    /// Its stage.
    pub stage: String,
    /// When the copy was made.
    pub since: Option<Timestamp>,
    /// Fingerprints of its database.
    pub database: Vec<String>,
    /// Fingerprints of its values.
    pub values: BTreeSet<String>,
}

/// All that a comparison needs.
#[derive(Clone, Debug)]
pub struct Isolation {
    stage: Stage,
    environment: String,
    key: Key,
    others: Vec<Other>,
}

impl Isolation {
    /// Of an environment, against those of the other stage among `others`.
    pub fn new(owner: &Owner, stage: Stage, key: Key, others: Vec<Other>) -> Self {
        let own = stage.as_str();
        Self {
            stage,
            environment: format!("{}/{}", owner.namespace, owner.name),
            key,
            others: others.into_iter().filter(|o| o.stage != own).collect(),
        }
    }

    /// Fingerprints of a database's marks.
    pub fn keyed(&self, marks: &[String]) -> Vec<String> {
        let mark = |mark: &String| self.key.mark("database", mark.as_bytes());
        marks.iter().map(mark).collect()
    }

    /// Is the database with these fingerprints the other stage's? `live` is our copy where it holds that database
    /// already: then only one that was there earlier has a better right. A newcomer has none against anybody.
    pub fn judge(&self, marks: &[String], live: Option<&Secret>) -> Finding {
        if marks.is_empty() {
            return Finding::unknown(
                Reason::NotVerified,
                "which database it is was not proven, so it was not compared",
            );
        }
        let since = live.and_then(|s| s.creation_timestamp().map(|t| t.0));
        let earlier = |other: &Other| {
            let ours = (since, self.environment.as_str());
            live.is_none() || (other.since, other.environment.as_str()) < ours
        };
        let same = |other: &&Other| {
            other.database.iter().any(|mark| marks.contains(mark)) && earlier(other)
        };
        match self.others.iter().find(same) {
            Some(other) => Finding::no(
                Reason::WrongDatabase,
                format!(
                    "the URI leads to the database of environment {}, which is of stage {}",
                    other.environment, other.stage
                ),
            ),
            None => Finding::yes(
                Reason::Succeeded,
                "no environment of the other stage in the watched namespaces uses this database",
            ),
        }
    }

    /// The warning for prod: variables whose value is one of staging's.
    pub fn shared(&self, values: &BTreeMap<String, ByteString>) -> Option<Finding> {
        if self.stage != Stage::Prod {
            return None;
        }
        let uses = |other: &Other, value: &ByteString| {
            value.0.len() >= SHORTEST_VALUE
                && other.values.contains(&self.key.mark("value", &value.0))
        };
        let found = self.others.iter().find_map(|other| {
            let names = values.iter().filter(|(_, value)| uses(other, value));
            let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
            (!names.is_empty()).then(|| (other, names.join(", ")))
        });
        let (other, names) = found?;
        Some(Finding::yes(
            Reason::SharedSecret,
            format!(
                "variables with a value that environment {} of stage {} has too: {names}",
                other.environment, other.stage
            ),
        ))
    }

    /// Puts the stage on a copy of the Mongo URI.
    pub fn label_database(&self, active: &mut Active) {
        active
            .annotations
            .insert(STAGE.to_owned(), self.stage.as_str().to_owned());
    }

    /// Puts stage and fingerprints on the copy of the values.
    pub fn label_values(&self, active: &mut Active) {
        let Some(values) = &active.advance else {
            return;
        };
        let long = values.values().filter(|v| v.0.len() >= SHORTEST_VALUE);
        let marks: BTreeSet<String> = long
            .take(MOST_VALUES)
            .map(|value| self.key.mark("value", &value.0))
            .collect();
        let marks: Vec<String> = marks.into_iter().collect();
        self.label_database(active);
        active
            .annotations
            .insert(VALUES.to_owned(), marks.join(","));
    }
}

/// Reads what is compared. Only metadata crosses the wire. The key is made where there is none: the first to ask
/// wins, as with the certificate authority.
pub async fn observe(ctx: &Context, owner: &Owner, stage: Stage) -> Result<Isolation, IoError> {
    let key = key(ctx).await?;
    let selector = format!("{LABEL_MANAGED_BY}={MANAGED_BY}");
    let namespaces = &ctx.settings.watch_namespaces;
    let reads = namespaces
        .iter()
        .map(|ns| ctx.io.list_metadata::<Secret>(ns, &selector));
    let found = try_join_all(reads).await?.into_iter().flatten();
    let others = found.filter_map(|secret| other(&secret.metadata, owner));
    Ok(Isolation::new(owner, stage, key, others.collect()))
}

fn other(copy: &ObjectMeta, owner: &Owner) -> Option<Other> {
    let annotations = copy.annotations.as_ref()?;
    let stage = annotations.get(STAGE)?.clone();
    let name = copy.labels.as_ref()?.get(LABEL_ENVIRONMENT)?;
    let namespace = copy.namespace.as_deref().unwrap_or_default();
    if (namespace, name.as_str()) == (owner.namespace.as_str(), owner.name.as_str()) {
        return None;
    }
    let entries = |key: &str| annotations.get(key).map(|t| list(t)).unwrap_or_default();
    Some(Other {
        environment: format!("{namespace}/{name}"),
        stage,
        since: copy.creation_timestamp.as_ref().map(|t| t.0),
        database: entries(MARKS),
        values: entries(VALUES).into_iter().collect(),
    })
}

async fn key(ctx: &Context) -> Result<Key, IoError> {
    let namespace = ctx.settings.operator_namespace.as_str();
    ctx.key
        .get_or_try_init(|| async {
            if let Some(found) = ctx.io.get::<Secret>(namespace, KEY_SECRET).await? {
                return Ok(read(&found));
            }
            let bytes: [u8; KEY_BYTES] = rand::random();
            match ctx
                .io
                .create(namespace, MANAGER, &secret(&bytes, namespace))
                .await
            {
                Ok(_) => Ok(Key::new(&bytes)),
                Err(error) if error.is_conflict() => {
                    let found = ctx.io.get::<Secret>(namespace, KEY_SECRET).await?;
                    Ok(read(&found.unwrap_or_default()))
                }
                Err(error) => Err(error),
            }
        })
        .await
        .cloned()
}

/// An emptied Secret gives the empty key: fingerprints are then only as hard to guess as what they are of, and all
/// comparisons go on.
fn read(secret: &Secret) -> Key {
    let bytes = secret.data.as_ref().and_then(|data| data.get(KEY_NAME));
    Key::new(bytes.map(|b| b.0.as_slice()).unwrap_or_default())
}

fn secret(bytes: &[u8], namespace: &str) -> Secret {
    let labels = BTreeMap::from([(LABEL_MANAGED_BY.to_owned(), MANAGED_BY.to_owned())]);
    let data = BTreeMap::from([(KEY_NAME.to_owned(), ByteString(bytes.to_vec()))]);
    Secret {
        metadata: ObjectMeta {
            name: Some(KEY_SECRET.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        immutable: Some(true),
        type_: Some("Opaque".to_owned()),
        data: Some(data),
        ..Secret::default()
    }
}

#[cfg(test)]
#[path = "isolation_tests.rs"]
mod tests;
