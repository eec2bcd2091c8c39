//! Leads, dispositions, calls.

use std::collections::BTreeMap;

use bson::oid::ObjectId;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::common::{Id, Moment, Pagination};
use super::read::{checked, optional};
use crate::domain::dispositions::{self, DispositionEdit};
use crate::domain::leads::phone;

/// Maximum length of a dialled number, in characters.
const MAX_PHONE_LENGTH: usize = 40;

/// A lead. Beside the fields named here it has whatever was stored with it; most of them are text, but the old server
/// left numbers and null in any of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lead {
    /// 24 hexadecimal digits; the old server let imports bring others.
    #[serde(rename = "_id")]
    pub id: String,
    /// Empty where there is none.
    pub disposition: Option<String>,
    pub notes: Option<String>,
    /// The lead as lines of text, for the clipboard.
    pub formatted_json: Option<String>,
    /// The owner; absent where nobody owns it.
    pub tenant_id: Option<Value>,
    pub name: Option<Value>,
    pub first_name: Option<Value>,
    pub last_name: Option<Value>,
    pub email: Option<Value>,
    pub phone: Option<Value>,
    pub state: Option<Value>,
    pub status: Option<Value>,
    pub source: Option<Value>,
    pub price: Option<Value>,
    pub created_at: Option<Value>,
    pub updated_at: Option<Value>,
    /// An id; `{_id, name, email}` where one lead is read.
    pub assigned_to: Option<Value>,
    /// True where its number is on the caller's do-not-call list.
    pub do_not_call: Option<bool>,
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// A page of leads.
#[derive(Debug, Serialize, ToSchema)]
pub struct Leads {
    pub leads: Vec<Lead>,
    pub pagination: Pagination,
    pub meta: Meta,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// Milliseconds.
    pub query_time: u64,
    pub cached: bool,
    pub request_id: String,
}

/// Fields of a lead to set. What a body holds besides is ignored: clients may send whole leads back.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeadFields {
    /// May be emptied.
    pub disposition: Option<String>,
    /// May be emptied.
    #[schema(max_length = 50_000)]
    pub notes: Option<String>,
    pub name: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub street1: Option<String>,
    pub street2: Option<String>,
    pub city: Option<String>,
    pub state: Option<String>,
    pub zipcode: Option<String>,
    pub dob: Option<String>,
    pub height: Option<String>,
    pub weight: Option<String>,
    pub gender: Option<String>,
    pub company: Option<String>,
    /// New, Contacted, Follow-up, Won or Lost.
    pub status: Option<String>,
    pub source: Option<String>,
}

/// Fields to set in a lead that is there.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeadChange {
    #[serde(flatten)]
    pub fields: LeadFields,
    /// The lead's `updatedAt` as it was read: 409 if it changed meanwhile.
    pub if_updated_at: Option<String>,
}

/// New notes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotesChange {
    #[schema(max_length = 50_000)]
    pub notes: String,
    /// The lead's `updatedAt` as it was read: 409 if it changed meanwhile.
    pub if_updated_at: Option<String>,
}

/// Notes as they are now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notes {
    pub success: bool,
    pub lead_id: Id,
    pub notes: String,
}

/// Which leads, and in which order.
#[derive(Debug, Serialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct LeadListParams {
    /// From 1.
    pub page: Option<u32>,
    /// Leads a page; 50 unless said.
    #[param(minimum = 10, maximum = 500)]
    pub limit: Option<u32>,
    /// `createdAt` unless said, or `name`, `email`, `phone`, `state`, `disposition`, `timeZone`.
    pub sort_by: Option<String>,
    /// `asc` or `desc`; `desc` unless said.
    pub sort_direction: Option<String>,
    /// `true`: all in one answer, at most 10,000.
    pub get_all_results: Option<String>,
    /// `csv` is as `getAllResults=true`.
    pub format: Option<String>,
    /// Found literally, ignoring case, in names, e-mail address or telephone number.
    pub search: Option<String>,
    /// Separated by commas, or repeated.
    pub states: Option<String>,
    /// Separated by commas, or repeated. `No Disposition` stands for leads without one.
    pub dispositions: Option<String>,
    /// Separated by commas, or repeated.
    pub sources: Option<String>,
    /// One source, by its short word.
    pub pipeline_source: Option<String>,
    /// The first day, or a moment in it.
    pub created_at_start: Option<String>,
    /// The last day, or a moment in it.
    pub created_at_end: Option<String>,
    /// Where days end: an IANA name; unless said, as in the caller's settings.
    pub tz: Option<String>,
}

