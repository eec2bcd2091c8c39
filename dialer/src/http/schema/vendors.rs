//! Request and response bodies of the endpoints for vendor credentials, webhooks and file imports, and for the
//! do-not-call and text opt-out lists.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::common::{Id, Moment, Pagination};

/// Credential that the vendor must send in the headers `sid` and `apikey` of its webhook requests.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pair {
    pub connected: bool,
    pub sid: String,
    pub api_key: String,
    pub created_at: Moment,
}

/// A page of rejected webhook messages.
#[derive(Debug, Serialize, ToSchema)]
pub struct Rejects {
    pub rejects: Vec<Reject>,
    pub pagination: Pagination,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reject {
    #[serde(rename = "_id")]
    pub id: Id,
    /// Reason why the message was rejected.
    pub message: String,
    /// Beginning of the message, at most 4,096 characters.
    pub body: String,
    /// True if the message was longer than `body`.
    pub body_cut: bool,
    pub created_at: Moment,
}

/// A lead sent by a vendor. It must contain an id (`nextgen_id` or `lead_id`), a phone number or an e-mail address.
/// Unknown fields are ignored. Numbers are accepted in place of strings.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VendorLead)]
pub struct VendorLeadBody {
    pub lead_id: Option<Value>,
    pub nextgen_id: Option<Value>,
    pub first_name: Option<Value>,
    pub last_name: Option<Value>,
    pub phone: Option<Value>,
    pub email: Option<Value>,
    /// Purchased product: `data` (default) or `ad`. The price of a lead is the sum of the prices of both products.
    pub product: Option<Value>,
    pub price: Option<Value>,
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// Result of accepting a lead from a vendor.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Received {
    pub success: bool,
    pub lead_id: Id,
    pub message: String,
    pub is_new: bool,
    pub process_ms: u64,
    pub warnings: Option<Vec<Warning>>,
}

/// Warning about an accepted lead, for example that an invalid value was ignored.
#[derive(Debug, Serialize, ToSchema)]
pub struct Warning {
    pub field: Option<String>,
    pub message: String,
}

/// Multipart form with a file of leads.
#[derive(Debug, Serialize, ToSchema)]
pub struct File {
    /// CSV file of at most 50 MB and 15,000 rows, not counting the header.
    #[schema(value_type = String, format = Binary)]
    pub file: Vec<u8>,
}

/// Query parameters of a file upload.
#[derive(Debug, Serialize, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct UploadParams {
    /// `true` checks the file and reports what the import would change, but stores nothing.
    pub dry_run: Option<String>,
    /// `all` (default) rejects the file if any row is not UTF-8 text or has too many columns; `partial` skips such
    /// rows.
    pub mode: Option<String>,
}

/// State of a file import, and its result once it has finished.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Import {
    pub success: bool,
    pub id: Option<Id>,
    pub vendor: Option<String>,
    /// `preparing`, `running`, `done` or `failed`; absent for a dry run.
    pub state: Option<String>,
    pub message: Option<String>,
    pub dry_run: Option<bool>,
    pub file_name: Option<String>,
    pub warnings: Option<Vec<RowWarningBody>>,
    /// Total number of warnings. `warnings` contains at most the first 100.
    pub warning_count: Option<u64>,
    pub started_at: Option<Moment>,
    pub finished_at: Option<Moment>,
    /// Number of rows that contain a lead and are not skipped.
    pub rows: Option<u64>,
    pub stats: ImportStats,
}

/// Numbers of rows by result. `processed` is the sum of `imported`, `updated` and `unchanged`. Once the import is done,
/// the number of rows in the file is the sum of `processed`, `skipped` and `errors`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportStats {
    pub imported: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub processed: u64,
    pub skipped: u64,
    pub errors: u64,
}

/// Warning about a row of the file, for example that an invalid value was ignored.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RowWarning)]
pub struct RowWarningBody {
    pub row: u64,
    pub column: Option<String>,
    pub message: String,
}

/// The user's most recent imports, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Imports {
    pub success: bool,
    pub imports: Vec<Import>,
}

/// A page of phone numbers on the do-not-call list or the text opt-out list, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Numbers {
    pub numbers: Vec<ListedNumber>,
    pub pagination: Pagination,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedNumber {
    /// Phone number in E.164 format, such as `+15550123456`.
    pub phone: String,
    pub note: Option<String>,
    pub created_at: Moment,
}

/// Phone numbers to add to a list: a single one in `phone`, or several in `numbers`. Only one of the two fields is
/// allowed.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewNumbers {
    pub phone: Option<String>,
    #[schema(min_items = 1, max_items = 1000)]
    pub numbers: Option<Vec<String>>,
    #[schema(max_length = 200)]
    pub note: Option<String>,
}

/// Result of adding phone numbers to a list: `added` counts the new numbers, `known` those that were already on the
/// list.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddedNumbers {
    pub success: bool,
    pub added: u64,
    pub known: u64,
}
