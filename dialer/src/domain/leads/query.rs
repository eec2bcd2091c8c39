//! Parsing and validation of the query string of lead lists.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::SOURCES;

/// Valid values of the parameter `limit`: leads per page.
const LIMIT: std::ops::RangeInclusive<u32> = 10..=500;
/// Value of `limit` if the query does not set it.
const DEFAULT_LIMIT: u32 = 50;

/// Maximum number of leads in a response with `getAllResults`. Larger results are refused, not truncated.
pub const MAX_RESULTS: u32 = 10_000;

/// Maximum length of a parameter's value, in characters.
const MAX_LENGTH: usize = 200;
/// Maximum number of items in a list parameter, such as `states`.
const MAX_ITEMS: usize = 200;

/// The item of `dispositions` that selects leads without a disposition.
const NO_DISPOSITION: &str = "No Disposition";

const SORTS: [&str; 7] = [
    "createdAt",
    "name",
    "email",
    "phone",
    "state",
    "disposition",
    "timeZone",
];

/// A validated query for leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadQuery {
    /// Page number, from 1.
    pub page: u32,
    /// Leads per page.
    pub limit: u32,
    /// True if all leads are requested in one response.
    pub all: bool,
    /// The field to sort by.
    pub sort_by: &'static str,
    pub ascending: bool,
    pub filter: LeadFilter,
}

impl LeadQuery {
    /// True if all leads are requested and one response cannot contain them.
    pub fn is_too_much(&self, total: u64) -> bool {
        self.all && total > u64::from(MAX_RESULTS)
    }
}

/// Conditions on leads; a lead must meet all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadFilter {
    /// Literal text, compared case-insensitively with names, e-mail address and phone. A phone number also matches by
    /// its digits.
    pub search: Option<String>,
    pub states: Vec<String>,
    pub dispositions: Vec<String>,
    /// True to include leads without a disposition, in addition to those with one of `dispositions`.
    pub no_disposition: bool,
    pub sources: Vec<String>,
    /// Earliest time of creation, inclusive, in milliseconds since 1970.
    pub created_from_ms: Option<i64>,
    /// Latest time of creation, inclusive, in milliseconds since 1970.
    pub created_to_ms: Option<i64>,
}

/// An invalid parameter of the query string, and advice that follows its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    pub key: String,
    pub advice: String,
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.advice)
    }
}

fn refuse<T>(key: &str, advice: impl Into<String>) -> Result<T, QueryError> {
    Err(QueryError {
        key: shortened(key),
        advice: advice.into(),
    })
}

/// A parameter's name, made safe for messages: without control characters, at most 40 characters.
fn shortened(key: &str) -> String {
    key.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// Parses the decoded parameters of a query string. `zone` is the time zone of dates, unless the query has `tz`.
///
/// # Errors
/// The first parameter that is unknown or invalid.
pub fn parse(pairs: &[(String, String)], zone: &TimeZone) -> Result<LeadQuery, QueryError> {
    let mut query = LeadQuery {
        page: 1,
        limit: DEFAULT_LIMIT,
        all: false,
        sort_by: "createdAt",
        ascending: false,
        filter: LeadFilter::default(),
    };
    let mut pipeline = None;
    let mut days = (None, None);
    let mut zone = zone.clone();
    for (key, value) in pairs {
        let value = value.trim();
        if value.chars().count() > MAX_LENGTH * MAX_ITEMS {
            return refuse(key, "is too long");
        }
        match key.as_str() {
            // Old clients send this parameter. It has no effect.
            "requestId" => {}
            _ if value.is_empty() => {}
            "page" => query.page = page(value)?,
            "limit" => query.limit = limit(value)?,
            "sortBy" => query.sort_by = sort(value)?,
            "sortDirection" => query.ascending = ascending(value)?,
            "getAllResults" => query.all |= value == "true",
            "format" => query.all |= value == "csv",
            "search" => query.filter.search = Some(short(key, value)?),
            "states" => extend(&mut query.filter.states, key, value)?,
            "dispositions" => extend(&mut query.filter.dispositions, key, value)?,
            "sources" => extend(&mut query.filter.sources, key, value)?,
            "pipelineSource" => pipeline = SOURCES.iter().find(|(word, _)| *word == value),
            "createdAtStart" => days.0 = Some((key, value)),
            "createdAtEnd" => days.1 = Some((key, value)),
            "tz" => zone = named_zone(value)?,
            unknown => return refuse(unknown, "is not a filter of leads"),
        }
    }
    let filter = &mut query.filter;
    if let Some((_, source)) = pipeline {
        filter.sources = vec![(*source).to_owned()];
    }
    let named = filter.dispositions.len();
    filter.dispositions.retain(|d| d != NO_DISPOSITION);
    filter.no_disposition = filter.dispositions.len() < named;
    if let (Some((key, value)), _) = days {
        filter.created_from_ms = Some(begin(key, value, &zone)?);
    }
    if let (_, Some((key, value))) = days {
        filter.created_to_ms = Some(end(key, value, &zone)?);
    }
    Ok(query)
}

fn page(value: &str) -> Result<u32, QueryError> {
    // Limited, so that the database never has to skip too many documents.
    match value.parse() {
        Ok(page @ 1..=1_000_000) => Ok(page),
        _ => refuse("page", "must be a whole number from 1"),
    }
}

fn limit(value: &str) -> Result<u32, QueryError> {
    let limit: u32 = match value.parse() {
        Ok(limit) => limit,
        Err(_) => return refuse("limit", "must be a whole number from 10 to 500"),
    };
    Ok(limit.clamp(*LIMIT.start(), *LIMIT.end()))
}

fn sort(value: &str) -> Result<&'static str, QueryError> {
    let found = SORTS.iter().copied().find(|field| *field == value);
    found.map_or_else(
        || refuse("sortBy", format!("must be one of {}", SORTS.join(", "))),
        Ok,
    )
}

