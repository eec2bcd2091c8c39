//! Check of the Mongo URI with which all pods became ready last, while pods do not become ready with a newer one. A URI
//! that nobody checked does not come back: its password may have been changed in place. All functions are pure.

use crokodial_crds::Reason;
use jiff::Timestamp;

use super::attempt::Attempt;
use super::fallback::database_of;
use super::known::Known;
use super::standing::Standing;
use crate::environment::credentials::Data;
use crate::preflight::Outcome;

/// Result of checking the proven URI since a newer one is suspected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EarlierUri {
    /// No URI is suspected, so no check is needed.
    #[default]
    Unasked,
    /// No check has given a result yet. Contains what keeps a check from it, if that is known.
    Pending(Option<String>),
    /// The last check succeeded at this time.
    Works(Timestamp),
    /// The last check failed because of the URI itself. Contains what was observed.
    Refused(String),
    /// The last check failed because the database could not be used. Contains what was observed.
    Unreachable(String),
}

impl EarlierUri {
    /// Returns the result of the newest check since the suspicion arose.
    pub fn of(known: &Known<'_>, attempts: &[Attempt]) -> Self {
        let Some((since, content)) = suspected(known) else {
            return Self::Unasked;
        };
        if let Err(why) = known.jobs {
            return Self::Pending(Some(why.to_owned()));
        }
        match Standing::of(content, attempts, None) {
            Standing::Proven(at, _) if at >= since => Self::Works(at),
            Standing::Refused(at, outcome, _) if at >= since => Self::failed(&outcome, content),
            Standing::Checking(why) => Self::Pending(why),
            Standing::Lost(at, why, _) if at >= since => Self::Pending(Some(why.to_owned())),
            _ => Self::Pending(None),
        }
    }

    fn failed(outcome: &Outcome, content: &Data) -> Self {
        let seen = outcome.seen(&database_of(content).unwrap_or_default());
        match outcome.failure() {
            Some(Reason::AuthFailed | Reason::NotAuthorized | Reason::BadUri) => {
                Self::Refused(seen)
            }
            _ => Self::Unreachable(seen),
        }
    }

    /// Returns why pods do not get the proven URI back, as part of a sentence; `None` if nothing keeps them from it.
    pub fn obstacle(&self) -> Option<String> {
        match self {
            Self::Unasked | Self::Works(_) => None,
            Self::Pending(None) => {
                Some("the earlier connection string is being checked".to_owned())
            }
            Self::Pending(Some(why)) => Some(format!(
                "the earlier connection string was not checked yet: {why}"
            )),
            Self::Refused(seen) => Some(format!(
                "the earlier connection string is refused too: {seen}"
            )),
            Self::Unreachable(seen) => Some(format!(
                "the earlier connection string cannot be checked: {seen}"
            )),
        }
    }
}

/// Returns the time since which a check of the proven URI counts, and the URI as Secret data; `None` if no URI is
/// suspected, or if checks are off.
pub fn suspected<'a>(known: &Known<'a>) -> Option<(Timestamp, &'a Data)> {
    let proven = known.proven.mongo.proven.as_ref()?;
    let since = known.suspected.filter(|_| !known.off)?;
    Some((since, &proven.data))
}

/// Returns the proven URI (as Secret data, with the database name) if it must be checked: a newer one is suspected, and
/// no check has succeeded since.
pub fn wanted(known: &Known<'_>, attempts: &[Attempt]) -> Option<(Data, String)> {
    let (_, content) = suspected(known)?;
    let works = matches!(EarlierUri::of(known, attempts), EarlierUri::Works(_));
    let database = database_of(content).filter(|_| !works)?;
    Some((content.clone(), database))
}