/// What the caller's leads are made of.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stats {
    pub success: bool,
    pub message: String,
    pub data: StatsData,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatsData {
    pub total_leads: u64,
    pub filter_options: FilterOptions,
    pub breakdowns: Breakdowns,
    pub counts: Counts,
}

/// Values that lists can be filtered by.
#[derive(Debug, Serialize, ToSchema)]
pub struct FilterOptions {
    pub states: Vec<String>,
    pub dispositions: Vec<String>,
    pub sources: Vec<String>,
}

/// The most frequent first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Breakdowns {
    pub prices: Vec<Share>,
    pub source_hashes: Vec<Share>,
    pub campaigns: Vec<Share>,
    pub source_codes: Vec<Share>,
    pub cities: Vec<Share>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Share {
    #[serde(rename = "_id")]
    pub value: String,
    pub count: u64,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub unique_states: u64,
    pub unique_dispositions: u64,
    pub unique_sources: u64,
    pub unique_prices: u64,
    pub unique_campaigns: u64,
    pub unique_source_codes: u64,
    pub unique_cities: u64,
}

/// Which leads are new.
#[derive(Debug, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RecentParams {
    /// Milliseconds since 1970; the last five minutes unless said.
    pub since: Option<String>,
    pub source: Option<String>,
}

/// A lead that came.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecentLead {
    #[serde(rename = "_id")]
    pub id: String,
    pub name: Option<Value>,
    pub source: Option<Value>,
    pub created_at: Option<Value>,
}

/// Leads that were called today.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallCounts {
    pub success: bool,
    /// 1 for each, by the lead's id.
    pub call_counts: BTreeMap<String, u64>,
    /// As `YYYY-MM-DD`.
    pub today: String,
}

/// Where the day ends.
#[derive(Debug, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TimeZoneParams {
    /// An IANA name; unless said, as in the caller's settings.
    pub tz: Option<String>,
}

/// A call to remember.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallMade {
    #[schema(value_type = Id)]
    #[serde(deserialize_with = "object_id")]
    pub lead_id: ObjectId,
    #[schema(max_length = 40)]
    #[serde(deserialize_with = "dialled_phone")]
    pub phone: String,
    /// `outbound` unless said, or `inbound`.
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "direction")]
    pub direction: CallDirection,
}

/// The call that is remembered.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecordedCall {
    pub success: bool,
    pub call: Call,
}

/// A call. Those of the old server may hold more.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    #[serde(rename = "_id")]
    pub id: Id,
    pub from: Option<Value>,
    pub to: Option<Value>,
    pub direction: Option<Value>,
    pub lead: Option<Value>,
    pub created_at: Option<Value>,
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// A number that was dialled.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Dialled {
    #[serde(deserialize_with = "ten_digits")]
    pub phone: String,
}

/// How often a number was dialled.
#[derive(Debug, Serialize, ToSchema)]
pub struct DialCount {
    /// The last ten digits.
    pub phone: String,
    pub count: u64,
}

/// How often numbers were dialled.
#[derive(Debug, Serialize, ToSchema)]
pub struct DialCounts {
    /// By the last ten digits.
    pub counts: BTreeMap<String, u64>,
}

/// Which numbers.
#[derive(Debug, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PhoneParams {
    /// Separated by commas, at most 500.
    pub phones: Option<String>,
}

/// The dispositions that the caller can use.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dispositions {
    pub dispositions: Vec<Disposition>,
}

/// A name for the outcome of a call. Those of the old server may hold more.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Disposition {
    #[serde(rename = "_id")]
    pub id: Id,
    pub name: Option<Value>,
    pub color: Option<Value>,
    pub emoji: Option<Value>,
    /// True for those that everybody has.
    pub is_default: Option<Value>,
    pub sort_order: Option<Value>,
    pub created_at: Option<Moment>,
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// A new disposition.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewDisposition {
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    #[schema(example = "#38A169")]
    pub color: String,
    pub emoji: Option<String>,
}

