//! People who are signed in, and what they ask for.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use mongodb::Database;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use super::{Answer, TestApp, post, send};

/// Anyone may register.
pub const OPEN: &[(&str, &str)] = &[("REGISTRATION", "open")];

/// Somebody who is signed in.
pub struct Person<'a> {
    app: &'a TestApp,
    token: String,
    pub id: ObjectId,
}

impl<'a> Person<'a> {
    pub async fn registered(app: &'a TestApp, email: &str) -> Self {
        let body = json!({ "email": email, "password": "correct horse 1", "name": "Rep" });
        let made = post(&app.router, "/api/auth/register", &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let made = made.json();
        Self {
            app,
            token: made["token"].as_str().unwrap().to_owned(),
            id: made["user"]["_id"].as_str().unwrap().parse().unwrap(),
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

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    /// A lead of theirs: its id.
    pub async fn lead(&self, body: &Value) -> String {
        let made = self.ask(Method::POST, "/api/leads", Some(body)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        made.json()["_id"].as_str().unwrap().to_owned()
    }

    /// Names of the leads that a query finds, in order.
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
