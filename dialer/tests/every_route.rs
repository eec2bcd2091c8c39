//! Tests that call the documented routes without permission or with hostile input. New routes are included
//! automatically, because the routes are read from the OpenAPI description.

use crate::support::belongings::{Belongings, SECRET, everything};
use crate::support::described::{fields, operations, resolved, session_needed};
use crate::support::mongo::scratch;
use crate::support::pairs::{K1, keyed, pair_of, send_to};
use crate::support::people::{OPEN, Person};
use crate::support::{Answer, NOWHERE, TestApp, app, send};
use bson::Bson;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

async fn ask_with(app: &TestApp, method: &Method, path: &str, token: Option<&str>) -> Answer {
    let mut request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    send(&app.router, request.body("{}".into()).unwrap()).await
}

/// Fills the parameters of a path template with an id or a phone number that does not exist.
fn nobody_s(template: &str) -> String {
    let filled = template.replace("sessions/{id}", &format!("sessions/{}", "0".repeat(64)));
    filled
        .replace("{id}", "64b7f0c2a1b2c3d4e5f60718")
        .replace("{number}", "5550123456")
}

#[tokio::test]
async fn nothing_but_what_says_so_is_answered_without_a_session() {
    let app = app(NOWHERE, &[]);
    let mut asked = 0;
    for (method, template, said) in operations() {
        if !session_needed(said).0 {
            continue;
        }
        for token in [None, Some("x.y.z"), Some("")] {
            let answer = ask_with(&app, &method, &nobody_s(template), token).await;
            let code = &answer.json()["code"];
            assert_eq!(code, "NOT_SIGNED_IN", "{method} {template} {token:?}");
        }
        asked += 1;
    }
    assert!(asked > 40, "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_revoked_opens_nothing_and_a_rep_s_nothing_of_the_administrators() {
    let name = "a_token_that_was_revoked_opens_nothing_and_a_rep_s_nothing_of_the_administrators";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let gone = Person::registered(&app, "gone@example.com").await;
    gone.post("/api/auth/logout", &json!({})).await;
    let rep = Person::registered(&app, "rep@example.com").await;
    for (method, template, said) in operations() {
        let (session, administrator) = session_needed(said);
        let path = nobody_s(template);
        if session {
            let answer = ask_with(&app, &method, &path, Some(gone.token())).await;
            let status = answer.status;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {template}");
        }
        if administrator {
            let answer = ask_with(&app, &method, &path, Some(rep.token())).await;
            let status = answer.status;
            assert_eq!(status, StatusCode::FORBIDDEN, "{method} {template}");
        }
    }
    db.finish().await;
}

/// Builds a request body from the required fields of an operation and the additional fields `more`. Returns `None` if
/// the operation has no JSON body.
fn body(said: &'static Value, own: &Belongings, more: Map<String, Value>) -> Option<Value> {
    let schema = &said["requestBody"]["content"]["application/json"]["schema"];
    let schema = resolved(schema);
    let required = schema["required"].as_array().into_iter().flatten();
    let mut body: Map<String, Value> = required
        .map(|field| {
            let field = field.as_str().unwrap();
            (field.to_owned(), own.sample(field))
        })
        .collect();
    let either = ["phone", "numbers"];
    if schema["properties"].get("numbers").is_some()
        && !either.iter().any(|f| more.contains_key(*f))
    {
        body.insert("phone".to_owned(), own.sample("phone"));
    }
    body.extend(more);
    schema.is_object().then_some(Value::Object(body))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_s_objects_are_reached_by_no_address() {
    let name = "another_tenant_s_objects_are_reached_by_no_address";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, &keyed(K1));
    let theirs = Person::registered(&app, "bea@example.com").await;
    let theirs = Belongings::made(&app, &theirs).await;
    let rep = Person::registered(&app, "rep@example.com").await;
    let admin = Person::administrator(&app, &db.database, "admin@example.com").await;
    let before = everything(&db.database).await;
    for who in [&rep, &admin] {
        for (method, template, said) in operations() {
            if session_needed(said) != (true, false) || template == "/api/auth/logout" {
                continue;
            }
            let path = theirs.path(template);
            let reached = path != template || fields(said).contains(&"leadId");
            if !reached && method != Method::GET {
                continue;
            }
            let change = fields(said)
                .first()
                .map(|f| ((*f).to_owned(), theirs.sample(f)));
            let body = body(said, &theirs, change.into_iter().collect());
            let answer = who.ask(method.clone(), &path, body.as_ref()).await;
            if reached {
                assert_eq!(
                    answer.status,
                    StatusCode::NOT_FOUND,
                    "{method} {template}: {}",
                    answer.text
                );
            }
            let shown = answer.text.to_lowercase();
            assert!(!shown.contains(SECRET), "{method} {template}: {shown}");
            assert!(
                !shown.contains(&theirs.owner),
                "{method} {template}: {shown}"
            );
        }
    }
    let after = everything(&db.database).await;
    for (collection, documents) in &before {
        assert_eq!(Some(documents), after.get(collection), "{collection}");
    }
    db.finish().await;
}

/// Returns MongoDB query operators, which a request body must not be able to inject.
fn operators() -> [Value; 4] {
    [
        json!({ "$ne": null }),
        json!({ "$gt": "" }),
        json!({ "$where": "sleep(1)" }),
        json!([{ "$exists": true }]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_object_is_refused_in_every_field_of_every_body() {
    let name = "an_operator_object_is_refused_in_every_field_of_every_body";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, &keyed(K1));
    let owner = Person::administrator(&app, &db.database, "owner@example.com").await;
    let own = Belongings::made(&app, &owner).await;
    let pair = pair_of(&owner).await;
    let mut asked = 0;
    for (at, (method, template, said)) in operations().into_iter().enumerate() {
        // Each operation has its own administrator, because requests about invite codes are limited to 20 in 5 minutes.
        let email = format!("admin{at}@example.com");
        let admin = Person::administrator(&app, &db.database, &email).await;
        let vendor = said["security"][0].get("sid").is_some();
        for field in fields(said) {
            for operator in operators() {
                let more = Map::from_iter([(field.to_owned(), operator)]);
                let body = body(said, &own, more).unwrap();
                let what = format!("{method} {template} {body}");
                asked += 1;
                if vendor {
                    // The webhook ignores invalid values with a warning. Whether one was stored is checked at the end.
                    let answer = send_to(&app, template, &pair, &body).await;
                    assert!(!answer.status.is_server_error(), "{what}: {}", answer.text);
                    continue;
                }
                let answer = admin
                    .ask(method.clone(), &own.path(template), Some(&body))
                    .await;
                assert_eq!(
                    answer.status,
                    StatusCode::BAD_REQUEST,
                    "{what}: {}",
                    answer.text
                );
                assert_eq!(
                    answer.json()["errors"][0]["field"],
                    field,
                    "{what}: {}",
                    answer.text
                );
            }
        }
    }
    assert!(asked > 200, "{asked}");
    for (collection, documents) in everything(&db.database).await {
        for document in documents {
            assert!(
                !has_operator(&Bson::from(document.clone())),
                "{collection}: {document}"
            );
        }
    }
    db.finish().await;
}

fn has_operator(value: &Bson) -> bool {
    match value {
        Bson::Document(fields) => fields
            .iter()
            .any(|(name, value)| name.starts_with('$') || has_operator(value)),
        Bson::Array(items) => items.iter().any(has_operator),
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_is_nothing_special_in_a_path_or_a_query() {
    let name = "an_operator_is_nothing_special_in_a_path_or_a_query";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, &keyed(K1));
    let admin = Person::administrator(&app, &db.database, "admin@example.com").await;
    let own = Belongings::made(&app, &admin).await;
    let operator = "%7B%22%24ne%22%3Anull%7D";
    for (method, template, said) in operations() {
        if !session_needed(said).0 || template == "/api/auth/logout" {
            continue;
        }
        let body = body(said, &own, Map::new());
        let odd = template
            .replace("{id}", operator)
            .replace("{number}", operator);
        if odd != template {
            let answer = admin.ask(method.clone(), &odd, body.as_ref()).await;
            assert_eq!(
                answer.status,
                StatusCode::BAD_REQUEST,
                "{method} {template}: {}",
                answer.text
            );
            assert!(
                answer.json()["errors"][0]["field"].is_string(),
                "{}",
                answer.text
            );
        }
        let parameters = said["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.filter(|p| p["in"] == "query") {
            let key = parameter["name"].as_str().unwrap();
            for query in [format!("{key}%5B%24ne%5D=x"), format!("{key}={operator}")] {
                let path = format!("{}?{query}", own.path(template));
                let answer = admin.ask(method.clone(), &path, body.as_ref()).await;
                assert!(
                    !answer.status.is_server_error(),
                    "{method} {path}: {}",
                    answer.text
                );
            }
        }
    }
    let unchanged = admin.get(&own.path("/api/leads/{id}")).await;
    assert_eq!(unchanged.status, StatusCode::OK, "{}", unchanged.text);
    db.finish().await;
}