fn ascending(value: &str) -> Result<bool, QueryError> {
    match value {
        "asc" => Ok(true),
        "desc" => Ok(false),
        _ => refuse("sortDirection", "must be asc or desc"),
    }
}

fn short(key: &str, value: &str) -> Result<String, QueryError> {
    if value.chars().count() > MAX_LENGTH {
        return refuse(key, format!("must have at most {MAX_LENGTH} characters"));
    }
    Ok(value.to_owned())
}

/// Appends the items of a list parameter. A repeated parameter and a comma-separated list are equivalent.
fn extend(list: &mut Vec<String>, key: &str, value: &str) -> Result<(), QueryError> {
    for item in value.split(',').map(str::trim).filter(|i| !i.is_empty()) {
        list.push(short(key, item)?);
    }
    if list.len() > MAX_ITEMS {
        return refuse(key, format!("must have at most {MAX_ITEMS} items"));
    }
    Ok(())
}

/// The time zone with this IANA name.
///
/// # Errors
/// Advice for the user, if there is no such zone.
pub fn named_zone(name: &str) -> Result<TimeZone, QueryError> {
    TimeZone::get(name).or_else(|_| {
        refuse(
            "tz",
            "must be the name of a time zone, such as America/Chicago",
        )
    })
}

/// Start of a range, in milliseconds since 1970: the given time, or the first millisecond of the given date.
fn begin(key: &str, value: &str, zone: &TimeZone) -> Result<i64, QueryError> {
    if let Ok(at) = value.parse::<Timestamp>() {
        return Ok(at.as_millisecond());
    }
    let day = day(key, value, zone)?;
    match day.to_zoned(zone.clone()) {
        Ok(begin) => Ok(begin.timestamp().as_millisecond()),
        Err(_) => refuse(key, "is no day of this time zone"),
    }
}

/// End of a range, in milliseconds since 1970: the last millisecond of the given date, or of the date of the given
/// time.
fn end(key: &str, value: &str, zone: &TimeZone) -> Result<i64, QueryError> {
    let next = day(key, value, zone)?.checked_add(1.day());
    let begin = next.and_then(|next| next.to_zoned(zone.clone()));
    match begin {
        Ok(begin) => Ok(begin.timestamp().as_millisecond().saturating_sub(1)),
        Err(_) => refuse(key, "is no day of this time zone"),
    }
}

fn day(key: &str, value: &str, zone: &TimeZone) -> Result<Date, QueryError> {
    if let Ok(at) = value.parse::<Timestamp>() {
        return Ok(at.to_zoned(zone.clone()).date());
    }
    value.parse().or_else(|_| {
        refuse(
            key,
            "must be a day such as 2025-07-21, or a moment in ISO-8601",
        )
    })
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
