//! Tests of vendors' credentials, against a MongoDB-compatible database.

use crate::support::mongo::scratch;
use crate::support::pairs::{
    CREDENTIALS, K1, K2, ROTATE, credentials, keyed, knock, named, old_pair, pair_of, rotated, send,
};
use crate::support::people::{OPEN, Person};
use crate::support::{app, post_with};
use bson::oid::ObjectId;
use bson::{Document, doc};
use crokodial_dialer::security::keyring::KeyRing;
use futures::future::join_all;
use http::{Method, StatusCode};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_account_has_a_pair_that_brings_its_leads_and_is_stored_sealed() {
    let Some(db) =
        scratch("a_new_account_has_a_pair_that_brings_its_leads_and_is_stored_sealed").await
    else {
        return;
    };
    let app = app(&db.uri, &keyed(K1));
    let one = Person::registered(&app, "one@example.com").await;
    let two = Person::registered(&app, "two@example.com").await;
    let answer = one.get(CREDENTIALS).await;
    assert_eq!(answer.header("cache-control"), "private, no-store");
    let pair = answer.json();
    assert_eq!(pair["connected"], true);
    let (sid, key) = (
        pair["sid"].as_str().unwrap(),
        pair["apiKey"].as_str().unwrap(),
    );
    assert!(sid.starts_with("crk_") && sid.len() == 36, "{sid}");
    assert!(key.starts_with("key_") && key.len() == 68);
    assert!(pair["createdAt"].as_str().unwrap().ends_with('Z'));
    assert_ne!(pair_of(&two).await["sid"], sid);

    assert_eq!(knock(&app, &pair).await, StatusCode::CREATED);
    let leads = db.database.collection::<Document>("leads");
    let lead = leads.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(lead.get_object_id("tenantId"), Ok(one.id));
    let wrong = json!({ "sid": sid, "apiKey": pair_of(&two).await["apiKey"] });
    assert_eq!(knock(&app, &wrong).await, StatusCode::UNAUTHORIZED);

    let row = credentials(&db.database)
        .find_one(doc! { "sid": sid })
        .await
        .unwrap()
        .unwrap();
    assert!(
        !format!("{row:?}").contains(key),
        "the key itself is nowhere"
    );
    assert_eq!(row.get_str("keyId"), Ok("k1"));
    let stored = json!({ "sid": sid, "apiKey": row.get_str("apiKey").unwrap() });
    assert_eq!(
        knock(&app, &stored).await,
        StatusCode::UNAUTHORIZED,
        "what is stored is no key"
    );
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_old_pairs_work_and_what_is_missing_is_named() {
    let Some(db) = scratch("without_keys_old_pairs_work_and_what_is_missing_is_named").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let one = Person::registered(&app, "one@example.com").await;
    let none = one.get(CREDENTIALS).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert_eq!(
        (&none.json()["connected"], &none.json()["code"]),
        (&json!(false), &json!("NOT_CONNECTED"))
    );
    old_pair(&db.database, one.id, "old").await;
    assert_eq!(pair_of(&one).await["apiKey"], "key_old");
    assert_eq!(knock(&app, &named("old")).await, StatusCode::CREATED);
    let refused = one.ask(Method::POST, ROTATE, None).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.json()["code"], "ENCRYPTION_KEYS_NOT_SET");

    let with_keys = crate::support::app(&db.uri, &keyed(K1));
    let two = Person::registered(&with_keys, "two@example.com").await;
    let pair = pair_of(&two).await;
    let unread = send(
        &app,
        pair["sid"].as_str().unwrap(),
        "key_x",
        &json!({ "lead_id": "v2" }),
    )
    .await;
    assert_eq!(
        unread.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "nobody can say that it is wrong"
    );
    assert_eq!(unread.json()["code"], "ENCRYPTION_KEYS_NOT_SET");
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rotation_only_the_new_pair_works_whatever_is_written_to_the_old_ones() {
    let Some(db) =
        scratch("after_a_rotation_only_the_new_pair_works_whatever_is_written_to_the_old_ones")
            .await
    else {
        return;
    };
    let app = app(&db.uri, &keyed(K1));
    let one = Person::registered(&app, "one@example.com").await;
    let two = Person::registered(&app, "two@example.com").await;
    let first = pair_of(&one).await;
    for name in ["a", "b"] {
        old_pair(&db.database, two.id, name).await;
    }
    credentials(&db.database)
        .delete_one(doc! { "tenantId": two.id, "generation": 1 })
        .await
        .unwrap();
    assert_eq!(knock(&app, &named("a")).await, StatusCode::CREATED);
    assert_eq!(
        knock(&app, &named("b")).await,
        StatusCode::OK,
        "the legacy server had several"
    );

    let second = rotated(&one).await;
    let third = rotated(&two).await;
    assert_eq!(pair_of(&one).await, second);
    for gone in [&first, &named("a"), &named("b")] {
        assert_eq!(knock(&app, gone).await, StatusCode::UNAUTHORIZED);
    }
    for good in [&second, &third] {
        assert!(knock(&app, good).await.is_success());
    }
    let retired = doc! { "active": false, "rotatedAt": { "$exists": true } };
    assert_eq!(
        credentials(&db.database)
            .count_documents(retired)
            .await
            .unwrap(),
        3
    );

    // A server without atomic compare-and-set may activate old credentials again by a late write.
    let back = doc! { "$set": { "active": true } };
    credentials(&db.database)
        .update_many(doc! {}, back)
        .await
        .unwrap();
    assert_eq!(knock(&app, &first).await, StatusCode::UNAUTHORIZED);
    assert_eq!(knock(&app, &named("a")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(pair_of(&one).await, second);
    let audit = db.database.collection::<Document>("auditlogs");
    let entries = audit.count_documents(doc! { "action": "ROTATE", "entityType": "credential" });
    assert_eq!(entries.await.unwrap(), 2);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_rotations_at_once_one_pair_is_left() {
    let Some(db) = scratch("of_rotations_at_once_one_pair_is_left").await else {
        return;
    };
    let app = app(&db.uri, &keyed(K1));
    let one = Person::registered(&app, "one@example.com").await;
    old_pair(&db.database, one.id, "old").await;
    let answers = join_all((0..8).map(|_| rotated(&one))).await;
    let left = pair_of(&one).await;
    let active = doc! { "tenantId": one.id, "active": true };
    assert_eq!(
        credentials(&db.database)
            .count_documents(active)
            .await
            .unwrap(),
        1
    );
    assert!(
        answers.contains(&left),
        "somebody was told the pair that is left"
    );
    assert_eq!(knock(&app, &left).await, StatusCode::CREATED);
    for other in answers.iter().filter(|a| **a != left) {
        assert_eq!(knock(&app, other).await, StatusCode::UNAUTHORIZED);
    }
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_replaced_without_a_pair_being_lost() {
    let Some(db) = scratch("a_key_is_replaced_without_a_pair_being_lost").await else {
        return;
    };
    let before = app(&db.uri, &keyed(K1));
    let one = Person::registered(&before, "one@example.com").await;
    let pair = pair_of(&one).await;
    let token = one.token().to_owned();

    let both = format!("{K2},{K1}");
    let between = app(&db.uri, &keyed(&both));
    assert_eq!(knock(&between, &pair).await, StatusCode::CREATED);
    let ring = KeyRing::parse(&both).unwrap();
    assert_eq!(between.app.vendors.reseal(&ring).await, Ok(1));
    assert_eq!(between.app.vendors.reseal(&ring).await, Ok(0));

    let after = app(&db.uri, &keyed(K2));
    assert_eq!(knock(&after, &pair).await, StatusCode::OK);
    let bearer = format!("Bearer {token}");
    let read =
        crate::support::get_with(&after.router, CREDENTIALS, &[("authorization", &bearer)]).await;
    assert_eq!(read.json(), pair);
    let lost = one.get(CREDENTIALS).await;
    assert_eq!(
        (lost.status, &lost.json()["code"]),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            &json!("ENCRYPTION_KEY_UNKNOWN")
        )
    );
    assert!(
        lost.json()["message"]
            .as_str()
            .unwrap()
            .contains("the key k2")
    );
    assert_eq!(knock(&before, &pair).await, StatusCode::SERVICE_UNAVAILABLE);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_s_pair_brings_leads_to_the_tenant_that_is_named_at_either_address() {
    let Some(db) = scratch(
        "the_environment_s_pair_brings_leads_to_the_tenant_that_is_named_at_either_address",
    )
    .await
    else {
        return;
    };
    let tenant = ObjectId::new();
    let id = tenant.to_hex();
    let settings = [
        ("NEXTGEN_SID", "crk_env"),
        ("NEXTGEN_API_KEY", "key_env_0123456789"),
        ("ADMIN_TENANT_ID", id.as_str()),
    ];
    let app = app(&db.uri, &settings);
    let pair = |sid: &str, key: &str| json!({ "sid": sid, "apiKey": key });
    for wrong in [
        pair("crk_env", "key_env"),
        pair("crk", "key_env_0123456789"),
    ] {
        assert_eq!(knock(&app, &wrong).await, StatusCode::UNAUTHORIZED);
    }
    let right = pair("crk_env", "key_env_0123456789");
    assert_eq!(knock(&app, &right).await, StatusCode::CREATED);
    let body = json!({ "lead_id": "v1" });
    let old = "/api/integration/nextgen";
    for (key, status) in [
        ("key_env_0123456789", StatusCode::OK),
        ("key_wrong_0123456789", StatusCode::UNAUTHORIZED),
    ] {
        let headers = [("sid", "crk_env"), ("apikey", key)];
        let answer = post_with(&app.router, old, &body, &headers).await;
        assert_eq!(
            answer.status, status,
            "the same handler, the same credentials"
        );
    }
    let leads = db.database.collection::<Document>("leads");
    assert_eq!(
        leads
            .count_documents(doc! { "tenantId": tenant })
            .await
            .unwrap(),
        1
    );
    db.finish().await;
}
