//! Return to the Mongo URI with which all pods became ready last. All functions are pure.

use crokodial_crds::mongo_uri;

use super::attempt::Attempt;
use super::known::Known;
use super::record::CheckRecord;
use super::standing::Standing;
use crate::environment::credentials::{self, Active, Data};
use crate::environment::finding::Finding;
use crate::environment::isolation::Isolation;
use crate::environment::model::annotations::MONGO_KEY;
use crate::environment::pod_secret::PodSecret;

/// Plan of a return to the last proven URI.
#[derive(Debug)]
pub enum Return {
    /// The Secret has a URI that did not fail, or none is known to be proven.
    None,
    /// An environment of the other stage uses the proven URI's database by now. Contains the finding about it.
    Refused(Finding),
    /// Pods get the proven URI. Contains the planned state of `<env>-mongo-active`, the record of the URI's check, and
    /// the finding for condition `DatabaseIsolated`.
    To(Box<(Active, CheckRecord, Finding)>),
}

/// Plans the return to the last proven URI if `<env>-mongo-active` has one that failed, or was deleted. `attempts` are
/// those that say something about the role that the application needs, `in_use` is the record of the URI that pods
/// read, and `finding` the one about the URI in the user's Secret.
pub fn plan(
    known: Known<'_>,
    attempts: &[Attempt],
    in_use: &CheckRecord,
    copy: PodSecret<'_>,
    finding: &Finding,
) -> Return {
    let Some(proven) = copy.fallback() else {
        return Return::None;
    };
    let stored = &known.proven.record;
    let mut record = match Standing::of(&proven.data, attempts, stored.verified) {
        Standing::Proven(at, Some(outcome)) => {
            stored.renewed(at, known.role, Some(&outcome), known.isolation)
        }
        _ => stored.clone(),
    };
    // A return is no rotation: the value that gave pods the failed URI must not give them a third one.
    if known.live.is_some() {
        record.nonce.clone_from(&in_use.nonce);
    }
    // Another URI of the database in use makes nobody a newcomer to it.
    let same = in_use.marks.iter().any(|m| record.marks.contains(m));
    let live = known.live.filter(|_| same);
    let isolated = known.isolation.judge(&record.marks, live);
    if Isolation::refuses(&isolated, copy.runs_proven(), same) {
        return Return::Refused(isolated);
    }
    let active = Active {
        database: database_of(&proven.data),
        annotations: record.annotations(),
        ..credentials::stay(finding.clone(), copy)
    };
    Return::To(Box::new((active, record, isolated)))
}

/// Returns the name of the database in the URI of this Secret data; `None` if the URI names none or does not parse.
pub fn database_of(content: &Data) -> Option<String> {
    let text = std::str::from_utf8(&content.get(MONGO_KEY)?.0).ok()?;
    Some(mongo_uri::parse(text).ok()?.database?.to_string())
}