/// What is to change; absent means unchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DispositionChange {
    #[schema(min_length = 1, max_length = 60)]
    #[serde(deserialize_with = "disposition_name")]
    pub name: Option<String>,
    #[serde(deserialize_with = "color")]
    pub color: Option<String>,
    #[serde(deserialize_with = "emoji")]
    pub emoji: Option<String>,
    #[schema(minimum = 0, maximum = 10_000)]
    #[serde(deserialize_with = "place")]
    pub sort_order: Option<i64>,
}

/// The defaults that were made.
#[derive(Debug, Serialize, ToSchema)]
pub struct Seeded {
    pub message: String,
    pub dispositions: Vec<Disposition>,
}

/// Who placed a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallDirection {
    Outbound,
    Inbound,
}

impl CallDirection {
    /// As stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
        }
    }
}

fn object_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectId, D::Error> {
    checked(deserializer, |text| {
        ObjectId::parse_str(text).map_err(|_| "must be 24 hexadecimal digits")
    })
}

fn ten_digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, |text| {
        phone::last_ten(text).ok_or("must have at least ten digits")
    })
}

fn dialled_phone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, |text| {
        let fits = text.chars().count() <= MAX_PHONE_LENGTH;
        fits.then(|| text.to_owned())
            .ok_or("must have at most 40 characters")
    })
}

fn direction<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CallDirection, D::Error> {
    let given = optional(deserializer, |text| match text {
        "outbound" => Ok(CallDirection::Outbound),
        "inbound" => Ok(CallDirection::Inbound),
        _ => Err("must be outbound or inbound"),
    })?;
    Ok(given.unwrap_or(CallDirection::Outbound))
}

fn disposition_name<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    optional(deserializer, dispositions::name)
}

fn color<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    optional(deserializer, dispositions::color)
}

fn emoji<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    optional(deserializer, dispositions::emoji)
}

fn place<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let given = Option::<Value>::deserialize(deserializer)?;
    given
        .as_ref()
        .map(dispositions::place)
        .transpose()
        .map_err(D::Error::custom)
}

impl From<DispositionChange> for DispositionEdit {
    fn from(change: DispositionChange) -> Self {
        Self {
            name: change.name,
            color: change.color,
            emoji: change.emoji,
            sort_order: change.sort_order,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dispositions::DEFAULTS;
    use crate::http::schema::read::{ReadError, read};
    use serde_json::json;

    fn edit(body: &Value) -> Result<DispositionEdit, ReadError> {
        let change: DispositionChange = read(body.as_object().unwrap())?;
        Ok(change.into())
    }

    #[test]
    fn what_is_absent_is_unchanged() {
        assert_eq!(
            edit(&json!({ "createdBy": "x" })),
            Ok(DispositionEdit::default())
        );
        let nulls = json!({ "name": null, "color": null, "emoji": null, "sortOrder": null });
        assert_eq!(edit(&nulls), Ok(DispositionEdit::default()));
        let change =
            edit(&json!({ "name": " Hot ", "color": "#abc", "emoji": "", "sortOrder": 3 }))
                .unwrap();
        assert_eq!(change.name.as_deref(), Some("Hot"));
        assert_eq!(change.emoji.as_deref(), Some(""));
        assert_eq!(change.sort_order, Some(3));
    }

    #[test]
    fn what_cannot_be_stored_is_named() {
        for (body, field) in [
            (json!({ "name": "" }), "name"),
            (json!({ "name": "x".repeat(61) }), "name"),
            (json!({ "name": { "$ne": 1 } }), "name"),
            (json!({ "color": "red" }), "color"),
            (json!({ "color": "#12345" }), "color"),
            (json!({ "emoji": "x".repeat(17) }), "emoji"),
            (json!({ "sortOrder": -1 }), "sortOrder"),
            (json!({ "sortOrder": "1" }), "sortOrder"),
        ] {
            assert_eq!(edit(&body).unwrap_err().field, field, "{body}");
        }
    }

    #[test]
    fn defaults_are_fit_to_store() {
        for (name, color, place) in DEFAULTS {
            let body = json!({ "name": name, "color": color, "sortOrder": place });
            assert!(edit(&body).is_ok(), "{name}");
        }
    }
}
