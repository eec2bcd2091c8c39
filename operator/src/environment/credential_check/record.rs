//! Record of the last successful check of the Mongo URI in use, stored in annotations of `<env>-mongo-active`. All
//! functions are pure.

use std::collections::BTreeMap;

use crokodial_crds::PreflightRole;
use crokodial_crds::condition::whole_seconds;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;

use crate::environment::isolation::Isolation;
use crate::environment::model::annotations::{MARKS, NONCE, ROLE, VERIFIED, VERSION, list};
use crate::preflight::Outcome;

/// Record of the last successful check of the Mongo URI in `<env>-mongo-active`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckRecord {
    /// Time of the last successful check, stored in annotation [`VERIFIED`]; `None` if no check succeeded.
    pub verified: Option<Timestamp>,
    /// Database role that was proven, stored in annotation [`ROLE`]; `None` if an earlier operator version wrote the
    /// record.
    pub role: Option<PreflightRole>,
    /// Version of the database server at the last successful check, stored in annotation [`VERSION`].
    pub version: Option<String>,
    /// Fingerprints that identify the database, stored in annotation [`MARKS`].
    pub marks: Vec<String>,
    /// Value of `mongo.rotateNonce` that has taken effect last, stored in annotation [`NONCE`].
    pub nonce: String,
}

impl CheckRecord {
    /// Reads the record from the annotations of `<env>-mongo-active`. The field of a missing annotation is empty. If
    /// the Secret does not exist, all fields are empty.
    pub fn of(live: Option<&Secret>) -> Self {
        let Some(live) = live else {
            return Self::default();
        };
        let text = |key: &str| live.annotations().get(key).cloned();
        Self {
            verified: text(VERIFIED).and_then(|t| t.parse().ok()),
            role: text(ROLE).and_then(|t| {
                let all = [PreflightRole::Read, PreflightRole::ReadWrite];
                all.into_iter().find(|role| role.as_str() == t)
            }),
            version: text(VERSION),
            marks: text(MARKS).map(|t| list(&t)).unwrap_or_default(),
            nonce: text(NONCE).unwrap_or_default(),
        }
    }

    /// Returns the record after a check of the URI for `role` that succeeded at this time. `outcome` is its result;
    /// `None` if only the time is known.
    pub fn renewed(
        &self,
        at: Timestamp,
        role: PreflightRole,
        outcome: Option<&Outcome>,
        isolation: &Isolation,
    ) -> Self {
        let mut record = Self {
            verified: Some(at),
            role: self.role.or(Some(role)),
            ..self.clone()
        };
        if let Some(outcome) = outcome {
            record.role = Some(role);
            record.marks = isolation.keyed(outcome.marks());
            record.version = outcome.version().map(str::to_owned);
        }
        record
    }

    /// Returns the record as annotations. Fields without a value are left out.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        let marks = (!self.marks.is_empty()).then(|| self.marks.join(","));
        let nonce = (!self.nonce.is_empty()).then(|| self.nonce.clone());
        let verified = self.verified.map(|at| whole_seconds(at).0.to_string());
        [
            (VERIFIED, verified),
            (ROLE, self.role.map(|role| role.as_str().to_owned())),
            (VERSION, self.version.clone()),
            (MARKS, marks),
            (NONCE, nonce),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back() {
        let record = CheckRecord {
            verified: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            role: Some(PreflightRole::ReadWrite),
            version: Some("7.0.5".to_owned()),
            marks: vec!["a".to_owned(), "b".to_owned()],
            nonce: "1".to_owned(),
        };
        let mut secret = Secret::default();
        secret.metadata.annotations = Some(record.annotations());
        assert_eq!(CheckRecord::of(Some(&secret)), record);
        assert_eq!(
            CheckRecord::of(Some(&Secret::default())),
            CheckRecord::default()
        );
        assert!(CheckRecord::default().annotations().is_empty());
    }
}
