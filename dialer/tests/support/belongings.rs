//! Test data: a tenant that owns objects of many kinds, such as leads, dispositions and imports.

use std::collections::BTreeMap;

use bson::Document;
use futures::TryStreamExt;
use http::{Method, StatusCode};
use mongodb::Database;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::files::{file, upload};
use crate::support::pairs::{pair_of, rotated, send_to};
use crate::support::people::Person;

/// Text in those of the tenant's objects that have a free text field, so that tests can detect leaks to other tenants.
pub const SECRET: &str = "bea-secret";

const NUMBER: &str = "5550123499";

/// Ids of the tenant's account and of objects that the tenant owns.
pub struct Belongings {
    /// Id of the tenant's account, as 24 hexadecimal digits.
    pub owner: String,
    lead: String,
    deleted_lead: String,
    disposition: String,
    import: String,
    session: String,
}

impl Belongings {
    pub async fn made(app: &TestApp, who: &Person<'_>) -> Self {
        let lead = json!({ "name": SECRET, "phone": NUMBER, "notes": SECRET, "state": SECRET });
        let (deleted_lead, lead) = (who.lead(&lead).await, who.lead(&lead).await);
        who.delete(&format!("/api/leads/{deleted_lead}")).await;
        let disposition = json!({ "name": SECRET, "color": "#38A169" });
        let disposition = made(who, "/api/dispositions", &disposition).await;
        let call = json!({ "leadId": lead, "phone": NUMBER });
        for (path, body) in [
            ("/api/leads/record-call", call),
            ("/api/dial-counts/increment", json!({ "phone": NUMBER })),
        ] {
            let done = who.post(path, &body).await;
            assert_eq!(done.status, StatusCode::OK, "{path}: {}", done.text);
        }
        for list in ["/api/do-not-call", "/api/text-opt-outs"] {
            let body = json!({ "phone": NUMBER, "note": SECRET });
            let done = who.post(list, &body).await;
            assert_eq!(done.status, StatusCode::OK, "{list}: {}", done.text);
        }
        let settings = json!({ "customFields": [{ "name": "desk", "value": SECRET }] });
        who.put("/api/settings", &settings).await;
        let file = file(0..1, SECRET);
        let import = upload(app, who, "", file.as_bytes()).await;
        assert_eq!(import.status, StatusCode::OK, "{}", import.text);
        rotated(who).await;
        let odd = json!({ "first_name": SECRET });
        let refused = send_to(app, "/api/webhooks/nextgen", &pair_of(who).await, &odd).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
        let sessions = who.get("/api/auth/sessions").await.json();
        Self {
            owner: who.id.to_hex(),
            lead,
            deleted_lead,
            disposition,
            import: text(&import.json()["id"]),
            session: text(&sessions["sessions"][0]["id"]),
        }
    }

    /// Fills the parameter of a path template with an id or a phone number of the tenant. Panics for an unknown
    /// template with a parameter, so new routes with a parameter must be added here.
    pub fn path(&self, template: &str) -> String {
        let (of, _) = template.split_once('{').unwrap_or((template, ""));
        let own = match of {
            "/api/leads/" if template.ends_with("/restore") => &self.deleted_lead,
            "/api/leads/" => &self.lead,
            "/api/dispositions/" => &self.disposition,
            "/api/csv-upload/" => &self.import,
            "/api/auth/sessions/" => &self.session,
            "/api/users/" | "/api/auth/passcodes/" => &self.owner,
            "/api/do-not-call/" | "/api/text-opt-outs/" => NUMBER,
            _ if template == of => return template.to_owned(),
            _ => panic!("what is in the place of {template}?"),
        };
        template.replace("{id}", own).replace("{number}", own)
    }

    /// Returns a valid value for a field of a request body. Panics if the field is unknown.
    pub fn sample(&self, field: &str) -> Value {
        match field {
            "leadId" => json!(self.lead),
            "email" => json!("somebody@example.com"),
            "password" | "currentPassword" => json!("correct horse 1"),
            "phone" => json!(NUMBER),
            "color" => json!("#38A169"),
            "token" => json!("0".repeat(64)),
            "role" => json!("user"),
            "code" => json!("SPRING24"),
            "disposition" | "notes" | "name" => json!("Mine"),
            "city" => json!("Reno"),
            "direction" => json!("outbound"),
            "ifUpdatedAt" => json!("2025-07-21T15:04:05.000Z"),
            _ => panic!("what does {field} take?"),
        }
    }
}

async fn made(who: &Person<'_>, path: &str, body: &Value) -> String {
    let made = who.ask(Method::POST, path, Some(body)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{path}: {}", made.text);
    text(&made.json()["_id"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Returns all documents of the database, by collection. Audit logs and events are excluded.
pub async fn everything(database: &Database) -> BTreeMap<String, Vec<Document>> {
    let mut all = BTreeMap::new();
    for name in database.list_collection_names().await.unwrap() {
        if ["auditlogs", "events"].contains(&name.as_str()) {
            continue;
        }
        let collection = database.collection::<Document>(&name);
        let found = collection.find(Document::new()).await.unwrap();
        let mut found: Vec<Document> = found.try_collect().await.unwrap();
        found.sort_by_key(|document| document.get("_id").map(ToString::to_string));
        all.insert(name, found);
    }
    all
}
