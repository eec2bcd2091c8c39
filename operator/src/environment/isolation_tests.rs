use super::*;
use crate::environment::pod_secret::{Experience, PodSecret, RolledContent};
use crate::fingerprint::{KEY_BYTES, MARK_LENGTH};

fn owner() -> Owner {
    Owner {
        name: "prod".parse().unwrap(),
        namespace: "b".to_owned(),
        uid: "u".to_owned(),
        created: None,
    }
}

fn key() -> Key {
    Key::new(&[7; KEY_BYTES])
}

fn other(stage: &str, database: &[String], values: &[&str], since: i64) -> Other {
    let values = values.iter().map(|v| key().mark("value", v.as_bytes()));
    Other {
        environment: format!("a/{stage}"),
        deleted: false,
        stage: stage.to_owned(),
        since: Timestamp::from_second(since).ok(),
        database: database.to_vec(),
        values: values.collect(),
    }
}

fn isolation(others: Vec<Other>) -> Isolation {
    Isolation::new(&owner(), Stage::Prod, key(), others)
}

fn copy_made(second: i64) -> Secret {
    let mut secret = Secret::default();
    let at = Timestamp::from_second(second).unwrap();
    secret.metadata.creation_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at));
    secret
}

#[test]
fn only_the_newcomer_to_the_other_stages_database_is_refused() {
    let alone = isolation(Vec::new());
    let marks = alone.keyed(&["m1".to_owned(), "m2".to_owned()]);
    let staging = isolation(vec![other("staging", &marks[..1], &[], 100)]);
    let told = staging.judge(&marks, None);
    assert_eq!(
        (told.is_false(), told.reason),
        (true, Reason::WrongDatabase)
    );
    assert!(told.seen.contains("a/staging"), "{}", told.seen);
    assert!(
        staging.judge(&marks, Some(&copy_made(200))).is_false(),
        "it came later"
    );
    assert!(
        staging.judge(&marks, Some(&copy_made(50))).is_true(),
        "it was there first"
    );
    assert!(
        staging.judge(&marks[1..], None).is_true(),
        "another database"
    );
    assert!(alone.judge(&marks, None).is_true());
    assert_eq!(staging.judge(&[], None).reason, Reason::NotVerified);
    let sibling = isolation(vec![other("prod", &marks, &[], 1)]);
    assert!(
        sibling.judge(&marks, None).is_true(),
        "within a stage databases may be shared"
    );
}

#[test]
fn a_namespace_that_cannot_be_read_refuses_what_is_new_and_nothing_else() {
    let marks = isolation(Vec::new()).keyed(&["m1".to_owned()]);
    let without = |others| isolation(others).without(vec!["namespace c cannot be read".to_owned()]);
    let unknown = without(Vec::new()).judge(&marks, None);
    assert_eq!(unknown.reason, Reason::Unreadable);
    assert!(unknown.seen.contains("namespace c"), "{}", unknown.seen);
    let refuses = |in_use, known| Isolation::refuses(&unknown, in_use, known);
    assert!(refuses(false, false), "a database that is new here");
    assert!(!refuses(true, true), "the URI in use");
    assert!(
        !refuses(false, true),
        "a new password for the database in use"
    );
    let taken = without(vec![other("staging", &marks, &[], 100)]).judge(&marks, None);
    assert_eq!(taken.reason, Reason::WrongDatabase, "what is known counts");
    assert!(Isolation::refuses(&taken, false, true));
}

#[test]
fn a_fingerprint_needs_the_key() {
    let mark = ["m1".to_owned()];
    let ours = isolation(Vec::new()).keyed(&mark);
    let theirs = Isolation::new(&owner(), Stage::Prod, Key::new(&[8; KEY_BYTES]), Vec::new());
    assert_ne!(ours, theirs.keyed(&mark));
    assert_ne!(key().mark("value", b"m1"), key().mark("database", b"m1"));
    assert_eq!(format!("{:?}", key()), "Key");
}

#[test]
fn prod_is_warned_of_long_values_that_staging_has_too() {
    let (long, short) = ("a-secret-of-thirty-one-characters", "debug");
    let values = BTreeMap::from([
        ("JWT_SECRET".to_owned(), ByteString(long.into())),
        ("LEVEL".to_owned(), ByteString(short.into())),
    ]);
    let staging = other("staging", &[], &[long, short], 1);
    let told = isolation(vec![staging.clone()]).shared(&values).unwrap();
    assert!(told.is_true());
    assert_eq!(told.reason, Reason::SharedSecret);
    assert!(
        told.seen.contains("JWT_SECRET") && !told.seen.contains("LEVEL"),
        "{}",
        told.seen
    );
    assert!(!told.seen.contains(long));
    assert_eq!(
        isolation(vec![other("staging", &[], &["something else entirely"], 1)]).shared(&values),
        None
    );
    let from_staging = Isolation::new(
        &owner(),
        Stage::Staging,
        key(),
        vec![other("prod", &[], &[long], 1)],
    );
    assert_eq!(from_staging.shared(&values), None, "told on prod only");
}

#[test]
fn what_stands_on_a_copy_shows_no_value() {
    let values = BTreeMap::from([(
        "JWT_SECRET".to_owned(),
        ByteString("sixteen characters".into()),
    )]);
    let isolation = isolation(Vec::new());
    let copy = PodSecret {
        live: None,
        rolled: &RolledContent::default(),
        experience: &Experience::default(),
        key: isolation.key(),
    };
    let finding = Finding::yes(Reason::Succeeded, "");
    let mut active = super::super::credentials::advance(finding, values, copy);
    isolation.label_values(&mut active);
    assert_eq!(active.annotations[STAGE], "prod");
    assert_eq!(active.annotations[VALUES].len(), MARK_LENGTH);
    assert!(!active.annotations[VALUES].contains("sixteen"));
}
