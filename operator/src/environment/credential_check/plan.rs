//! Plans the Mongo credential: which URI pods read, and which checks to start and to delete. All functions are pure.

use crokodial_crds::{Reason, RotationMode};
use jiff::Timestamp;

use super::CredentialState;
use super::attempt::{Attempt, State};
use super::earlier::{self, EarlierUri};
use super::fallback::{self, Return, database_of};
pub use super::known::{Known, Start};
use super::record::CheckRecord;
use super::standing::{Standing, next_try};
use crate::environment::credentials::{self, Active, Data};
use crate::environment::finding::Finding;
use crate::environment::isolation::Isolation;
use crate::environment::model::annotations::MONGO_KEY;
use crate::environment::pod_secret::{Experience, PodSecret, content_mark};

/// Plan for the Mongo credential: which URI pods read, and which checks are started and deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckPlan {
    /// Planned state of the Secret `<env>-mongo-active`.
    pub active: Active,
    /// Result of checking the URI that pods read.
    pub state: CredentialState,
    /// Result of checking the proven URI, if the one that pods run with is suspected.
    pub earlier: EarlierUri,
    /// Finding for condition `DatabaseIsolated`.
    pub isolated: Finding,
    /// Value of `status.mongo.candidate`: state of a new URI that is not in use yet; `None` if there is none.
    pub candidate: Option<&'static str>,
    /// Record of the last successful check of the URI in use, as it will be after this plan.
    pub record: CheckRecord,
    /// New attempt that must be started now; `None` if none is due.
    pub start: Option<Start>,
    /// Numbers of the attempts to delete.
    pub remove: Vec<i64>,
    /// Time at which the next attempt is due; `None` if none is planned or one is started now.
    pub next: Option<Timestamp>,
}

/// Plans which URI pods read, and which checks are started and deleted.
pub fn plan(known: Known<'_>) -> CheckPlan {
    let here = Here::of(known);
    let (active, record, isolated) = here.active();
    let (start, next) = here.start();
    CheckPlan {
        state: here.state(&active, &isolated),
        earlier: EarlierUri::of(&here.known, &here.attempts),
        candidate: here.candidate(&active),
        remove: here.remove(start.as_ref()),
        active,
        record,
        isolated,
        start,
        next,
    }
}

struct Here<'a> {
    known: Known<'a>,
    /// URI in `<env>-mongo-active`, as Secret data without keys that somebody else added; `None` if the Secret does not
    /// exist.
    live: Option<Data>,
    /// Attempts that say something about the role that the application needs, oldest first.
    attempts: Vec<Attempt>,
    record: CheckRecord,
}

impl<'a> Here<'a> {
    fn of(known: Known<'a>) -> Self {
        Self {
            known,
            live: known.live.map(|s| {
                let mut data = s.data.clone().unwrap_or_default();
                data.retain(|key, _| key == MONGO_KEY);
                data
            }),
            attempts: {
                let concern = |a: &&Attempt| a.concerns(known.role);
                known.attempts.iter().filter(concern).cloned().collect()
            },
            record: CheckRecord::of(known.live),
        }
    }

