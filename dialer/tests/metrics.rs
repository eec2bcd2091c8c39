//! Tests of the `/metrics` endpoint: its content, and the port on which it is served.

use crate::support::mongo::scratch;
use crate::support::{NOWHERE, TestApp, app, get, post, post_with};
use bson::oid::ObjectId;
use bson::{Document, doc};
use crokodial_dialer::http::metrics;
use http::StatusCode;
use serde_json::json;

async fn scraped(app: &TestApp) -> String {
    let answer = get(&metrics::router(app.app.clone()), "/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(
        answer
            .header("content-type")
            .starts_with("application/openmetrics-text")
    );
    answer.text
}

fn holds(metrics: &str, lines: &[&str]) {
    for line in lines {
        assert!(metrics.lines().any(|l| l == *line), "{line} in\n{metrics}");
    }
}

#[tokio::test]
async fn metrics_are_not_on_the_public_port_and_hold_route_templates_only() {
    let app = app(NOWHERE, &[]);
    let page = get(&app.router, "/leads").await;
    let public = get(&app.router, "/metrics").await;
    assert_eq!((public.status, public.text), (page.status, page.text));
    get(&app.router, "/api/leads/64b7f0c2a1b2c3d4e5f60718?token=abc").await;
    get(&app.router, "/ann-lee").await;
    let metrics = scraped(&app).await;
    holds(
        &metrics,
        &[
            r#"dialer_requests_total{route="/api/leads/{id}",method="GET",status="4xx"} 1"#,
            r#"dialer_request_duration_seconds_count{route="/api/leads/{id}"} 1"#,
            "dialer_mongo_reachable 0",
        ],
    );
    for private in ["64b7f0c2", "abc", "ann-lee"] {
        assert!(!metrics.contains(private), "{private} in\n{metrics}");
    }
    let other = get(&metrics::router(app.app.clone()), "/leads").await;
    assert_eq!(
        other.status,
        StatusCode::NOT_FOUND,
        "and nothing else is there"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_that_failed_and_leads_are_counted() {
    let Some(db) = scratch("sign_ins_that_failed_and_leads_are_counted").await else {
        return;
    };
    let app = app(&db.uri, &[]);
    let pair =
        doc! { "tenantId": ObjectId::new(), "sid": "crk_1", "apiKey": "key", "active": true };
    let credentials = db.database.collection::<Document>("nextgencredentials");
    credentials.insert_one(pair).await.unwrap();
    let login = json!({ "email": "nobody@example.com", "password": "wrong horse 1" });
    let answer = post(&app.router, "/api/auth/login", &login).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let headers = [("sid", "crk_1"), ("apikey", "key")];
    let lead = |product| json!({ "lead_id": "V-1", "product": product, "price": 1 });
    for body in [
        lead("data"),
        lead("data"),
        lead("ad"),
        json!({ "product": "ad" }),
    ] {
        post_with(&app.router, "/api/webhooks/nextgen", &body, &headers).await;
    }
    app.app.notices.settled().await;
    holds(
        &scraped(&app).await,
        &[
            "dialer_logins_failed_total 1",
            r#"dialer_leads_received_total{result="Created"} 1"#,
            r#"dialer_leads_received_total{result="Known"} 1"#,
            r#"dialer_leads_received_total{result="Updated"} 1"#,
            r#"dialer_leads_received_total{result="Refused"} 1"#,
            "dialer_mongo_reachable 1",
        ],
    );
    db.finish().await;
}
