//! Bodies for leads.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::common::{Id, Pagination};

/// A lead. It contains everything that was stored, including fields that are not named here. Most values are text, but
/// the old server stored numbers and null in any field.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lead {
    /// 24 hexadecimal digits; leads imported by the old server may have other ids.
    #[serde(rename = "_id")]
    pub id: String,
    /// Empty if there is none.
    pub disposition: Option<String>,
    pub notes: Option<String>,
    /// The lead as lines of text, for the clipboard.
    pub formatted_json: Option<String>,
    /// The owner; absent if the lead has none.
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
    /// An id, or `{_id, name, email}` when a single lead is read.
    pub assigned_to: Option<Value>,
    /// True if the number is on the caller's do-not-call list.
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

/// Fields of a lead to set. Other fields are ignored, because clients may send whole leads back.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeadFields {
    /// Empty text clears it.
    pub disposition: Option<String>,
    /// Empty text clears it.
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

/// Fields to set on an existing lead.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeadChange {
    #[serde(flatten)]
    pub fields: LeadFields,
    /// The `updatedAt` that was read: 409 if the lead has changed since.
    pub if_updated_at: Option<String>,
}

/// New notes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotesChange {
    #[schema(max_length = 50_000)]
    pub notes: String,
    /// The `updatedAt` that was read: 409 if the lead has changed since.
    pub if_updated_at: Option<String>,
}

/// The current notes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notes {
    pub success: bool,
    pub lead_id: Id,
    pub notes: String,
}

/// Filter and order of a list of leads.
#[derive(Debug, Serialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct LeadListParams {
    /// From 1.
    pub page: Option<u32>,
    /// Leads per page; default 50.
    #[param(minimum = 10, maximum = 500)]
    pub limit: Option<u32>,
    /// `createdAt` (default), `name`, `email`, `phone`, `state`, `disposition` or `timeZone`.
    pub sort_by: Option<String>,
    /// `asc` or `desc` (default).
    pub sort_direction: Option<String>,
    /// `true`: all leads in one response, at most 10,000.
    pub get_all_results: Option<String>,
    /// `csv`: the same as `getAllResults=true`.
    pub format: Option<String>,
    /// Case-insensitive literal text in names, e-mail address or telephone number.
    pub search: Option<String>,
    /// Comma-separated or repeated.
    pub states: Option<String>,
    /// Comma-separated or repeated. `No Disposition` selects leads without one.
    pub dispositions: Option<String>,
    /// Comma-separated or repeated.
    pub sources: Option<String>,
    /// A single source, by its short name.
    pub pipeline_source: Option<String>,
    /// First day, as a date or a time within it.
    pub created_at_start: Option<String>,
    /// Last day, as a date or a time within it.
    pub created_at_end: Option<String>,
    /// Time zone of the days, as an IANA name; default: the caller's setting.
    pub tz: Option<String>,
}

/// Statistics of the caller's leads.
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

/// The most frequent values first.
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

/// Filter of recent leads.
#[derive(Debug, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RecentParams {
    /// Milliseconds since 1970; default: five minutes ago.
    pub since: Option<String>,
    pub source: Option<String>,
}

/// A recent lead.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecentLead {
    #[serde(rename = "_id")]
    pub id: String,
    pub name: Option<Value>,
    pub source: Option<Value>,
    pub created_at: Option<Value>,
}
