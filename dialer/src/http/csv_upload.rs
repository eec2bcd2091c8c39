//! Handlers of `/api/csv-upload`, which receive a vendor's CSV file and import its leads.

use std::fs::File;
use std::time::Duration;

use axum::Json;
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{Multipart, Path, Query, State};
use axum::response::{IntoResponse, Response};
use bson::Document;
use bson::oid::ObjectId;
use http::StatusCode;
use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt;
use tokio::sync::OwnedSemaphorePermit;

use super::answer::private;
use super::auth::SignedInAs;
use super::body::object_id;
use super::client::Client;
use super::error::{ApiError, Code};
use super::query::Pairs;
use super::schema::common::Id;
use super::schema::vendors as schema;
use super::state::App;
use crate::domain::to_json;
use crate::domain::vendor::file::limits::MAX_BYTES;
use crate::domain::vendor::file::row::{RowCounts, RowWarning};
use crate::domain::vendor::file::scan::Scan;
use crate::domain::vendor::file::sheet::FileError;
use crate::imports::runner::{self, Ended};
use crate::imports::{self, Checked};
use crate::store::audit::{AuditAction, AuditEntry};
use crate::store::lease::Lease;
use crate::store::vendor::journal::{UnfinishedImport, read_counts};

/// Timeout for receiving the next chunk of an uploaded file.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum time that an upload request waits for its import. After that the server responds with 202, and the import
/// continues in the background.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(240);

/// Maximum length of a stored file name, in characters. Longer names are truncated.
const MAX_NAME_LENGTH: usize = 200;

/// Options of an upload, from its query string.
#[derive(Debug, Clone, Copy, Default)]
struct Options {
    dry_run: bool,
    partial: bool,
}

fn options(pairs: &[(String, String)]) -> Result<Options, ApiError> {
    let mut options = Options::default();
    for (key, value) in pairs {
        match (key.as_str(), value.as_str()) {
            ("dryRun", "true" | "false") => options.dry_run = value == "true",
            ("dryRun", _) => return Err(ApiError::field("dryRun", "must be true or false")),
            ("mode", "partial" | "all") => options.partial = value == "partial",
            ("mode", _) => return Err(ApiError::field("mode", "must be all or partial")),
            // Unknown keys are ignored, as they always were.
            _ => {}
        }
    }
    Ok(options)
}

/// Imports a CSV file of leads.
///
/// Responds with 200 when the import has finished. If the import takes longer than four minutes or is interrupted, for
/// example by a shutdown of the server, responds with 202, and the import continues in the background.
#[utoipa::path(
    post,
    path = "/api/csv-upload",
    tag = "vendors",
    operation_id = "uploadFile",
    params(schema::UploadParams),
    request_body(content = schema::File, content_type = "multipart/form-data"),
    responses((status = 200, description = "Result of the import", body = schema::Import), (status = 202, description = "The import is still running", body = schema::Import)),
)]
pub async fn upload(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Client(caller): Client,
    Query(pairs): Pairs,
    multipart: Result<Multipart, MultipartRejection>,
) -> Result<Response, ApiError> {
    let options = options(&pairs)?;
    let multipart = multipart.map_err(|_| no_file())?;
    let place = app.imports.place().ok_or_else(|| {
        let message = "Several files are being imported just now. Try again in a moment.";
        ApiError::new(Code::Busy, message).retry_after(10)
    })?;
    let tenant = identity.scope().user();
    if !options.dry_run && app.store.import_under_way(tenant).await? {
        return Err(imports::ImportError::UnderWay.into());
    }
    let (file, name) = receive(&app, multipart).await?;
    let checked = imports::check(&app.store, tenant, file, options.partial).await?;
    if options.dry_run {
        let scan = checked.scan.clone();
        let counts = imports::rehearse(&app.store, tenant, checked).await?;
        return Ok(rehearsed(&scan, counts));
    }
    let entry = identity.entry(AuditAction::Import, None, &caller);
    let work = import(App::clone(&app), place, tenant, name, checked, entry);
    // The import is a task of its own, so that it continues if the client disconnects.
    match tokio::time::timeout(ANSWER_TIMEOUT, tokio::spawn(work)).await {
        Ok(Ok(imported)) => imported,
        Ok(Err(_)) => Err(ApiError::new(
            Code::Panicked,
            "Something went wrong on the server.",
        )),
        Err(_) => Ok(goes_on(None)),
    }
}

