//! Isolation of the stages: whether a database is used by both stages, and whether prod has a secret of staging.
//!
//! It compares keyed fingerprints, which are annotations on the active copies of all watched namespaces: what the
//! server says it is (see [`crate::preflight::identity`]) and the longer values of `config.secretRefs`. The key is the
//! Secret `crokodial-hmac` in the operator's namespace; without it a fingerprint says nothing. Values themselves are
//! never read from another environment.

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

/// Name of the entry in that Secret's data that holds the key.
pub const KEY_DATA: &str = "key";

/// Minimum length in bytes of a value that is compared. Shorter values are equal by chance or by design: `true`, `info`, a
/// port.
const MIN_VALUE_BYTES: usize = 16;

/// Maximum number of fingerprints on one object: its annotations may have 256 KiB together.
const MAX_VALUES: usize = 2000;

/// Active copies of another environment, as far as they can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// `namespace/name` of the environment.
    pub environment: String,
    /// Stage of the environment.
    pub stage: String,
    /// Creation time of the copy.
    pub since: Option<Timestamp>,
    /// Fingerprints of its database.
    pub database: Vec<String>,
    /// Fingerprints of its values.
    pub values: BTreeSet<String>,
}

/// Data for the comparison of one environment with the others.
#[derive(Clone, Debug)]
pub struct Isolation {
    stage: Stage,
    environment: String,
    key: Key,
    others: Vec<Other>,
}

impl Isolation {
    /// Comparison of an environment with those of the other stage among `others`.
    pub fn new(owner: &Owner, stage: Stage, key: Key, others: Vec<Other>) -> Self {
        let own = stage.as_str();
        Self {
            stage,
            environment: format!("{}/{}", owner.namespace, owner.name),
            key,
            others: others.into_iter().filter(|o| o.stage != own).collect(),
        }
    }

    /// Fingerprints of the marks that identify a database.
    pub fn keyed(&self, marks: &[String]) -> Vec<String> {
        let mark = |mark: &String| self.key.mark("database", mark.as_bytes());
        marks.iter().map(mark).collect()
    }

    /// Finding whether the database with these fingerprints belongs to the other stage. `live` is our copy where it holds
    /// that database already: then only an older copy has a better claim. A new copy has a claim against nobody.
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

    /// Warning for prod: variables whose value staging has too.
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

/// Key of a stored Secret. An emptied Secret gives the empty key: fingerprints are then only as hard to guess as their
/// contents, and all comparisons go on.
pub fn stored_key(secret: &Secret) -> Key {
    let bytes = secret.data.as_ref().and_then(|data| data.get(KEY_DATA));
    Key::new(bytes.map(|b| b.0.as_slice()).unwrap_or_default())
}

#[cfg(test)]
#[path = "isolation_tests.rs"]
mod tests;
