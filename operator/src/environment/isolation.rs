//! Isolation of the stages: detects a database that both stages use, and a secret value of prod that staging also has.
//!
//! Only keyed fingerprints are compared, never the values of another environment. The fingerprints are stored in
//! annotations of `<env>-mongo-active` and `<env>-config-active` in all watched namespaces. They are made of the
//! database's identity (see [`crate::preflight::identity`]) and of the values of `config.secretRefs` that have at least
//! 16 bytes. The key is stored in the Secret `crokodial-hmac` in the operator's namespace; without it, a fingerprint
//! reveals nothing.

use std::collections::{BTreeMap, BTreeSet};

use crokodial_crds::{Reason, Stage};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use super::credentials::Active;
use super::finding::Finding;
use super::model::annotations::{STAGE, VALUES};
use super::model::owner::Owner;
use crate::fingerprint::Key;

/// Name of the Secret with the HMAC key for fingerprints.
pub const KEY_SECRET: &str = "crokodial-hmac";

/// Data key in the Secret [`KEY_SECRET`] under which the HMAC key is stored.
pub const KEY_DATA: &str = "key";

/// Minimum length in bytes of the values that are compared. Shorter values, such as `true`, `info` or a port number,
/// are often equal without being secret.
const MIN_VALUE_BYTES: usize = 16;

/// Maximum number of fingerprints on one object. They take at most 66 kB, and Kubernetes limits all annotations of an
/// object to 256 KiB in total.
const MAX_VALUES: usize = 2000;

/// Annotations of another environment's `<env>-mongo-active` or `<env>-config-active` that identify its database and
/// secret values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// `namespace/name` of the environment.
    pub environment: String,
    /// True if the environment was deleted, and its pods were retained.
    pub deleted: bool,
    /// Stage of the environment.
    pub stage: String,
    /// Creation time of the annotated Secret.
    pub since: Option<Timestamp>,
    /// Fingerprints that identify the environment's database; empty for `<env>-config-active`.
    pub database: Vec<String>,
    /// Fingerprints of the environment's values of `config.secretRefs`; empty for `<env>-mongo-active`. Short values
    /// have no fingerprint.
    pub values: BTreeSet<String>,
}

/// Comparison of one environment with the environments of the other stage.
#[derive(Clone, Debug)]
pub struct Isolation {
    stage: Stage,
    environment: String,
    /// UID of the environment.
    uid: String,
    key: Key,
    others: Vec<Other>,
    unreadable: Vec<String>,
}

impl Isolation {
    /// Creates the comparison. Entries of `others` with the same stage are dropped.
    pub fn new(owner: &Owner, stage: Stage, key: Key, others: Vec<Other>) -> Self {
        let own = stage.as_str();
        Self {
            stage,
            environment: format!("{}/{}", owner.namespace, owner.name),
            uid: owner.uid.clone(),
            key,
            others: others.into_iter().filter(|o| o.stage != own).collect(),
            unreadable: Vec::new(),
        }
    }

    /// Returns the comparison without the environments of some namespaces. `unreadable` has the cause for each namespace
    /// that could not be read.
    pub fn without(self, unreadable: Vec<String>) -> Self {
        Self { unreadable, ..self }
    }

    /// Converts the marks that identify a database (see [`crate::preflight::identity`]) to keyed fingerprints.
    pub fn keyed(&self, marks: &[String]) -> Vec<String> {
        let mark = |mark: &String| self.key.mark("database", mark.as_bytes());
        marks.iter().map(mark).collect()
    }

    /// Returns the seal of a snapshot of this environment with this content; `None` if the operator's key is empty, so that
    /// a seal would prove nothing.
    pub fn seal(&self, number: i64, digest: &str) -> Option<String> {
        let content = format!("{} {number} {digest}", self.environment);
        let seal = || self.key.mark("snapshot", content.as_bytes());
        self.key.is_secret().then(seal)
    }

    /// Returns the seal of the copy of a release record on the snapshot with this metadata; `None` if the operator's key is
    /// empty, or the snapshot has no UID yet. It is valid only for this environment and this ConfigMap, and not for others
    /// of the same names.
    pub fn seal_of_record(&self, snapshot: &ObjectMeta, number: i64, copy: &str) -> Option<String> {
        let uids = format!("{} {}", self.uid, snapshot.uid.as_deref()?);
        let content = format!("{} {uids} {number} {copy}", self.environment);
        let seal = || self.key.mark("record", content.as_bytes());
        self.key.is_secret().then(seal)
    }

    /// Returns the key of the fingerprints.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Checks whether an environment of the other stage uses the database with these fingerprints. `live` is this
    /// environment's `<env>-mongo-active` if it already contains a URI of this database; then only a Secret that is
    /// older than it counts as a conflict. If `live` is `None`, the database is new to this environment, and a Secret
    /// of any age counts. The finding is Unknown if `marks` is empty, and if no conflict is known but some namespaces
    /// could not be read.
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
            Some(other) if other.deleted => Finding::no(
                Reason::WrongDatabase,
                format!(
                    "the URI leads to the database of environment {} of stage {}, which was deleted and whose Deployment still runs; the database is free once that Deployment is deleted or has no replicas",
                    other.environment, other.stage
                ),
            ),
            Some(other) => Finding::no(
                Reason::WrongDatabase,
                format!(
                    "the URI leads to the database of environment {}, which is of stage {}",
                    other.environment, other.stage
                ),
            ),
            None if !self.unreadable.is_empty() => Finding::unknown(
                Reason::Unreadable,
                format!(
                    "whether an environment of the other stage uses this database is not known: {}",
                    self.unreadable.join("; ")
                ),
            ),
            None => Finding::yes(
                Reason::Succeeded,
                "no environment of the other stage that it is compared with uses this database",
            ),
        }
    }

    /// Returns true if a URI must not be given to pods because of the finding of [`Self::judge`] about its database.
    /// `in_use` is true if pods read this URI already. `known` is true if pods read a URI of the same database: then
    /// nothing new is learned by waiting for a namespace that cannot be read.
    pub fn refuses(finding: &Finding, in_use: bool, known: bool) -> bool {
        let unknown = finding.reason == Reason::Unreadable && !known;
        !in_use && (finding.is_false() || unknown)
    }

    /// Returns a warning with the names of the variables in `values` whose value a staging environment also has. Short
    /// values are not compared. `None` for staging, or if no value is shared.
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

    /// Adds the stage of the environment to the annotations of a Secret that pods read.
    pub fn label_database(&self, active: &mut Active) {
        active
            .annotations
            .insert(STAGE.to_owned(), self.stage.as_str().to_owned());
    }

    /// Adds the stage of the environment, and the fingerprints of the values that have at least 16 bytes, to the
    /// annotations of `<env>-config-active`. Does nothing if the plan writes no data.
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

/// Returns the key from the stored Secret. If the Secret contains no key, the key is empty. Comparisons then still
/// work, but guessable values can be recovered from their fingerprints.
pub fn stored_key(secret: &Secret) -> Key {
    let bytes = secret.data.as_ref().and_then(|data| data.get(KEY_DATA));
    Key::new(bytes.map(|b| b.0.as_slice()).unwrap_or_default())
}

#[cfg(test)]
#[path = "isolation_tests.rs"]
mod tests;
