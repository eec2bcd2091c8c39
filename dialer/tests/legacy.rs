//! Tests of routes of the old Node.js server that the dialer does not support, and of routes that require a session.
//! They need no database.

use crate::support::{NOWHERE, app, send};
use axum::body::Body;
use http::{Method, Request, StatusCode};

const NOT_BUILT: [(Method, &str); 9] = [
    (Method::POST, "/api/groupme/oauth/initiate"),
    (Method::GET, "/api/groupme/groups/1/messages"),
    (Method::GET, "/api/groupme/groups"),
    (Method::GET, "/api/gmail/auth-url"),
    (Method::POST, "/api/gmail/send"),
    (Method::GET, "/api/auth/gmail/callback"),
    (Method::GET, "/api/campaigns"),
    (
        Method::PATCH,
        "/api/campaigns/64b7f0c2a1b2c3d4e5f60718/status",
    ),
    (Method::POST, "/api/campaigns/add-lead"),
];

/// Routes that return 410 (Gone), each with a text that the response must contain, such as the replacement route.
const GONE: [(Method, &str, &str); 21] = [
    (Method::POST, "/api/leads/upload", "/api/csv-upload"),
    (Method::POST, "/api/leads/import-csv", "/api/csv-upload"),
    (Method::POST, "/api/leads/import-csv-now", "/api/csv-upload"),
    (
        Method::POST,
        "/api/leads/update-leads-data",
        "/api/csv-upload",
    ),
    (Method::POST, "/api/import-csv-direct", "/api/csv-upload"),
    (Method::GET, "/api/leads/sync-usha", "/api/webhooks/nextgen"),
    (
        Method::GET,
        "/api/leads/sync-nextgen",
        "/api/webhooks/nextgen",
    ),
    (
        Method::POST,
        "/api/integration/import-nextgen",
        "/api/webhooks/nextgen",
    ),
    (
        Method::POST,
        "/api/integration/import-ringy",
        "/api/webhooks/nextgen",
    ),
    (
        Method::POST,
        "/api/integration/import-usha",
        "/api/webhooks/nextgen",
    ),
    (
        Method::POST,
        "/api/integration/verify",
        "/api/webhooks/nextgen",
    ),
    (
        Method::GET,
        "/api/integration/info",
        "/api/webhooks/nextgen",
    ),
    (Method::POST, "/api/leads/fix-all-leads", "import"),
    (Method::GET, "/api/leads/reconcile-dispositions", "import"),
    (Method::GET, "/api/leads/fix-csv-duplicates", "import"),
    (
        Method::DELETE,
        "/api/leads/delete-placeholders",
        "DELETE /api/leads/<id>",
    ),
    (Method::GET, "/api/leads/test-db", "/api/health"),
    (Method::POST, "/api/leads/reorder", "sortBy"),
    (
        Method::POST,
        "/api/leads/64b7f0c2a1b2c3d4e5f60718/reorder",
        "sortBy",
    ),
    (Method::POST, "/api/leads/reverse-order", "sortBy"),
    (Method::POST, "/api/calls/status", "record-call"),
];

#[tokio::test]
async fn what_is_not_built_says_so() {
    let app = app(NOWHERE, &[]);
    for (method, path) in NOT_BUILT {
        let request = Request::builder().method(method).uri(path);
        let answer = send(&app.router, request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(answer.status, StatusCode::NOT_IMPLEMENTED, "{path}");
        let body = answer.json();
        assert_eq!(
            (body["code"].as_str(), body["success"].as_bool()),
            (Some("NOT_IMPLEMENTED"), Some(false))
        );
    }
}

#[tokio::test]
async fn what_is_gone_says_what_to_use_instead() {
    let app = app(NOWHERE, &[]);
    for (method, path, instead) in GONE {
        let request = Request::builder().method(method).uri(path);
        let answer = send(&app.router, request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(answer.status, StatusCode::GONE, "{path}");
        let body = answer.json();
        assert_eq!(body["code"], "GONE");
        assert!(
            body["message"].as_str().unwrap().contains(instead),
            "{path}: {body}"
        );
    }
}

#[tokio::test]
async fn what_belongs_to_a_user_asks_who_it_is() {
    let app = app(NOWHERE, &[]);
    for (method, path) in [
        (Method::GET, "/api/integrations/nextgen/credentials"),
        (Method::POST, "/api/integrations/nextgen/credentials/rotate"),
        (Method::GET, "/api/integrations/nextgen/rejects"),
        (Method::GET, "/api/do-not-call"),
        (Method::POST, "/api/do-not-call"),
        (Method::DELETE, "/api/do-not-call/5550123456"),
        (Method::GET, "/api/text-opt-outs"),
        (Method::POST, "/api/text-opt-outs"),
        (Method::DELETE, "/api/text-opt-outs/5550123456"),
        (Method::GET, "/api/settings"),
        (Method::PUT, "/api/settings"),
    ] {
        let request = Request::builder().method(method).uri(path);
        let answer = send(&app.router, request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.json()["code"], "NOT_SIGNED_IN");
    }
}
