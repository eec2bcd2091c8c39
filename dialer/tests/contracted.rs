//! Tests of the effects of `dialer migrate --contract`, and of databases that the old Node.js server never used,
//! against a MongoDB-compatible database.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::migrations::{APPLY, CHECK, CONTRACT};
use crate::support::mongo::{Scratch, scratch};
use crate::support::old;
use crate::support::pairs::{K1, K2, credentials, keyed, knock, named, old_pair, pair_of};
use crate::support::people::{OPEN, PASSWORD, Person, do_to, login, old_account};
use crate::support::{app, config, post};
use bson::oid::ObjectId;
use bson::{Document, doc};
use crokodial_dialer::admin;
use crokodial_dialer::cli::Migrate;
use crokodial_dialer::migrate;
use futures::future::{join, join_all};
use http::StatusCode;
use serde_json::json;

/// Prefix of every new Argon2id hash.
const ARGON2ID: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

async fn run(db: &Scratch, asked: &Migrate, more: &[(&str, &str)]) -> anyhow::Result<u8> {
    migrate::run(&config(&db.uri, more), asked).await
}

/// Runs `dialer migrate` with encryption keys and returns its exit code. Panics if it fails.
async fn ok(db: &Scratch, asked: &Migrate) -> u8 {
    run(db, asked, &[("ENCRYPTION_KEYS", K1)]).await.unwrap()
}

async fn refused(db: &Scratch, more: &[(&str, &str)]) -> String {
    let error = run(db, &CONTRACT, more).await.unwrap_err();
    format!("{error:#}")
}

async fn is_marked(db: &Scratch) -> bool {
    let marks = db.database.collection::<Document>("migrationmarks");
    let mark = marks.find_one(doc! { "_id": "contracted" });
    mark.await.unwrap().is_some()
}

async fn hash_of(db: &Scratch, email: &str) -> String {
    let users = db.database.collection::<Document>("users");
    let user = users.find_one(doc! { "email": email }).await.unwrap();
    user.unwrap().get_str("password").unwrap().to_owned()
}

async fn insert(db: &Scratch, email: &str, password: &str) {
    let users = db.database.collection::<Document>("users");
    let account = old_account(email, password);
    users.insert_one(account).await.unwrap();
}

