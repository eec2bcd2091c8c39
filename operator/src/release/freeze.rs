//! Freezes: periods in which no new release enters an environment. Pure functions without I/O. Time zones are read from
//! a database that is compiled into the binary, because the operator's container image has none.
//!
//! When clocks change, a local time may be skipped or occur twice. A freeze then begins at the earlier and ends at the
//! later of the two possible times.

use crokodial_crds::FreezeSpec;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp, ToSpan};

/// Maximum number of successive freezes without a gap between them. If there are more, the end of the freeze is
/// reported as unknown.
const MAX_ADJOINING: usize = 500;

/// Period in which nothing new is released: a single interval, or an interval that recurs every week.
#[derive(Clone, Debug, PartialEq)]
pub struct Freeze {
    when: When,
    zone: TimeZone,
    reason: String,
}

#[derive(Clone, Debug, PartialEq)]
enum When {
    Once { start: DateTime, end: DateTime },
    Weekly { start: Moment, end: Moment },
}

/// Weekday and local time of day.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Moment {
    day: Weekday,
    time: Time,
}

/// Error for an invalid entry of `freezes` in the spec. The message describes the correct form. The first field of each
/// variant is the entry's `reason`, which names the entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FreezeError {
    /// The entry must have either `start` and `end`, or `weekly`, but it has neither or both.
    #[error("freeze \"{0}\": write either start and end, or weekly")]
    When(String),
    /// `start` or `end` is not a local date and time. The second field is its value.
    #[error("freeze \"{0}\": {1} is no date and time: write one such as 2026-12-24T16:00")]
    DateTime(String, String),
    /// `end` is not later than `start`.
    #[error("freeze \"{0}\": end must be later than start")]
    Backwards(String),
    /// `weekly` is not an interval between two different times of the week.
    #[error(
        "freeze \"{0}\": weekly: write two different times of the week such as Fri 16:00-Mon 07:00"
    )]
    Weekly(String),
    /// `timeZone` is not the name of an IANA time zone. The second field is its value.
    #[error("freeze \"{0}\": {1} is no time zone: write an IANA name such as Europe/Berlin")]
    Zone(String, String),
}

/// Freeze that is in effect at a given time.
#[derive(Clone, Debug, PartialEq)]
pub struct ActiveFreeze {
    /// End of the freeze, including freezes that follow without a gap; `None` if no end is known.
    pub until: Option<Timestamp>,
    /// Reason given in the spec (`freezes[].reason`).
    pub reason: String,
}

impl Freeze {
    /// Parses one entry of the spec's `freezes`.
    ///
    /// # Errors
    /// [`FreezeError`] if the entry is not valid.
    pub fn of(spec: &FreezeSpec) -> Result<Self, FreezeError> {
        let name = || spec.reason.clone();
        let zone = TimeZoneDatabase::bundled()
            .get(&spec.time_zone)
            .map_err(|_| FreezeError::Zone(name(), spec.time_zone.clone()))?;
        let when = match (&spec.start, &spec.end, &spec.weekly) {
            (Some(start), Some(end), None) => {
                let read = |text: &String| {
                    date_time(text).ok_or_else(|| FreezeError::DateTime(name(), text.clone()))
                };
                let (start, end) = (read(start)?, read(end)?);
                if start >= end {
                    return Err(FreezeError::Backwards(name()));
                }
                When::Once { start, end }
            }
            (None, None, Some(text)) => {
                let (start, end) = weekly(text).ok_or_else(|| FreezeError::Weekly(name()))?;
                When::Weekly { start, end }
            }
            _ => return Err(FreezeError::When(name())),
        };
        Ok(Self {
            when,
            zone,
            reason: spec.reason.clone(),
        })
    }

    /// Returns the end of this freeze if it is in effect at `at`; `None` otherwise.
    fn end_at(&self, at: Timestamp) -> Option<Timestamp> {
        match &self.when {
            When::Once { start, end } => self.ends_after(*start, *end, at),
            When::Weekly { start, end } => {
                let today = self.zone.to_datetime(at).date();
                // A weekly freeze in effect began at most a week ago. One day more allows for clock changes.
                (-8..=1)
                    .filter_map(|days: i64| today.checked_add(days.days()).ok())
                    .filter(|date| date.weekday() == start.day)
                    .filter_map(|date| {
                        let end_on = date.checked_add(until(*start, *end)).ok()?;
                        self.ends_after(
                            date.to_datetime(start.time),
                            end_on.to_datetime(end.time),
                            at,
                        )
                    })
                    .max()
            }
        }
    }

    fn ends_after(&self, start: DateTime, end: DateTime, at: Timestamp) -> Option<Timestamp> {
        let start = self.zone.to_ambiguous_timestamp(start).earlier().ok()?;
        let end = self.zone.to_ambiguous_timestamp(end).later().ok()?;
        (start <= at && at < end).then_some(end)
    }
}

/// Returns the freeze in effect at `at`, if any. Overlapping and adjacent freezes are merged, so the returned end is
/// that of the last one. The reason is taken from the freeze that is in effect at `at` and ends last.
pub fn frozen(freezes: &[Freeze], at: Timestamp) -> Option<ActiveFreeze> {
    let last = |at: Timestamp| {
        freezes
            .iter()
            .filter_map(|f| Some((f.end_at(at)?, f)))
            .max_by_key(|(end, _)| *end)
    };
    let (mut end, first) = last(at)?;
    let reason = first.reason.clone();
    for _ in 0..MAX_ADJOINING {
        match last(end) {
            Some((later, _)) => end = later,
            None => {
                return Some(ActiveFreeze {
                    until: Some(end),
                    reason,
                });
            }
        }
    }
    Some(ActiveFreeze {
        until: None,
        reason,
    })
}

/// Returns the number of days from the start of a weekly freeze to its end, from 0 to 7.
fn until(start: Moment, end: Moment) -> Span {
    let days = end.day.since(start.day);
    let days = if days == 0 && end.time <= start.time {
        7
    } else {
        i64::from(days)
    };
    days.days()
}

/// Parses a local date and time, such as `2026-12-24T16:00`.
fn date_time(text: &str) -> Option<DateTime> {
    let (date, time) = text.split_once('T')?;
    let shaped = date.len() == 10 && time.len() == 5;
    let date: Date = date.parse().ok()?;
    shaped.then_some(date.to_datetime(hours_and_minutes(time)?))
}

/// Parses an interval of the week, such as `Fri 16:00-Mon 07:00`.
fn weekly(text: &str) -> Option<(Moment, Moment)> {
    let (start, end) = text.split_once('-')?;
    let (start, end) = (moment(start)?, moment(end)?);
    (start != end).then_some((start, end))
}

fn moment(text: &str) -> Option<Moment> {
    let (day, time) = text.split_once(' ')?;
    let day = match day {
        "Mon" => Weekday::Monday,
        "Tue" => Weekday::Tuesday,
        "Wed" => Weekday::Wednesday,
        "Thu" => Weekday::Thursday,
        "Fri" => Weekday::Friday,
        "Sat" => Weekday::Saturday,
        "Sun" => Weekday::Sunday,
        _ => return None,
    };
    let time = hours_and_minutes(time)?;
    Some(Moment { day, time })
}

/// Parses a time of day, such as `16:00`.
fn hours_and_minutes(text: &str) -> Option<Time> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |t: &str| {
        (t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit()))
            .then(|| t.parse::<i8>().ok())
            .flatten()
    };
    Time::new(number(hours)?, number(minutes)?, 0, 0).ok()
}

#[cfg(test)]
#[path = "freeze_tests.rs"]
mod tests;