    fn copy(&self) -> PodSecret<'_> {
        PodSecret {
            live: self.known.live,
            rolled: self.known.rolled,
            experience: &self.known.proven.mongo,
            key: self.known.isolation.key(),
        }
    }

    /// Returns why pods do not get this URI; `None` if it did not fail.
    fn failure(&self, content: &Data) -> Option<&str> {
        let copy = self.copy();
        copy.failure(&content_mark(copy.key, content))
    }

    fn in_use(&self, content: &Data) -> bool {
        self.live.as_ref() == Some(content)
    }

    fn standing(&self, content: &Data) -> Standing {
        let role = self.record.role;
        let proven = role.is_none_or(|proven| proven >= self.known.role);
        let recorded = proven && self.in_use(content);
        let verified = self.record.verified.filter(|_| recorded);
        Standing::of(content, &self.attempts, verified)
    }

    /// Returns the planned state of `<env>-mongo-active`, the record of its check, and the finding for condition
    /// `DatabaseIsolated`.
    fn active(&self) -> (Active, CheckRecord, Finding) {
        let name = &self.known.spec.uri_secret_ref.name;
        let (content, database) = match self.known.candidate {
            Ok(candidate) => candidate,
            Err(finding) => return self.stay(finding.clone()),
        };
        if let Some(cause) = self.failure(content) {
            let what = format!("the URI in secret {name}");
            return self.stay(credentials::not_ready(&what, cause));
        }
        if self.known.off {
            let seen =
                format!("the URI in secret {name} is in use for database {database}, unproven");
            let active = self.advance(
                Finding::unknown(Reason::NotVerified, seen),
                content,
                database,
            );
            return (active, CheckRecord::default(), unproven());
        }
        match self.standing(content) {
            Standing::Proven(at, outcome) => self.proven(content, database, at, outcome.as_ref()),
            Standing::Refused(_, outcome, _) => {
                let reason = outcome.failure().unwrap_or(Reason::UnexpectedAnswer);
                let seen = format!("the URI in secret {name}: {}", outcome.seen(database));
                self.stay(Finding::no(reason, seen))
            }
            Standing::Lost(_, why, _) => self.blocked(why),
            Standing::Checking(Some(why)) => self.blocked(&why),
            Standing::Checking(None) | Standing::Untried => match self.known.jobs {
                Err(why) => self.blocked(why),
                Ok(()) => {
                    let seen =
                        format!("the URI in secret {name} is being proven for database {database}");
                    self.stay(Finding::unknown(Reason::PreflightRunning, seen))
                }
            },
        }
    }

    fn blocked(&self, why: &str) -> (Active, CheckRecord, Finding) {
        self.stay(Finding::unknown(Reason::PreflightBlocked, why))
    }

    fn proven(
        &self,
        content: &Data,
        database: &str,
        at: Timestamp,
        outcome: Option<&crate::preflight::Outcome>,
    ) -> (Active, CheckRecord, Finding) {
        let (name, spec) = (&self.known.spec.uri_secret_ref.name, self.known.spec);
        let in_use = self.in_use(content);
        let (role, isolation) = (self.known.role, self.known.isolation);
        let mut record = self.record.renewed(at, role, outcome, isolation);
        // A new password for the database in use makes nobody a newcomer to it.
        let known = in_use || self.record.marks.iter().any(|m| record.marks.contains(m));
        let live = self.known.live.filter(|_| known);
        let isolated = self.known.isolation.judge(&record.marks, live);
        if Isolation::refuses(&isolated, in_use, known) {
            let seen = format!(
                "the URI in secret {name} was proven, and is not used for what DatabaseIsolated says"
            );
            let (active, record, _) = self.stay(Finding::yes(Reason::Succeeded, seen));
            return (active, record, isolated);
        }
        let held =
            spec.rotation == Some(RotationMode::Manual) && spec.rotate_nonce == self.record.nonce;
        if !in_use && self.live.is_some() && held {
            let seen = format!("the URI in secret {name} was proven for database {database}");
            return self.stay(Finding::yes(Reason::RotationPending, seen));
        }
        record.nonce.clone_from(&spec.rotate_nonce);
        let seen = format!("the URI in secret {name} was proven for database {database}");
        let mut active = self.advance(Finding::yes(Reason::Succeeded, seen), content, database);
        active.annotations = record.annotations();
        (active, record, isolated)
    }

    fn advance(&self, finding: Finding, content: &Data, database: &str) -> Active {
        let mut active = credentials::advance(finding, content.clone(), self.copy());
        active.database = Some(database.to_owned());
        active
    }

    /// Returns a plan that keeps the data of `<env>-mongo-active`, or brings the last proven URI back if that data
    /// failed. The Secret is still applied, so that its labels and owner references stay up to date.
    fn stay(&self, mut finding: Finding) -> (Active, CheckRecord, Finding) {
        let mut copy = self.copy();
        let unknown = Experience {
            spent: copy.experience.spent,
            ..Experience::default()
        };
        let attempts = &self.attempts;
        match fallback::plan(self.known, attempts, &self.record, copy, &finding) {
            Return::To(back) => return *back,
            Return::Refused(why) => {
                finding.seen += &format!("; the earlier URI is not used: {}", why.seen);
                copy.experience = &unknown;
            }
            Return::None => {}
        }
        let mut active = match &self.live {
            Some(live) => credentials::advance(finding, live.clone(), copy),
            None => credentials::stay(finding, copy),
        };
        active.annotations = self.record.annotations();
        active.database = self.live.as_ref().and_then(database_of);
        let isolated = match (self.known.live, self.record.verified) {
            (Some(live), Some(_)) => self.known.isolation.judge(&self.record.marks, Some(live)),
            _ => unproven(),
        };
        (active, self.record.clone(), isolated)
    }

    fn state(&self, active: &Active, isolated: &Finding) -> CredentialState {
        let bad = |finding: &Finding| CredentialState::Bad(finding.reason, finding.seen.clone());
        if self.known.off {
            return CredentialState::Off;
        }
        let will_hold = active.advance.as_ref();
        let Some(content) = will_hold else {
            return if active.finding.is_false() {
                bad(&active.finding)
            } else if isolated.is_false() {
                bad(isolated)
            } else {
                CredentialState::Checking
            };
        };
        match self.standing(content) {
            Standing::Proven(at, _) if self.is_fresh(at) => CredentialState::Proven,
            Standing::Refused(_, outcome, _) => {
                let reason = outcome.failure().unwrap_or(Reason::UnexpectedAnswer);
                let database = active.database.as_deref().unwrap_or_default();
                CredentialState::Bad(reason, outcome.seen(database))
            }
            _ => CredentialState::Checking,
        }
    }

    fn is_fresh(&self, proven: Timestamp) -> bool {
        self.known
            .recheck
            .is_none_or(|most| self.known.now.duration_since(proven) <= most)
    }

    fn candidate(&self, active: &Active) -> Option<&'static str> {
        let (content, _) = self.known.candidate.ok()?;
        if self.known.off || active.advance.as_ref() == Some(content) {
            return None;
        }
        Some(match self.standing(content) {
            _ if self.failure(content).is_some() => "Refused",
            Standing::Proven(..) => "Proven",
            Standing::Refused(..) => "Refused",
            _ => "Checking",
        })
    }

    /// Returns the URIs to check (as Secret data, with the database name), most urgent first. The proven URI and the
    /// one in use come first if a fresh check of them is required and missing. The URI in the user's Secret follows if
    /// its last check did not succeed, unless pods did not become ready with it.
    fn wanting(&self) -> Vec<(Data, String)> {
        if self.known.off {
            return Vec::new();
        }
        let earlier = earlier::wanted(&self.known, &self.attempts);
        let mut wanting = Vec::from_iter(earlier);
        if let (Some(live), Some(_)) = (&self.live, self.known.recheck) {
            let proven = match self.standing(live) {
                Standing::Proven(at, _) => self.is_fresh(at),
                _ => false,
            };
            let database = database_of(live).filter(|_| !proven);
            wanting.extend(database.map(|database| (live.clone(), database)));
        }
        if let Ok((content, database)) = self.known.candidate {
            let proven = matches!(self.standing(content), Standing::Proven(..));
            let proven = proven || self.failure(content).is_some();
            if !proven && !wanting.iter().any(|(w, _)| w == content) {
                wanting.push((content.clone(), database.clone()));
            }
        }
        wanting
    }

    /// Returns the new attempt that must be started now or, if none is due, the time of the next attempt. Both are
    /// `None` if no check is needed, if a needed one is running, or if Jobs cannot run checks.
    fn start(&self) -> (Option<Start>, Option<Timestamp>) {
        let wanting = self.wanting();
        let under_way = |a: &Attempt| a.is_running() && self.is_wanted(a, &wanting);
        if self.known.jobs.is_err() || self.known.attempts.iter().any(under_way) {
            return (None, None);
        }
        let mut next = None;
        for (content, database) in wanting {
            match next_try(&content, &self.attempts) {
                Some((at, tries)) if at <= self.known.now => {
                    return (Some(self.attempt(content, database, tries)), None);
                }
                Some((at, _)) => next = Some(next.map_or(at, |n: Timestamp| n.min(at))),
                None => {}
            }
        }
        (None, next)
    }

    fn attempt(&self, content: Data, database: String, tries: i64) -> Start {
        let begun = self
            .known
            .attempts
            .iter()
            .rev()
            .find(|a| a.state == State::Unstarted && a.content.as_ref() == Some(&content));
        let newest = self.known.attempts.last().map_or(0, |a| a.number);
        Start {
            number: begun.map_or(newest.saturating_add(1), |a| a.number),
            secret: begun.and_then(|a| a.secret.as_ref()?.uid.clone()),
            content,
            database,
            tries,
        }
    }

    fn is_wanted(&self, attempt: &Attempt, wanting: &[(Data, String)]) -> bool {
        wanting
            .iter()
            .any(|(w, _)| attempt.content.as_ref() == Some(w))
    }

    /// Returns the numbers of the attempts to delete. If checks are off, all attempts are deleted. Otherwise these are
    /// kept:
    ///
    /// - a running attempt whose URI still needs a check
    /// - the unstarted attempt that is started now
    /// - the newest attempt, if it has ended
    /// - the last attempts with a result for the URI in use, for the URI in the user's Secret and, if the one in use is
    ///   suspected, for the proven one
    fn remove(&self, start: Option<&Start>) -> Vec<i64> {
        let wanting = self.wanting();
        let candidate = self.known.candidate.ok().map(|(content, _)| content);
        let last_word = |content: Option<&Data>| {
            let content = content?;
            let of = |a: &&Attempt| {
                a.content.as_ref() == Some(content) && matches!(a.state, State::Answered(..))
            };
            self.known.attempts.iter().rev().find(of).map(|a| a.number)
        };
        let earlier = earlier::suspected(&self.known).map(|(_, content)| content);
        let words = [candidate, self.live.as_ref(), earlier].map(last_word);
        let newest = self.known.attempts.last().map(|a| a.number);
        let keep = |a: &Attempt| match &a.state {
            _ if self.known.off => false,
            State::Running(_) => self.is_wanted(a, &wanting),
            State::Unstarted => start.is_some_and(|s| s.number == a.number),
            State::Answered(..) => Some(a.number) == newest || words.contains(&Some(a.number)),
            State::Lost(..) => Some(a.number) == newest,
        };
        let gone = self.known.attempts.iter().filter(|a| !keep(a));
        gone.map(|a| a.number).collect()
    }
}

fn unproven() -> Finding {
    Finding::unknown(
        Reason::NotVerified,
        "which database it is was not proven, so it was not compared",
    )
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