/// Waits until the password hash of the account is Argon2id, and returns it. The server upgrades hashes in the
/// background.
async fn improved(db: &Scratch, email: &str) -> String {
    let stored = async {
        loop {
            let hash = hash_of(db, email).await;
            if hash.starts_with(ARGON2ID) {
                return hash;
            }
            tokio::task::yield_now().await;
        }
    };
    let limit = Duration::from_secs(20);
    let found = tokio::time::timeout(limit, stored).await;
    found.unwrap_or_else(|_| panic!("the hash of {email} is as it was"))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_servers_keys_contract_says_so_and_changes_nothing() {
    let name = "without_the_servers_keys_contract_says_so_and_changes_nothing";
    let Some(db) = scratch(name).await else {
        return;
    };
    let old = old::fill(&db.database).await;
    let servers = app(&db.uri, &keyed(K1));
    servers.app.vendors.first_pair(old.admin).await;
    let collections = ["users", "leads", "nextgencredentials", "dispositions"];
    let all = async || join_all(collections.map(|name| old::bytes(&db.database, name))).await;
    let before = all().await;
    let told = refused(&db, &[]).await;
    assert!(told.contains("ENCRYPTION_KEYS is not set"), "{told}");
    assert!(told.contains("openssl rand -base64 32"), "{told}");
    let told = refused(&db, &[("ENCRYPTION_KEYS", K2)]).await;
    assert!(told.contains("the value that the servers have"), "{told}");
    let role = [("CROKODIAL_ROLE", "candidate"), ("ENCRYPTION_KEYS", K1)];
    let told = refused(&db, &role).await;
    assert!(told.contains("not for a release phase"), "{told}");
    assert!(!told.contains("key_1"), "{told}");
    assert_eq!(all().await, before);
    assert!(!is_marked(&db).await);
    assert_eq!(knock(&servers, &named("1")).await, StatusCode::CREATED);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_pairs_are_sealed_and_work_at_every_moment() {
    let Some(db) = scratch("plain_pairs_are_sealed_and_work_at_every_moment").await else {
        return;
    };
    insert(&db, "rep@example.com", "legacy-password-1").await;
    let servers = app(&db.uri, &keyed(K1));
    let rep = Person::signed_in(&servers, "rep@example.com", "legacy-password-1").await;
    for n in 0..6 {
        old_pair(&db.database, ObjectId::new(), &format!("old{n}")).await;
    }
    old_pair(&db.database, rep.id, "mine").await;
    let off = doc! { "$set": { "active": false } };
    credentials(&db.database)
        .update_one(doc! { "sid": "crk_old5" }, off)
        .await
        .unwrap();
    let mine = pair_of(&rep).await;

    let done = AtomicBool::new(false);
    let vendor = async {
        let mut sent = 0;
        while !done.load(Ordering::Acquire) || sent == 0 {
            for n in 0..5 {
                let answer = knock(&servers, &named(&format!("old{n}"))).await;
                assert!(answer.is_success(), "{n}: {answer}");
                sent += 1;
            }
        }
    };
    let contract = async {
        assert_eq!(ok(&db, &CONTRACT).await, 0);
        done.store(true, Ordering::Release);
    };
    join(vendor, contract).await;

    let stored = old::bytes(&db.database, "nextgencredentials").await;
    for row in stored.values() {
        let text = String::from_utf8_lossy(row);
        assert!(
            !text.contains("key_old") && !text.contains("key_mine"),
            "{text}"
        );
    }
    assert_eq!(pair_of(&rep).await, mine, "shown as before");
    assert!(knock(&servers, &mine).await.is_success());
    for wrong in ["old5", "never"] {
        let answer = knock(&servers, &named(wrong)).await;
        assert_eq!(answer, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    let swapped = json!({ "sid": "crk_old0", "apiKey": "key_old1" });
    assert_eq!(knock(&servers, &swapped).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ok(&db, &CONTRACT).await, 0);
    let again = old::bytes(&db.database, "nextgencredentials").await;
    assert_eq!(again, stored, "nothing is done twice");
    assert_eq!(ok(&db, &CHECK).await, 0);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contraction_that_broke_off_is_run_again() {
    let Some(db) = scratch("a_contraction_that_broke_off_is_run_again").await else {
        return;
    };
    insert(&db, "rep@example.com", "legacy-password-1").await;
    let tenant = ObjectId::new();
    for name in ["a", "b"] {
        old_pair(&db.database, tenant, name).await;
    }
    assert_eq!(ok(&db, &CONTRACT).await, 0);
    // The state after a run that was interrupted, and after which the legacy server added a credential: the mark is
    // missing.
    let marks = db.database.collection::<Document>("migrationmarks");
    marks
        .delete_one(doc! { "_id": "contracted" })
        .await
        .unwrap();
    old_pair(&db.database, tenant, "c").await;
    assert_eq!(ok(&db, &CHECK).await, 1);
    let servers = app(&db.uri, &keyed(K1));
    for name in ["a", "b", "c"] {
        assert!(knock(&servers, &named(name)).await.is_success(), "{name}");
    }
    assert_eq!(ok(&db, &CONTRACT).await, 0);
    assert!(is_marked(&db).await);
    assert_eq!(ok(&db, &CHECK).await, 0);
    for name in ["a", "b", "c"] {
        assert!(knock(&servers, &named(name)).await.is_success(), "{name}");
    }
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_an_old_server_starts_contracted() {
    let Some(db) = scratch("a_database_without_an_old_server_starts_contracted").await else {
        return;
    };
    assert_eq!(run(&db, &APPLY, &[]).await.unwrap(), 0);
    let app = app(&db.uri, OPEN);
    let nobody = login(&app, "rep@example.com", PASSWORD).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    assert!(!is_marked(&db).await, "only an account decides");
    let settings = config(&db.uri, &[]);
    let first = admin::create(&settings, "admin@example.com", "First").await;
    assert!(is_marked(&db).await);
    let chief = Person::signed_in(&app, "admin@example.com", &first.unwrap()).await;
    // Another replica. The first one has cached the old scheme for up to a minute.
    let app = crate::support::app(&db.uri, OPEN);
    let rep_here = Person::registered(&app, "rep@example.com").await;
    let mut hashes = vec![
        hash_of(&db, "admin@example.com").await,
        hash_of(&db, "rep@example.com").await,
    ];
    let change = json!({ "password": "battery staple 2", "currentPassword": PASSWORD });
    let changed = rep_here.put("/api/auth/profile", &change).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    hashes.push(hash_of(&db, "rep@example.com").await);
    let rep_again = Person::signed_in(&app, "rep@example.com", "battery staple 2").await;
    let link = do_to(&chief, &rep_again, "reset-link").await.json()["token"].clone();
    let body = json!({ "token": link, "password": "battery staple 3" });
    let reset = post(&app.router, "/api/auth/reset", &body).await;
    assert_eq!(reset.status, StatusCode::OK, "{}", reset.text);
    hashes.push(hash_of(&db, "rep@example.com").await);
    let given = admin::reset(&settings, "rep@example.com").await.unwrap();
    hashes.push(hash_of(&db, "rep@example.com").await);
    Person::signed_in(&app, "rep@example.com", &given).await;
    for hash in &hashes {
        assert!(hash.starts_with(ARGON2ID), "{hash}");
    }
    hashes.dedup();
    assert_eq!(hashes.len(), 5);
    assert_eq!(run(&db, &CHECK, &[]).await.unwrap(), 0);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hashes_stay_the_old_server_s_until_contraction_and_then_become_better_by_signing_in() {
    let name =
        "hashes_stay_the_old_server_s_until_contraction_and_then_become_better_by_signing_in";
    let Some(db) = scratch(name).await else {
        return;
    };
    let long = "x".repeat(80);
    for (email, password) in [
        ("old@example.com", "legacy-password-1"),
        ("long@example.com", long.as_str()),
    ] {
        insert(&db, email, password).await;
    }
    ok(&db, &APPLY).await;
    let before = app(&db.uri, OPEN);
    Person::registered(&before, "new@example.com").await;
    Person::signed_in(&before, "old@example.com", "legacy-password-1").await;
    let fresh = hash_of(&db, "new@example.com").await;
    assert!(fresh.starts_with("$2b$10$") && bcrypt::verify(PASSWORD, &fresh).unwrap());
    assert!(hash_of(&db, "old@example.com").await.starts_with("$2a$10$"));
    assert!(!is_marked(&db).await);
    assert_eq!(ok(&db, &CHECK).await, 1);

    ok(&db, &CONTRACT).await;
    assert_eq!(ok(&db, &CHECK).await, 0, "what is left is only noted");
    // A replica that has cached the old scheme does not improve hashes yet.
    Person::signed_in(&before, "old@example.com", "legacy-password-1").await;
    assert!(hash_of(&db, "old@example.com").await.starts_with("$2a$10$"));

    let after = app(&db.uri, OPEN);
    let wrong = login(&after, "new@example.com", "wrong horse 1").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    Person::signed_in(&after, "old@example.com", "legacy-password-1").await;
    improved(&db, "old@example.com").await;
    assert_eq!(hash_of(&db, "new@example.com").await, fresh);
    for replica in [&before, &after] {
        Person::signed_in(replica, "old@example.com", "legacy-password-1").await;
        let wrong = login(replica, "old@example.com", "legacy-password-2").await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    }
    // bcrypt read only the first 72 bytes. The typed password is a different one, so it must not be stored as Argon2id.
    let typed = format!("{}and more", "x".repeat(72));
    Person::signed_in(&after, "long@example.com", &typed).await;
    Person::signed_in(&after, "new@example.com", PASSWORD).await;
    improved(&db, "new@example.com").await;
    assert!(
        hash_of(&db, "long@example.com")
            .await
            .starts_with("$2a$10$")
    );
    Person::signed_in(&after, "long@example.com", &long).await;
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_at_once_all_succeed_while_the_hash_becomes_better() {
    let name = "sign_ins_at_once_all_succeed_while_the_hash_becomes_better";
    let Some(db) = scratch(name).await else {
        return;
    };
    insert(&db, "old@example.com", "legacy-password-1").await;
    ok(&db, &CONTRACT).await;
    let replicas = [app(&db.uri, OPEN), app(&db.uri, OPEN)];
    let here = Person::signed_in(&replicas[0], "old@example.com", "legacy-password-1").await;
    improved(&db, "old@example.com").await;
    for round in 0..3 {
        let account = old_account("x", "legacy-password-1");
        let hash = account.get_str("password").unwrap();
        let back = doc! { "$set": { "password": hash } };
        let users = db.database.collection::<Document>("users");
        users.update_many(doc! {}, back).await.unwrap();
        let all = replicas.iter().cycle().take(6);
        let all = all.map(|replica| login(replica, "old@example.com", "legacy-password-1"));
        let name = format!("Name {round}");
        // The password stays the same, so that the concurrent sign-ins succeed and are not throttled.
        let change = json!({
            "name": name, "password": "legacy-password-1", "currentPassword": "legacy-password-1",
        });
        let (signed_in, changed) =
            join(join_all(all), here.put("/api/auth/profile", &change)).await;
        for answer in signed_in {
            assert_eq!(answer.status, StatusCode::OK, "{round}: {}", answer.text);
        }
        assert_eq!(changed.status, StatusCode::OK, "{round}: {}", changed.text);
        assert_eq!(changed.json()["name"], name);
        improved(&db, "old@example.com").await;
    }
    db.finish().await;
}
