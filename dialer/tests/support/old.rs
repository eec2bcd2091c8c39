//! Test database with data as written by the two versions of the old Node.js server, called F and M.

use std::collections::BTreeMap;

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use futures::TryStreamExt;
use mongodb::options::IndexOptions;
use mongodb::{Database, IndexModel};

/// Password of the accounts in the test data, except the one whose password was hashed twice.
pub const PASSWORD: &str = "correct horse 1";

/// Ids of the administrator and of one sales representative in the test data.
pub struct Old {
    pub admin: ObjectId,
    pub rep: ObjectId,
}

/// Returns a bcrypt hash with the prefix `$2a$`, as the old Node.js server stored it. Its cost is low to keep tests
/// fast.
fn hash(password: &str) -> String {
    let parts = bcrypt::hash_with_result(password, 4).unwrap();
    parts.format_for_version(bcrypt::Version::TwoA)
}

fn user(id: ObjectId, email: &str, role: &str, password: &str) -> Document {
    let at = DateTime::from_millis(1_700_000_000_000_i64);
    doc! {
        "_id": id, "email": email, "username": email, "name": "Old", "role": role, "password": password,
        "gmailConnected": false, "createdAt": at, "updatedAt": at, "__v": 0,
        "textdrip": { "apiKey": "plain-as-it-was" }, "profilePicture": "data:image/png;base64,AAAA",
    }
}

/// Fills an empty database with data of the old Node.js server, and creates its indexes that conflict with the dialer.
pub async fn fill(db: &Database) -> Old {
    let old = Old {
        admin: ObjectId::new(),
        rep: ObjectId::new(),
    };
    let twice = hash(&hash(PASSWORD));
    let users = [
        user(old.admin, "Boss@Example.com", "admin", &hash(PASSWORD)),
        user(old.rep, "rep@example.com", "user", &hash(PASSWORD)),
        user(ObjectId::new(), "Rep@Example.com", "agent", &hash(PASSWORD)),
        user(ObjectId::new(), "twice@example.com", "user", &twice),
    ];
    insert(db, "users", users.into()).await;
    insert(db, "leads", leads(&old)).await;
    let ghost = doc! { "_id": ObjectId::new(), "name": "SOLD", "color": "#84CC16", "isDefault": true, "createdBy": old.admin };
    insert(db, "dispositions", vec![ghost]).await;
    let key = doc! {
        "_id": ObjectId::new(), "tenantId": old.rep, "sid": "crk_1", "apiKey": "key_1", "active": true,
    };
    insert(db, "nextgencredentials", vec![key]).await;
    let calls = doc! {
        "_id": ObjectId::new(), "userId": old.rep, "phone": "5550123456", "count": 2.0, "lastDialedAt": DateTime::now(),
    };
    insert(db, "dialcounts", vec![calls]).await;
    for (collection, keys) in [
        ("leads", doc! { "tenantId": 1, "leadId": 1 }),
        ("dispositions", doc! { "name": 1 }),
    ] {
        let unique = IndexOptions::builder().unique(true).build();
        let index = IndexModel::builder().keys(keys).options(unique).build();
        let collection = db.collection::<Document>(collection);
        collection.create_index(index).await.unwrap();
    }
    old
}

fn leads(old: &Old) -> Vec<Document> {
    let at = DateTime::from_millis(1_752_000_000_000_i64);
    vec![
        // Server F: numeric price, source code, and a vendor's id.
        doc! {
            "_id": ObjectId::new(), "tenantId": old.rep, "assignedTo": old.rep, "name": "Eve F", "phone": "(555) 012-3456",
            "email": "eve@example.com", "leadId": "f-1", "price": 32.5, "product": "data", "sourceCode": "NextGen",
            "status": "New", "disposition": "SOLD", "order": 0, "callHistory": [], "createdAt": at, "updatedAt": at,
            "notes": "★ New NextGen Lead\nwas nice", "__v": 0,
        },
        // Server M: price as text, unformatted phone number, the webhook's id field, and no disposition.
        doc! {
            "_id": ObjectId::new(), "tenantId": old.rep, "name": "Max M", "phone": "15550123457", "nextgenId": "M-1",
            "leadId": "m-1", "price": "12.00", "status": "New", "createdAt": at, "updatedAt": at, "__v": 0,
        },
        // Written by an importer that used no schema.
        doc! {
            "_id": ObjectId::new(), "tenantId": old.rep, "leadId": "i-1", "name": Bson::Null, "zipcode": 7001, "military": "yes",
            "disposition": Bson::Null, "vendorData": { "x": [1, 2.5, { "when": 3 }] }, "source_hash": "h", "importedAt": at,
            "createdAt": "2024-01-02T03:04:05Z", "order": 4.0,
        },
        // Written before there were tenants.
        doc! { "_id": ObjectId::new(), "leadId": "u-1", "name": "No One's", "phone": "555-0188", "createdAt": at },
        doc! { "_id": "64b0000000000000000000zz", "tenantId": old.rep, "leadId": "x-1", "name": "Odd Id", "createdAt": at },
    ]
}

async fn insert(db: &Database, collection: &str, documents: Vec<Document>) {
    let collection = db.collection::<Document>(collection);
    collection.insert_many(documents).await.unwrap();
}

/// Returns all documents of a collection as BSON bytes, by `_id`.
pub async fn bytes(db: &Database, collection: &str) -> BTreeMap<String, Vec<u8>> {
    let collection = db.collection::<RawDocumentBuf>(collection);
    let found: Vec<RawDocumentBuf> = collection
        .find(doc! {})
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let by_id = found.into_iter().map(|document| {
        let id = format!("{:?}", document.get("_id").unwrap());
        (id, document.into_bytes())
    });
    by_id.collect()
}
