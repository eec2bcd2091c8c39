//! Test data for the benchmark: an account, a session, and leads with many fields.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use crokodial_dialer::clock::now_ms;
use crokodial_dialer::security::password::DUMMY_HASH;
use crokodial_dialer::security::token::{Claims, TokenKeys, session_key};
use mongodb::Database;

/// Signing key of session tokens. All compared servers use the same key.
pub const JWT_SECRET: &str = "a secret of the comparison, 32 characters";

/// E-mail address of the test account.
pub const EMAIL: &str = "rep@example.com";

const LEADS: i32 = 200;
const SESSION: Duration = Duration::from_secs(3600);

/// Parts of the test data that are needed to send requests.
#[derive(Debug)]
pub struct Data {
    /// Value of the `Authorization` header of authenticated requests.
    pub authorization: String,
    /// Ids of all test leads.
    pub ids: Vec<ObjectId>,
}

impl Data {
    pub async fn fill(database: &Database) -> anyhow::Result<Self> {
        let user = ObjectId::new();
        let now = now_ms();
        database
            .collection("users")
            .insert_one(account(user))
            .await?;
        let lifetime = i64::try_from(SESSION.as_secs())?;
        let claims = Claims {
            _id: user.to_hex(),
            sid: "00112233445566778899aabbccddeeff".to_owned(),
            iat: now / 1000,
            exp: now / 1000 + lifetime,
        };
        let session = doc! {
            "_id": session_key(&claims.sid),
            "userId": user,
            "createdAt": DateTime::from_millis(now),
            "expiresAt": DateTime::from_millis(claims.exp * 1000),
            "userAgent": "bench",
        };
        database.collection("sessions").insert_one(session).await?;
        let leads: Vec<Document> = (0..LEADS).map(|n| lead(user, n, now)).collect();
        let ids = leads.iter().filter_map(|l| l.get_object_id("_id").ok());
        let ids = ids.collect();
        database.collection("leads").insert_many(leads).await?;
        let token = TokenKeys::new(JWT_SECRET.as_bytes()).sign(&claims)?;
        Ok(Self {
            authorization: format!("Bearer {token}"),
            ids,
        })
    }
}

fn account(id: ObjectId) -> Document {
    doc! {
        "_id": id,
        "email": EMAIL,
        "emailLower": EMAIL,
        // The hash of a password that nobody knows.
        "password": DUMMY_HASH,
        "name": "Rep",
        "username": EMAIL,
        "role": "user",
        "__v": 0,
    }
}

fn lead(tenant: ObjectId, n: i32, now: i64) -> Document {
    let created = DateTime::from_millis(now - i64::from(n) * 60_000);
    let mut lead = contact(n);
    lead.extend(doc! {
        "_id": ObjectId::new(),
        "tenantId": tenant,
        "assignedTo": tenant,
        "status": "New",
        "source": "NextGen",
        "disposition": if n % 3 == 0 { "Call back" } else { "" },
        "notes": format!("\u{1F31F} New NextGen Lead\nImported on: 1/2/2025\nspoke to \"Ann\" {n}\nSource: list"),
        "callHistory": [ObjectId::new(), ObjectId::new()],
        "policyDocuments": [],
        "order": n,
        "timeZone": "CST",
        "notesMetadata": { "originalCSVData": { "row": n, "file": "leads.csv" } },
        "createdAt": created,
        "updatedAt": created,
        "__v": 0,
    });
    lead
}

fn contact(n: i32) -> Document {
    doc! {
        "name": format!("Ann Example {n}"),
        "firstName": "Ann",
        "lastName": format!("Example {n}"),
        "email": format!("ann.{n}@example.com"),
        "phone": format!("+1555010{n:04}"),
        "street1": format!("{n} Main Street"),
        "street2": "Apt. 4",
        "city": "Springfield",
        "state": "TX",
        "zipcode": "75001",
        "dob": "1970-01-31",
        "gender": "F",
        "height": "64",
        "weight": "150",
        "householdSize": "3",
        "householdIncome": "52000",
        "military": n % 2 == 0,
        "pregnant": false,
        "tobaccoUser": false,
        "hasPrescription": true,
        "hasMedicarePartsAB": n % 2 == 1,
        "hasMedicalCondition": true,
        "medicalConditions": ["asthma", "allergy"],
        "insuranceTimeframe": "0-3 months",
        "price": 12.5,
        "product": "data",
        "purchaseId": format!("P-{n}"),
        "leadId": format!("L-{n}"),
        "vendorId": "17",
        "vendorName": "Vendor",
        "verticalId": "1",
        "accountId": "42",
        "accountName": "Account",
        "campaignId": "c-7",
        "campaignName": "Campaign",
        "bidType": "lead",
        "callLogId": "",
        "callDuration": "",
        "sourceHash": "9f86d081884c7d65",
        "subIdHash": "60303ae22b998861",
    }
}
