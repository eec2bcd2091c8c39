//! Routes of the legacy server that this server does not support. They respond with 501 if the feature is not
//! implemented, and with 410 if the route was removed. The message of a 410 response names a replacement.
//!
//! The handlers require no session, because they read neither the request body nor the database.

use axum::Router;
use axum::routing::any;

use super::error::{ApiError, Code};
use super::state::App;

const GROUPME: &str = "GroupMe is not supported.";
const GMAIL: &str = "Gmail is not supported.";
const CAMPAIGNS: &str = "E-mail campaigns are not supported.";
const UPLOAD: &str = "This importer is gone. Upload the file: POST /api/csv-upload.";
const PULL: &str = "Leads are no longer fetched from vendors. They come by webhook (POST /api/webhooks/nextgen) or as a \
                    file (POST /api/csv-upload).";
const REORDER: &str = "Leads have no order of their own any more. Sort the list: GET /api/leads?sortBy=…&sortDirection=….";
const REPAIR: &str = "This maintenance is gone: an import finds the same lead by itself. Change leads with PUT /api/leads/<id>.";

/// Path, error code and message of each unsupported route. The same response is sent for every HTTP method.
const LEGACY: &[(&str, Code, &str)] = &[
    ("/api/groupme", Code::NotImplemented, GROUPME),
    ("/api/groupme/{*rest}", Code::NotImplemented, GROUPME),
    ("/api/gmail", Code::NotImplemented, GMAIL),
    ("/api/gmail/{*rest}", Code::NotImplemented, GMAIL),
    ("/api/auth/gmail/callback", Code::NotImplemented, GMAIL),
    ("/api/campaigns", Code::NotImplemented, CAMPAIGNS),
    ("/api/campaigns/{*rest}", Code::NotImplemented, CAMPAIGNS),
    ("/api/leads/upload", Code::Gone, UPLOAD),
    ("/api/leads/import-csv", Code::Gone, UPLOAD),
    ("/api/leads/import-csv-now", Code::Gone, UPLOAD),
    ("/api/leads/update-leads-data", Code::Gone, UPLOAD),
    ("/api/import-csv-direct", Code::Gone, UPLOAD),
    ("/api/leads/sync-usha", Code::Gone, PULL),
    ("/api/leads/sync-nextgen", Code::Gone, PULL),
    ("/api/integration/import-nextgen", Code::Gone, PULL),
    ("/api/integration/import-ringy", Code::Gone, PULL),
    ("/api/integration/import-usha", Code::Gone, PULL),
    (
        "/api/integration/verify",
        Code::Gone,
        "The headers sid and apikey are checked with every lead: POST /api/webhooks/nextgen.",
    ),
    (
        "/api/integration/info",
        Code::Gone,
        "Vendors send leads to POST /api/webhooks/nextgen; GET /api/webhooks/health tells whether it is there.",
    ),
    ("/api/leads/fix-all-leads", Code::Gone, REPAIR),
    ("/api/leads/reconcile-dispositions", Code::Gone, REPAIR),
    ("/api/leads/fix-csv-duplicates", Code::Gone, REPAIR),
    (
        "/api/leads/delete-placeholders",
        Code::Gone,
        "Delete leads one by one: DELETE /api/leads/<id>.",
    ),
    (
        "/api/leads/test-db",
        Code::Gone,
        "GET /api/health tells whether the database answers.",
    ),
    ("/api/leads/reorder", Code::Gone, REORDER),
    ("/api/leads/{id}/reorder", Code::Gone, REORDER),
    ("/api/leads/reverse-order", Code::Gone, REORDER),
    (
        "/api/auth/debug-profile",
        Code::Gone,
        "The profile says all of it: GET /api/auth/profile.",
    ),
    (
        "/api/calls/status",
        Code::Gone,
        "The server places no calls. POST /api/leads/record-call remembers one.",
    ),
];

/// Returns a router with the unsupported routes that `LEGACY` lists.
pub fn routes() -> Router<App> {
    LEGACY
        .iter()
        .fold(Router::new(), |router, (path, code, message)| {
            router.route(
                path,
                any(move || async move { ApiError::new(*code, *message) }),
            )
        })
}
