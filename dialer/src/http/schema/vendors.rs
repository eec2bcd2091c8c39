//! Bodies for vendors' credentials, webhook and files, and for the do-not-call and opt-out lists.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::common::{Id, Moment, Pagination};

/// The credential that the vendor sends.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pair {
    pub connected: bool,
    pub sid: String,
    pub api_key: String,
    pub created_at: Moment,
}

/// Rejected webhook messages.
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
    /// Reason of the rejection.
    pub message: String,
    /// The start of the message.
    pub body: String,
    /// True if the message was longer.
    pub body_cut: bool,
    pub created_at: Moment,
}

/// A lead from a vendor. An id, a telephone number or an e-mail address is required. Other known fields are stored, and
/// any field may be text or a number.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VendorLead)]
pub struct VendorLeadBody {
    pub lead_id: Option<Value>,
    pub nextgen_id: Option<Value>,
    pub first_name: Option<Value>,
    pub last_name: Option<Value>,
    pub phone: Option<Value>,
    pub email: Option<Value>,
    /// `data` (default) or `ad`; each has its own part of the price.
    pub product: Option<Value>,
    pub price: Option<Value>,
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// Result of a received lead.
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

/// A value that was ignored, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct Warning {
    pub field: Option<String>,
    pub message: String,
}

/// A file of leads.
#[derive(Debug, Serialize, ToSchema)]
pub struct File {
    /// A CSV file of at most 50 MB and 15,000 rows.
    #[schema(value_type = String, format = Binary)]
    pub file: Vec<u8>,
}

/// Options of an upload.
#[derive(Debug, Serialize, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct UploadParams {
    /// `true`: only report what the import would do.
    pub dry_run: Option<String>,
    /// `all` (default): one invalid row refuses the file; `partial`: invalid rows are skipped.
    pub mode: Option<String>,
}

/// Result or progress of an import.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Import {
    pub success: bool,
    pub id: Option<Id>,
    pub vendor: Option<String>,
    /// `running`, `done` or `failed`.
    pub state: Option<String>,
    pub message: Option<String>,
    pub dry_run: Option<bool>,
    pub file_name: Option<String>,
    pub warnings: Option<Vec<RowWarningBody>>,
    /// Number of all warnings; the list contains the first hundred.
    pub warning_count: Option<u64>,
    pub started_at: Option<Moment>,
    pub finished_at: Option<Moment>,
    /// Number of rows with a lead.
    pub rows: Option<u64>,
    pub stats: ImportStats,
}

/// Row counts. The rows of the file are `processed` + `skipped` + `errors`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportStats {
    pub imported: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub processed: u64,
    pub skipped: u64,
    pub errors: u64,
}

/// A value of a row that was ignored, and why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RowWarning)]
pub struct RowWarningBody {
    pub row: u64,
    pub column: Option<String>,
    pub message: String,
}

/// The last imports.
#[derive(Debug, Serialize, ToSchema)]
pub struct Imports {
    pub success: bool,
    pub imports: Vec<Import>,
}

/// Numbers on a list, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Numbers {
    pub numbers: Vec<ListedNumber>,
    pub pagination: Pagination,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedNumber {
    /// E.164.
    pub phone: String,
    pub note: Option<String>,
    pub created_at: Moment,
}

/// Numbers to add to a list: either `phone` or `numbers`.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewNumbers {
    pub phone: Option<String>,
    #[schema(min_items = 1, max_items = 1000)]
    pub numbers: Option<Vec<String>>,
    #[schema(max_length = 200)]
    pub note: Option<String>,
}

/// Number of added numbers, and of those that were already listed.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddedNumbers {
    pub success: bool,
    pub added: u64,
    pub known: u64,
}
