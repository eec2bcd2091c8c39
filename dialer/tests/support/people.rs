//! Helpers for user accounts, and for requests that signed-in users send.

use axum::body::Body;
use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use http::{Method, Request, StatusCode};
use mongodb::Database;
use serde_json::{Value, json};

use super::{Answer, TestApp, post, send};

/// Settings that allow everybody to register.
pub const OPEN: &[(&str, &str)] = &[("REGISTRATION", "open")];

/// Password of the users that [`Person::registered`] creates.
pub const PASSWORD: &str = "correct horse 1";

pub async fn login(app: &TestApp, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    post(&app.router, "/api/auth/login", &body).await
}

/// Returns an account document as the old Node.js server stored it, with a bcrypt hash (`$2a$`, cost 10).
pub fn old_account(email: &str, password: &str) -> Document {
    let hash = bcrypt::hash_with_salt(password, 10, *b"0123456789abcdef")
        .unwrap()
        .format_for_version(bcrypt::Version::TwoA);
    doc! {
        "_id": ObjectId::new(), "email": email, "username": email, "name": "Old Rep", "role": "admin",
        "password": hash, "profilePicture": "data:image/png;base64,AAAA", "textdrip": { "apiKey": "k" },
        "gmailConnected": false, "createdAt": DateTime::now(), "updatedAt": DateTime::now(), "__v": 3,
    }
}

/// A signed-in user who sends requests to an application.
pub struct Person<'a> {
    app: &'a TestApp,
    token: String,
    pub id: ObjectId,
}

impl<'a> Person<'a> {
    pub async fn registered(app: &'a TestApp, email: &str) -> Self {
        let body = json!({ "email": email, "password": PASSWORD, "name": "Rep" });
        let made = post(&app.router, "/api/auth/register", &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let made = made.json();
        Self {
            app,
            token: made["token"].as_str().unwrap().to_owned(),
            id: made["user"]["_id"].as_str().unwrap().parse().unwrap(),
        }
    }

    /// Signs in to an existing account.
    pub async fn signed_in(app: &'a TestApp, email: &str, password: &str) -> Self {
        let answer = login(app, email, password).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let made = answer.json();
        Self {
            app,
            token: made["token"].as_str().unwrap().to_owned(),
            id: made["user"]["_id"].as_str().unwrap().parse().unwrap(),
        }
    }

    /// Returns true if the session of the user is still valid.
    pub async fn is_signed_in(&self) -> bool {
        let answer = self.get("/api/auth/profile").await;
        match answer.status {
            StatusCode::OK => true,
            StatusCode::UNAUTHORIZED => false,
            _ => panic!("{}", answer.text),
        }
    }

    pub async fn administrator(app: &'a TestApp, database: &Database, email: &str) -> Self {
        let person = Self::registered(app, email).await;
        let users = database.collection::<Document>("users");
        let role = doc! { "$set": { "role": "admin" } };
        users
            .update_one(doc! { "_id": person.id }, role)
            .await
            .unwrap();
        person
    }

    /// Returns the session token, without the prefix `Bearer`.
    pub fn token(&self) -> &str {
        &self.token
    }

    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json");
        let body = body.map_or_else(Body::empty, |b| Body::from(b.to_string()));
        send(&self.app.router, request.body(body).unwrap()).await
    }

    /// Returns the value of the `Authorization` header, for requests that the other methods cannot send.
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.token)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, None).await
    }

    /// Creates a lead for the user and returns its id.
    pub async fn lead(&self, body: &Value) -> String {
        let made = self.ask(Method::POST, "/api/leads", Some(body)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        made.json()["_id"].as_str().unwrap().to_owned()
    }

    /// Returns the names of the leads that match a query, in the order of the response.
    pub async fn found(&self, query: &str) -> Vec<String> {
        let answer = self.get(&format!("/api/leads?{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
        let leads = answer.json()["leads"].clone();
        let names = leads.as_array().unwrap().iter();
        names
            .map(|l| l["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Sends an administrative request for the account `target`. `what` is `disable`, `enable` or `reset-link`.
pub async fn do_to(who: &Person<'_>, target: &Person<'_>, what: &str) -> Answer {
    who.post(&format!("/api/users/{}/{what}", target.id), &json!({}))
        .await
}

/// Returns the audit log entries for an action on the account `target`.
pub async fn audited(database: &Database, action: &str, target: ObjectId) -> Vec<Document> {
    let audit = database.collection::<Document>("auditlogs");
    let mut found = audit
        .find(doc! { "action": action, "entityId": target })
        .await
        .unwrap();
    let mut entries = Vec::new();
    while found.advance().await.unwrap() {
        entries.push(found.deserialize_current().unwrap());
    }
    entries
}