async fn import(
    app: App,
    place: OwnedSemaphorePermit,
    tenant: ObjectId,
    name: String,
    checked: Checked,
    entry: AuditEntry,
) -> Result<Response, ApiError> {
    let _place = place;
    let (import, lease) = imports::journal(&app.store, tenant, &name, checked).await?;
    run(&app, &import, &lease, &entry).await
}

async fn run(
    app: &App,
    import: &UnfinishedImport,
    lease: &Lease,
    entry: &AuditEntry,
) -> Result<Response, ApiError> {
    if let Err(fault) = app.store.insert_audit(entry).await {
        tracing::warn!(reason = %fault, "audit entry not written");
    }
    match runner::run(&app.imports, import, lease).await {
        Ok(Ended::Done) => {
            let done = app.store.import(import.tenant, import.id).await?;
            let shown = shown(&done.unwrap_or_default());
            Ok(private(Json(shown).into_response()))
        }
        Ok(Ended::Left) => Ok(goes_on(Some(import))),
        Err(fault) => {
            tracing::warn!(import = %import.id, reason = %fault, "an import broke off and will be taken up again");
            Ok(goes_on(Some(import)))
        }
    }
}

/// Returns the state of an import, and its result once it has finished.
#[utoipa::path(
    get,
    path = "/api/csv-upload/{id}",
    tag = "vendors",
    operation_id = "readImport",
    params(("id" = Id, Path, description = "Id of the import")),
    responses((status = 200, description = "The import", body = schema::Import)),
)]
pub async fn read(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = object_id("id", &id)?;
    let found = app.store.import(identity.scope().user(), id).await?;
    let import = found.ok_or_else(|| ApiError::new(Code::NotFound, "There is no such import."))?;
    Ok(private(Json(shown(&import)).into_response()))
}

/// Returns the signed-in user's last 20 imports, newest first.
///
/// The warnings of the imports are omitted.
#[utoipa::path(
    get,
    path = "/api/csv-upload",
    tag = "vendors",
    operation_id = "listImports",
    responses((status = 200, description = "The imports", body = schema::Imports)),
)]
pub async fn list(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
) -> Result<Response, ApiError> {
    let imports = app.store.imports(identity.scope().user()).await?;
    let imports: Vec<Value> = imports.iter().map(shown).collect();
    let body = json!({ "success": true, "imports": imports });
    Ok(private(Json(body).into_response()))
}

/// Receives the file of a multipart body, which must be in a single field `file`. Returns the spooled file and its
/// name.
async fn receive(app: &App, mut multipart: Multipart) -> Result<(File, String), ApiError> {
    let mut received = None;
    while let Some(field) = within(multipart.next_field()).await? {
        if field.name() != Some("file") {
            continue;
        }
        if received.is_some() {
            return Err(ApiError::field("file", "must be one file"));
        }
        let name: String = field
            .file_name()
            .unwrap_or_default()
            .chars()
            .take(MAX_NAME_LENGTH)
            .collect();
        let mime = field.content_type().unwrap_or_default();
        let mime = mime.split(';').next().unwrap_or_default().trim();
        if !mime.eq_ignore_ascii_case("text/csv") && !name.to_lowercase().ends_with(".csv") {
            return Err(ApiError {
                field: Some("file".to_owned()),
                ..ApiError::new(Code::UnsupportedMediaType, "The file must be a CSV file.")
            });
        }
        received = Some((spool(app, field).await?, name));
    }
    received.ok_or_else(no_file)
}

/// Writes an uploaded file to disk as its chunks are received.
async fn spool(app: &App, mut field: Field<'_>) -> Result<File, ApiError> {
    let file = app.imports.spool().map_err(|error| write_failed(&error))?;
    let mut file = tokio::fs::File::from_std(file);
    let mut size = 0_u64;
    while let Some(bytes) = within(field.chunk()).await? {
        size = size.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if size > MAX_BYTES {
            return Err(too_large());
        }
        file.write_all(&bytes)
            .await
            .map_err(|error| write_failed(&error))?;
    }
    file.flush().await.map_err(|error| write_failed(&error))?;
    Ok(file.into_std().await)
}

/// Waits for `read`, which reads a part of the multipart body. Returns an error if the client sends nothing within
/// `CHUNK_TIMEOUT`.
async fn within<T>(read: impl Future<Output = Result<T, MultipartError>>) -> Result<T, ApiError> {
    match tokio::time::timeout(CHUNK_TIMEOUT, read).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(too_large()),
        Ok(Err(_)) => Err(ApiError::new(
            Code::InvalidBody,
            "The upload broke off or is no form.",
        )),
        Err(_) => {
            Err(ApiError::new(Code::Timeout, "The upload paused for too long.").retry_after(5))
        }
    }
}

