//! Parsing and validation of the query string of requests that list leads.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::SOURCES;

/// Range of the parameter `limit`, the number of leads per page. Other unsigned 32-bit numbers are clamped to it.
const LIMIT: std::ops::RangeInclusive<u32> = 10..=500;
/// Value of `limit` if the request does not set it.
const DEFAULT_LIMIT: u32 = 50;

/// Maximum number of leads in a response that contains all results (`getAllResults=true` or `format=csv`). Requests
/// with more results are rejected, not truncated.
pub const MAX_RESULTS: u32 = 10_000;

/// Maximum length of the search text and of each item in a list parameter, in characters.
const MAX_LENGTH: usize = 200;
/// Maximum number of items in a list parameter such as `states`.
const MAX_ITEMS: usize = 200;

/// Value in the parameter `dispositions` that selects leads without a disposition.
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

/// A validated query for a list of leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadQuery {
    /// Page number, starting at 1.
    pub page: u32,
    /// Number of leads per page.
    pub limit: u32,
    /// True if the client requested all matching leads in one response. `page` and `limit` are then ignored.
    pub all: bool,
    /// Name of the field to sort by.
    pub sort_by: &'static str,
    pub ascending: bool,
    pub filter: LeadFilter,
}

impl LeadQuery {
    /// Returns true if the client requested all matching leads in one response and their number, `total`, exceeds
    /// [`MAX_RESULTS`].
    pub fn is_too_much(&self, total: u64) -> bool {
        self.all && total > u64::from(MAX_RESULTS)
    }
}

/// Conditions that a lead must meet to be listed. All of them must be met; `None` and empty lists mean no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadFilter {
    /// Text to search for in the names, the e-mail address and the phone number, ignoring case. It is matched
    /// literally. If it looks like a phone number, its digits are also compared with those of the phone number.
    pub search: Option<String>,
    pub states: Vec<String>,
    pub dispositions: Vec<String>,
    /// True to include leads without a disposition. Other leads are then listed only if they have one of
    /// `dispositions`.
    pub no_disposition: bool,
    pub sources: Vec<String>,
    /// Earliest time of creation, inclusive, in milliseconds since 1970.
    pub created_from_ms: Option<i64>,
    /// Latest time of creation, inclusive, in milliseconds since 1970.
    pub created_to_ms: Option<i64>,
}

/// Name of an invalid query parameter, and the error message to show after the name.
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

/// Makes a parameter name safe for error messages: removes control characters and truncates it to 40 characters.
fn shortened(key: &str) -> String {
    key.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// Parses the decoded parameters of a query string. Dates are interpreted in the time zone of the parameter `tz`, or in
/// `zone` if `tz` is absent.
///
/// # Errors
/// Returns an error that names an unknown or invalid parameter.
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

/// Appends the comma-separated items of a list parameter to `list`. The parameter may also be repeated.
fn extend(list: &mut Vec<String>, key: &str, value: &str) -> Result<(), QueryError> {
    for item in value.split(',').map(str::trim).filter(|i| !i.is_empty()) {
        list.push(short(key, item)?);
    }
    if list.len() > MAX_ITEMS {
        return refuse(key, format!("must have at most {MAX_ITEMS} items"));
    }
    Ok(())
}

/// Returns the time zone with this IANA name.
///
/// # Errors
/// Returns an error for the parameter `tz` if no such time zone exists.
pub fn named_zone(name: &str) -> Result<TimeZone, QueryError> {
    TimeZone::get(name).or_else(|_| {
        refuse(
            "tz",
            "must be the name of a time zone, such as America/Chicago",
        )
    })
}

/// Returns the start of a time range, in milliseconds since 1970. A value that is a time is used as it is. A date means
/// its first millisecond in `zone`.
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

/// Returns the inclusive end of a time range, in milliseconds since 1970: the last millisecond in `zone` of the given
/// date. If the value is a time, its date is used.
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
