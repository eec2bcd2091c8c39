//! Inputs of the plan for the Mongo credential, and the attempt that it may start.

use crokodial_crds::{MongoSpec, PreflightRole};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;

use super::attempt::Attempt;
use crate::environment::credentials::Data;
use crate::environment::finding::Finding;
use crate::environment::isolation::Isolation;
use crate::environment::pod_secret::RolledContent;
use crate::environment::proven::Proven;

/// Inputs of the plan for the Mongo credential.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// Field `mongo` of the spec.
    pub spec: &'a MongoSpec,
    /// `Ok` if Jobs can run the check; otherwise `Err` with the cause.
    pub jobs: Result<(), &'static str>,
    /// True if checks are off (`mongo.preflight.mode: Off`).
    pub off: bool,
    /// URI in the user's Secret (as Secret data) and the name of its database; `Err` if the URI is unusable.
    pub candidate: Result<&'a (Data, String), &'a Finding>,
    /// Secret `<env>-mongo-active`, if it exists.
    pub live: Option<&'a Secret>,
    /// URI that the serving pods run with.
    pub rolled: &'a RolledContent,
    /// URI with which all pods became ready last, and one with which they did not.
    pub proven: &'a Proven,
    /// Database role that the application needs.
    pub role: PreflightRole,
    /// Existing attempts to check a Mongo URI, oldest first.
    pub attempts: &'a [Attempt],
    /// Comparison with the databases that the other stage uses.
    pub isolation: &'a Isolation,
    /// Maximum age of the last check of the URI in use; `None` if any age is accepted.
    pub recheck: Option<SignedDuration>,
    /// Time since which the URI that pods run with is suspected, so that a check of the proven one counts; `None` if it
    /// is not suspected.
    pub suspected: Option<Timestamp>,
    /// Current time.
    pub now: Timestamp,
}

/// Prints no fields, because URIs contain passwords.
impl std::fmt::Debug for Known<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

/// New attempt to check a Mongo URI: its Job, and its Secret if the Secret does not exist yet.
#[derive(Clone, PartialEq)]
pub struct Start {
    /// Number of the attempt.
    pub number: i64,
    /// Secret data with the URI to check.
    pub content: Data,
    /// Name of the database in the URI.
    pub database: String,
    /// Number of attempts to check this URI since its last success, including this one.
    pub tries: i64,
    /// UID of the attempt's Secret; `None` if the Secret must be created.
    pub secret: Option<String>,
}

/// Prints no URI, because it contains a password.
impl std::fmt::Debug for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Start")
            .field("number", &self.number)
            .field("tries", &self.tries)
            .finish_non_exhaustive()
    }
}
