//! What the source and the calendar say of an image: its record there, soak, availability and freezes. Pure.

use std::time::Duration;

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{Percent, Reason, ReleasePhase, duration};
use jiff::{SignedDuration, Timestamp};

use super::{Measured, Question, Rules, Source, SourceRelease, Verdict};

/// While good seconds arrive, the last one may be a check away: it is looked for so often.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(1);

/// Longest part of a digest in a message: ample to tell images apart.
const SHOWN: usize = "sha256:0123456789ab".len();

/// What the source and the calendar say.
pub(super) fn proven(question: &Question<'_>, from: Option<&SourceRelease>) -> Verdict {
    let Question { rules, source, .. } = *question;
    if let Some(problem) = &rules.problem {
        return Verdict::refused(Reason::InvalidSpec, problem.clone());
    }
    if let Some(verdict) = source.absence(rules) {
        return verdict;
    }
    let good_here = good_here(question);
    match from {
        // Records are kept for a while only: what is good here was in the source once.
        None if good_here => {}
        None => {
            let what = format!(
                "{} never ran {}",
                rules.source,
                shown(question.asked.digest)
            );
            return Verdict::refused(Reason::NotInSource, what);
        }
        Some(release) if !release.good() => return not_good(rules, release),
        Some(_) => {}
    }
    measured(question, from, good_here)
}

fn good_here(question: &Question<'_>) -> bool {
    question
        .records
        .iter()
        .any(|r| r.good() && r.spec.digest == question.asked.digest)
}

fn not_good(rules: &Rules, release: &SourceRelease) -> Verdict {
    let phase = release.phase.map_or("not begun yet", ReleasePhase::as_str);
    let what = format!("release {} of {} is {phase}", release.number, rules.source);
    match release.phase {
        Some(phase) if !phase.is_final() => Verdict::waiting(Reason::SourceNotGood, what),
        _ => Verdict::refused(Reason::SourceNotGood, what),
    }
}

/// Soak, availability and freezes.
fn measured(question: &Question<'_>, from: Option<&SourceRelease>, good_here: bool) -> Verdict {
    let Question { rules, now, .. } = *question;
    let soak = Soak::of(question, good_here);
    let availability = availability(question);
    let mut verdict = match availability.filter(|a| *a < rules.min_availability) {
        Some(low) => {
            let what = format!(
                "{low} % of the checks in {} were good, {} % must be",
                rules.source, rules.min_availability
            );
            Verdict::waiting(Reason::AvailabilityTooLow, what)
        }
        None => in_time(question, &soak, from),
    };
    verdict.soaked = Some(soak.done.min(soak.required));
    verdict.required = Some(soak.required);
    verdict.availability = availability;
    verdict.earliest = verdict
        .earliest
        .map(|at| at.max(now.saturating_add(LOOK_AGAIN).unwrap_or(at)));
    verdict
}

/// Of the digest in question, over all its releases in the source.
struct Soak {
    done: Duration,
    required: Duration,
    counted_until: Option<Timestamp>,
}

impl Soak {
    fn of(question: &Question<'_>, good_here: bool) -> Self {
        let same = || {
            question
                .source
                .releases()
                .iter()
                .filter(|r| r.digest == question.asked.digest)
        };
        let done = same()
            .map(|r| u64::try_from(r.good_seconds).unwrap_or(0))
            .fold(0, u64::saturating_add);
        Self {
            done: Duration::from_secs(done),
            required: if good_here {
                Duration::ZERO
            } else {
                question.rules.soak
            },
            counted_until: same().filter_map(|r| r.counted_until).max(),
        }
    }

    fn remaining(&self) -> Duration {
        self.required.saturating_sub(self.done)
    }

    /// When it is at its end, if every second from the last one counted on is good.
    fn end(&self, now: Timestamp) -> Option<Timestamp> {
        if self.remaining().is_zero() {
            return Some(now);
        }
        let remaining = SignedDuration::try_from(self.remaining()).ok()?;
        self.counted_until?.checked_add(remaining).ok()
    }
}

fn availability(question: &Question<'_>) -> Option<Percent> {
    let Source::Found { measured, .. } = question.source else {
        return None;
    };
    let Measured { all, bad } = *measured.get(question.asked.digest)?;
    Percent::of(all.saturating_sub(bad), bad)
}

/// What only time can open, and when it does: the soak, and then whatever freeze is in force at its end.
fn in_time(question: &Question<'_>, soak: &Soak, from: Option<&SourceRelease>) -> Verdict {
    let Question { rules, now, .. } = *question;
    let soaked = soak.end(now);
    let frozen_then = soaked.and_then(|at| rules.frozen(at));
    let frozen_now = rules.frozen(now);
    if soak.remaining().is_zero() {
        return match frozen_now {
            None => Verdict::allowed("it has proven itself"),
            Some(frozen) => {
                let what = format!("frozen {}: {}", until(frozen.until), frozen.reason);
                let earliest = frozen.until;
                Verdict {
                    earliest,
                    ..Verdict::waiting(Reason::Frozen, what)
                }
            }
        };
    }
    let earliest = match &frozen_then {
        Some(frozen) => frozen.until,
        None => soaked,
    };
    let mut what = format!(
        "{}{} must serve well in {} for {}",
        shown(question.asked.digest),
        from.map_or_else(String::new, |r| format!(" (release {})", r.number)),
        rules.source,
        duration::format(soak.required),
    );
    if let Some(at) = soaked {
        what.push_str(&format!(", which it will have at {}", whole_seconds(at).0));
    }
    if soaked.is_none() {
        what.push_str("; it is not measured to serve well there now, so the time stands still");
    }
    if let Some(frozen) = frozen_then {
        what.push_str(&format!(
            "; then frozen {}: {}",
            until(frozen.until),
            frozen.reason
        ));
    }
    Verdict {
        earliest,
        ..Verdict::waiting(Reason::SoakNotMet, what)
    }
}

fn shown(digest: &str) -> &str {
    digest.get(..SHOWN).unwrap_or(digest)
}

fn until(end: Option<Timestamp>) -> String {
    end.map_or_else(
        || "without an end".to_owned(),
        |at| format!("until {}", whole_seconds(at).0),
    )
}
