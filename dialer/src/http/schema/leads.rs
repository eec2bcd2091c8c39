//! Request and response bodies of the endpoints for leads.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::common::{Id, Pagination};

/// A lead. The object contains every stored field except `__v`, including fields that this schema does not list. Most
/// values are strings, but the legacy server also stored numbers and null in any field.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lead {
    /// Id of the lead: 24 hexadecimal digits. Leads imported by the legacy server may have ids in another format.
    #[serde(rename = "_id")]
    pub id: String,
    /// Name of the disposition; empty if the lead has none.
    pub disposition: Option<String>,
    pub notes: Option<String>,
    /// The lead in the vendor's JSON format, as an indented JSON string. The desktop client displays it.
    pub formatted_json: Option<String>,
    /// Id of the user who owns the lead; absent or null if the lead has no owner.
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
    /// User to whom the lead is assigned. `GET /api/leads/{id}` returns `{_id, name, email}` if the account exists. All
    /// other responses contain only the id.
    pub assigned_to: Option<Value>,
    /// True if the lead's phone number is on the signed-in user's do-not-call list; otherwise absent.
    pub do_not_call: Option<bool>,
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// A page of the leads that match the query.
#[derive(Debug, Serialize, ToSchema)]
pub struct Leads {
    pub leads: Vec<Lead>,
    pub pagination: Pagination,
    pub meta: Meta,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// Duration of the query on the server, in milliseconds.
    pub query_time: u64,
    pub cached: bool,
    pub request_id: String,
}

/// Fields of a lead to set. Absent, null and unknown fields are ignored, so a client can send back a whole lead. Empty
/// strings are ignored too, except in `disposition` and `notes`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeadFields {
    /// Name of the disposition. An empty string removes the disposition.
    pub disposition: Option<String>,
    /// Notes about the lead. An empty string removes the notes.
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
    /// One of `New`, `Contacted`, `Follow-up`, `Won` and `Lost`.
    pub status: Option<String>,
    pub source: Option<String>,
}

/// Fields of an existing lead to change.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeadChange {
    #[serde(flatten)]
    pub fields: LeadFields,
    /// Value of `updatedAt` when the client read the lead. The request fails with 409 if the lead has changed since
    /// then.
    pub if_updated_at: Option<String>,
}

/// New notes of a lead.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotesChange {
    #[schema(max_length = 50_000)]
    pub notes: String,
    /// Value of `updatedAt` when the client read the lead. The request fails with 409 if the lead has changed since
    /// then.
    pub if_updated_at: Option<String>,
}

/// The lead's notes after the change.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notes {
    pub success: bool,
    pub lead_id: Id,
    pub notes: String,
}

/// Filters, sort order and paging of a list of leads.
#[derive(Debug, Serialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct LeadListParams {
    /// Page number, starting at 1 (the default).
    pub page: Option<u32>,
    /// Number of leads per page; default 50. Values below 10 are treated as 10, values above 500 as 500.
    #[param(minimum = 10, maximum = 500)]
    pub limit: Option<u32>,
    /// Field to sort by: `createdAt` (default), `name`, `email`, `phone`, `state`, `disposition` or `timeZone`.
    pub sort_by: Option<String>,
    /// Sort direction: `asc` or `desc` (default).
    pub sort_direction: Option<String>,
    /// `true` returns all matching leads in one response. If there are more than 10,000, the request fails with 400.
    pub get_all_results: Option<String>,
    /// `csv` has the same effect as `getAllResults=true`. The response is still JSON.
    pub format: Option<String>,
    /// Text to search for in names, e-mail addresses and phone numbers. It is matched literally and case-insensitively.
    pub search: Option<String>,
    /// States to include, as a comma-separated list. The parameter can be repeated.
    pub states: Option<String>,
    /// Names of dispositions to include, as a comma-separated list. `No Disposition` stands for leads without a
    /// disposition. The parameter can be repeated.
    pub dispositions: Option<String>,
    /// Sources to include, as a comma-separated list. The parameter can be repeated.
    pub sources: Option<String>,
    /// Short name of a single source: `nextgen`, `marketplace`, `selfgen`, `csv`, `manual` or `usha`. Overrides
    /// `sources`.
    pub pipeline_source: Option<String>,
    /// Earliest time of creation, inclusive. A date such as `2025-07-21` means the start of that day; an ISO 8601
    /// timestamp is used exactly.
    pub created_at_start: Option<String>,
    /// Last day of creation, inclusive: a date such as `2025-07-21`, or an ISO 8601 timestamp within that day.
    pub created_at_end: Option<String>,
    /// IANA name of the time zone for `createdAtStart` and `createdAtEnd`; by default, the time zone in the user's
    /// settings.
    pub tz: Option<String>,
}

/// Statistics of all leads that the signed-in user can read.
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

/// Values that occur in the user's leads, for filtering lists of leads. Each list is sorted and has at most 100 values.
#[derive(Debug, Serialize, ToSchema)]
pub struct FilterOptions {
    pub states: Vec<String>,
    pub dispositions: Vec<String>,
    pub sources: Vec<String>,
}

/// Most frequent values of several fields, each with its number of leads. Each list is in descending order of that
/// number and has at most 50 values.
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

/// Filters of the list of recent leads.
#[derive(Debug, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RecentParams {
    /// Earliest creation time of the leads, exclusive, in milliseconds since 1970; default: five minutes ago.
    pub since: Option<String>,
    pub source: Option<String>,
}

/// A recently created lead, with only its most important fields.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecentLead {
    #[serde(rename = "_id")]
    pub id: String,
    pub name: Option<Value>,
    pub source: Option<Value>,
    pub created_at: Option<Value>,
}
