//! Inputs of the plan for the Mongo credential, built for tests.

use std::collections::BTreeMap;

use crokodial_crds::{MongoSpec, PreflightRole, SecretKeyRef, Stage};
use jiff::SignedDuration;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::*;
use crate::environment::isolation::Isolation;
use crate::environment::model::owner::Owner;
use crate::environment::pod_secret::RolledContent;
use crate::environment::proven::Proven;
use crate::fingerprint::Key;
use crate::preflight::Outcome;

pub(super) fn owner() -> Owner {
    Owner {
        name: "staging".parse().unwrap(),
        namespace: "a".to_owned(),
        uid: "u".to_owned(),
        created: None,
    }
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn content(password: &str) -> Data {
    let uri = format!("mongodb://app:{password}@db.test/shop");
    BTreeMap::from([(MONGO_KEY.to_owned(), ByteString(uri.into()))])
}

pub(super) fn answered(second: i64, verdict: &str) -> State {
    let text = match verdict {
        "Proven" => {
            r#"{"verdict":"Proven","version":"7.0.5","marks":["0123456789abcdef0123456789abcdef"]}"#
                .to_owned()
        }
        other => format!(r#"{{"verdict":"{other}"}}"#),
    };
    State::Answered(at(second), Outcome::read(&text).unwrap())
}

pub(super) fn attempt(number: i64, password: &str, state: State) -> Attempt {
    Attempt {
        number,
        content: Some(content(password)),
        secret: Some(ObjectMeta {
            uid: Some(format!("s{number}")),
            ..ObjectMeta::default()
        }),
        job: None,
        tries: 1,
        role: None,
        state,
    }
}

/// Inputs of the plan, including the user's URI, the URI in use, and attempts to check them.
pub(super) struct Case {
    pub(super) spec: MongoSpec,
    pub(super) candidate: Result<(Data, String), Finding>,
    pub(super) live: Option<Secret>,
    pub(super) proven: Proven,
    pub(super) attempts: Vec<Attempt>,
    pub(super) isolation: Isolation,
    pub(super) recheck: Option<SignedDuration>,
    pub(super) jobs: Result<(), &'static str>,
    pub(super) off: bool,
    pub(super) now: i64,
}

impl Case {
    pub(super) fn new(password: &str) -> Self {
        let spec = MongoSpec {
            uri_secret_ref: SecretKeyRef {
                name: "mongo".to_owned(),
                key: None,
            },
            ..MongoSpec::default()
        };
        Self {
            spec,
            candidate: Ok((content(password), "shop".to_owned())),
            live: None,
            proven: Proven::default(),
            attempts: Vec::new(),
            isolation: Isolation::new(&owner(), Stage::Staging, Key::new(b"k"), Vec::new()),
            recheck: None,
            jobs: Ok(()),
            off: false,
            now: 1000,
        }
    }

    /// Sets `<env>-mongo-active` to a URI with this password. `verified` is the time of its last successful check, in
    /// seconds since the epoch.
    pub(super) fn live(mut self, password: &str, verified: Option<i64>) -> Self {
        let mut live = Secret {
            data: Some(content(password)),
            ..Secret::default()
        };
        let record = CheckRecord {
            verified: verified.map(at),
            marks: vec!["ours".to_owned()],
            ..CheckRecord::default()
        };
        let mut annotations = record.annotations();
        annotations.insert(
            crate::environment::model::annotations::GENERATION.to_owned(),
            "4".to_owned(),
        );
        live.metadata.annotations = Some(annotations);
        self.live = Some(live);
        self
    }

    pub(super) fn tried(mut self, number: i64, password: &str, state: State) -> Self {
        self.attempts.push(attempt(number, password, state));
        self
    }

    pub(super) fn plan(&self) -> CheckPlan {
        plan(Known {
            spec: &self.spec,
            jobs: self.jobs,
            off: self.off,
            candidate: self.candidate.as_ref(),
            live: self.live.as_ref(),
            rolled: &RolledContent::default(),
            proven: &self.proven,
            role: PreflightRole::ReadWrite,
            attempts: &self.attempts,
            isolation: &self.isolation,
            recheck: self.recheck,
            suspected: None,
            now: at(self.now),
        })
    }
}

pub(super) fn uses(proof: &CheckPlan, password: &str) -> bool {
    proof.active.advance == Some(content(password))
}
