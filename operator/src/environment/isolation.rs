//! Isolation of the stages: checks whether a database is used by both stages, and whether prod has a secret value that
//! staging has too.
//!
//! Only keyed fingerprints are compared, never the values of another environment. They are annotations on the active
//! copies in all watched namespaces: fingerprints of the server's identity (see [`crate::preflight::identity`]) and of
//! the longer values of `config.secretRefs`. The key is in the Secret `crokodial-hmac` in the operator's namespace;
//! without it, a fingerprint reveals nothing.

use std::collections::{BTreeMap, BTreeSet};

use crokodial_crds::{Reason, Stage};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;

use super::credentials::Active;
use super::finding::Finding;
use super::model::annotations::{STAGE, VALUES};
use super::model::owner::Owner;
use crate::fingerprint::Key;

/// Name of the Secret with the HMAC key of fingerprints.
pub const KEY_SECRET: &str = "crokodial-hmac";

/// Key under which the data of [`KEY_SECRET`] holds the HMAC key.
pub const KEY_DATA: &str = "key";

/// Minimum length in bytes of a value to compare. Shorter values, such as `true`, `info` or a port, are often equal
/// without being a secret.
const MIN_VALUE_BYTES: usize = 16;

/// Maximum number of fingerprints on one object: all its annotations together may have 256 KiB.
const MAX_VALUES: usize = 2000;

/// Annotations of `<env>-mongo-active` or `<env>-config-active` of another environment, as far as they are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// `namespace/name` of the environment.
    pub environment: String,
    /// Stage of the environment.
    pub stage: String,
    /// Creation time of the Secret.
    pub since: Option<Timestamp>,
    /// Fingerprints that identify its database.
    pub database: Vec<String>,
    /// Fingerprints of its values of `config.secretRefs`.
    pub values: BTreeSet<String>,
}

/// Compares one environment with the environments of the other stage.
#[derive(Clone, Debug)]
pub struct Isolation {
    stage: Stage,
    environment: String,
    key: Key,
    others: Vec<Other>,
}

impl Isolation {
    /// Creates the comparison. Of `others`, only those of the other stage are kept.
    pub fn new(owner: &Owner, stage: Stage, key: Key, others: Vec<Other>) -> Self {
        let own = stage.as_str();
        Self {
            stage,
            environment: format!("{}/{}", owner.namespace, owner.name),
            key,
            others: others.into_iter().filter(|o| o.stage != own).collect(),
        }
    }

    /// Makes fingerprints of the marks that identify a database.
    pub fn keyed(&self, marks: &[String]) -> Vec<String> {
        let mark = |mark: &String| self.key.mark("database", mark.as_bytes());
        marks.iter().map(mark).collect()
    }

    /// Finds out whether an environment of the other stage uses the database with these fingerprints. `live` is our own
    /// `<env>-mongo-active` if it already has this database; then only Secrets older than ours count as a conflict. If
    /// `live` is `None`, the database is new to us, and a Secret of any age counts.
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

    /// Warning for prod: names of variables whose value an environment of staging has too.
    pub fn shared(&self, values: &BTreeMap<String, ByteString>) -> Option<Finding> {
        if self.stage != Stage::Prod {
            return None;
        }
        let uses = |other: &Other, value: &ByteString| {
            value.0.len() >= MIN_VALUE_BYTES
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

    /// Adds the stage to the annotations of `<env>-mongo-active`.
    pub fn label_database(&self, active: &mut Active) {
        active
            .annotations
            .insert(STAGE.to_owned(), self.stage.as_str().to_owned());
    }

    /// Adds the stage and the values' fingerprints to the annotations of `<env>-config-active`.
    pub fn label_values(&self, active: &mut Active) {
        let Some(values) = &active.advance else {
            return;
        };
        let long = values.values().filter(|v| v.0.len() >= MIN_VALUE_BYTES);
        let marks: BTreeSet<String> = long
            .take(MAX_VALUES)
            .map(|value| self.key.mark("value", &value.0))
            .collect();
        let marks: Vec<String> = marks.into_iter().collect();
        self.label_database(active);
        active
            .annotations
            .insert(VALUES.to_owned(), marks.join(","));
    }
}

/// Key from the stored Secret. If the Secret was emptied, the key is empty: comparisons still work, but then
/// fingerprints of guessable values can be guessed.
pub fn stored_key(secret: &Secret) -> Key {
    let bytes = secret.data.as_ref().and_then(|data| data.get(KEY_DATA));
    Key::new(bytes.map(|b| b.0.as_slice()).unwrap_or_default())
}

#[cfg(test)]
#[path = "isolation_tests.rs"]
mod tests;