fn too_large() -> ApiError {
    ApiError::new(
        Code::BodyTooLarge,
        "The file is larger than 50 MB. Split it into several files.",
    )
}

fn no_file() -> ApiError {
    ApiError::field(
        "file",
        "is required: send a CSV file as multipart/form-data",
    )
}

/// Returns the error for a failed write to `SPOOL_DIR`. Its cause contains the kind of the I/O error, such as a full
/// disk, but no content of the upload.
fn write_failed(error: &std::io::Error) -> ApiError {
    ApiError {
        cause: Some(format!("SPOOL_DIR cannot be written to: {}", error.kind())),
        ..ApiError::new(Code::Internal, "Something went wrong on the server.")
    }
}

impl From<imports::ImportError> for ApiError {
    fn from(error: imports::ImportError) -> Self {
        match error {
            imports::ImportError::Database(fault) => fault.into(),
            imports::ImportError::UnderWay => Self::new(
                Code::ImportRunning,
                "Another file of yours is being imported. Wait for it to end: GET /api/csv-upload tells how far it is.",
            ),
            imports::ImportError::Spool => Self {
                cause: Some(error.to_string()),
                ..Self::new(Code::Internal, "Something went wrong on the server.")
            },
            imports::ImportError::File(refused) => {
                let code = match refused {
                    FileError::UnknownVendor(_) => Code::UnknownVendor,
                    _ => Code::InvalidFile,
                };
                Self {
                    field: refused.row().map(|row| format!("row {row}")),
                    ..Self::new(code, refused.to_string())
                }
            }
        }
    }
}

fn rehearsed(scan: &Scan, counts: RowCounts) -> Response {
    let body = json!({
        "success": true,
        "vendor": scan.vendor.name(),
        "dryRun": true,
        "stats": stats(counts, i64::from(scan.skipped), i64::from(scan.errors)),
        "warnings": scan.warnings.iter().map(warning).collect::<Vec<Value>>(),
        "warningCount": scan.warning_count,
    });
    private(Json(body).into_response())
}

fn warning(warning: &RowWarning) -> Value {
    json!({ "row": warning.row, "column": warning.column, "message": warning.message })
}

/// Returns the row counts of a file as JSON. Once the import is done, `processed`, `skipped` and `errors` add up to the
/// number of rows.
fn stats(counts: RowCounts, skipped: i64, errors: i64) -> Value {
    json!({
        "imported": counts.imported,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "processed": counts.processed(),
        "skipped": skipped,
        "errors": errors,
    })
}

/// Returns the form of a stored import that clients receive.
fn shown(import: &Document) -> Value {
    let fields = to_json::fields(import);
    let field = |name: &str| fields.get(name).cloned().unwrap_or(Value::Null);
    let number = |name: &str| field(name).as_i64().unwrap_or_default();
    let counts = read_counts(import.get_document("counts").unwrap_or(&Document::new()));
    let mut shown = Map::new();
    shown.insert("success".into(), (field("state") != "failed").into());
    for (name, stored) in [
        ("id", "_id"),
        ("vendor", "vendor"),
        ("state", "state"),
        ("message", "message"),
        ("fileName", "fileName"),
        ("warnings", "warnings"),
        ("warningCount", "warningCount"),
        ("startedAt", "createdAt"),
        ("finishedAt", "finishedAt"),
    ] {
        if let Some(value) = fields.get(stored) {
            shown.insert(name.into(), value.clone());
        }
    }
    shown.insert("rows".into(), number("leads").into());
    let stats = stats(counts, number("skipped"), number("errors"));
    shown.insert("stats".into(), stats);
    shown.into()
}

/// Returns a 202 response for an import that is still running. `import` is `None` if its id is not known yet.
fn goes_on(import: Option<&UnfinishedImport>) -> Response {
    let body = json!({
        "success": true,
        "id": import.map(|import| import.id.to_hex()),
        "vendor": import.map(|import| import.vendor.name()),
        "state": "running",
        "message": "The import goes on. GET /api/csv-upload tells how far it is.",
        "stats": stats(RowCounts::default(), 0, 0),
        "warnings": [],
        "warningCount": 0,
    });
    private((StatusCode::ACCEPTED, Json(body)).into_response())
}
