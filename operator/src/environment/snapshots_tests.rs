use crokodial_crds::{ReleasePhase, ReleaseSpec, ReleaseStatus, Stage};
use serde_json::json;

use super::*;
use crate::environment::model::owner::Owner;
use crate::fingerprint::Key;
use crate::release::snapshot::Frozen;

fn isolation(name: &str, key: &[u8]) -> Isolation {
    let owner = Owner {
        name: name.parse().unwrap(),
        namespace: "shop".to_owned(),
        uid: "u".to_owned(),
        created: None,
    };
    Isolation::new(&owner, Stage::Staging, Key::new(key), Vec::new())
}

fn snapshot(account: &str) -> Snapshot {
    let container = json!({"name": "web", "image": "registry.test/app:1@sha256:d"});
    Snapshot {
        frozen: Frozen {
            number: 7,
            inputs: "9f3c".to_owned(),
            template: json!({"spec": {"serviceAccountName": account, "containers": [container]}}),
            smoke: None,
            secret_refs: None,
            release_phase: None,
        },
        stored: None,
        config: BTreeMap::from([("LEVEL".to_owned(), "info".to_owned())]),
    }
}

fn object(snapshot: &Snapshot, seal: Option<String>) -> ConfigMap {
    let mut object = snapshot.to_config_map().unwrap();
    object.metadata.annotations = seal.map(|seal| BTreeMap::from([(SEAL.to_owned(), seal)]));
    object
}

/// Returns a record of release 7; its status has this digest.
fn record(digest: Option<&str>) -> Record {
    Record {
        created: None,
        spec: ReleaseSpec {
            number: 7,
            inputs: "9f3c".to_owned(),
            digest: "sha256:d".to_owned(),
            ..ReleaseSpec::default()
        },
        status: Some(ReleaseStatus {
            phase: ReleasePhase::Good,
            snapshot_digest: digest.map(str::to_owned),
            ..ReleaseStatus::default()
        }),
    }
}

fn judged(object: ConfigMap, record: Option<Record>) -> (BTreeMap<i64, Snapshot>, Seals) {
    let records: Vec<Record> = record.into_iter().collect();
    judge([(7, object)], &records, &isolation("a", b"k"))
}

fn seal_of(snapshot: &Snapshot) -> String {
    isolation("a", b"k").seal(7, &snapshot.digest()).unwrap()
}

#[test]
fn what_was_sealed_counts_with_and_without_its_record() {
    let mine = snapshot("app");
    let sealed = object(&mine, Some(seal_of(&mine)));
    let unstarted = Record {
        status: None,
        ..record(None)
    };
    for record in [
        None,
        Some(unstarted),
        Some(record(None)),
        Some(record(Some("none"))),
    ] {
        let (frozen, seals) = judged(sealed.clone(), record);
        assert_eq!(frozen.get(&7), Some(&mine));
        assert_eq!(seals.unsealed, BTreeMap::new());
    }
}

#[test]
fn a_seal_is_of_one_environment_one_number_and_one_content() {
    let (mine, theirs) = (snapshot("app"), snapshot("admin"));
    let digest = mine.digest();
    let known = record(Some(&digest));
    let mut config = mine.clone();
    config.config.insert("LEVEL".to_owned(), "debug".to_owned());
    for (content, seal) in [
        (&theirs, Some(seal_of(&mine))),
        (&config, Some(seal_of(&mine))),
        (&theirs, None),
        (&theirs, isolation("b", b"k").seal(7, &theirs.digest())),
        (&theirs, isolation("a", b"k").seal(8, &theirs.digest())),
        (&theirs, isolation("a", b"other").seal(7, &theirs.digest())),
    ] {
        for record in [Some(known.clone()), Some(record(Some(NO_DIGEST))), None] {
            let (frozen, seals) = judged(object(content, seal.clone()), record);
            assert_eq!(frozen.len(), 0);
            assert_eq!(seals.invalid[&7], "its seal is not valid");
        }
    }
}

#[test]
fn a_sealed_snapshot_of_other_inputs_is_not_this_releases() {
    let mine = snapshot("app");
    let mut other = record(None);
    other.spec.inputs = "other".to_owned();
    let mut image = record(None);
    image.spec.digest = "sha256:e".to_owned();
    for record in [other, image] {
        let (frozen, seals) = judged(object(&mine, Some(seal_of(&mine))), Some(record));
        assert_eq!(frozen.len(), 0);
        assert!(seals.invalid.contains_key(&7));
    }
}

#[test]
fn one_of_an_earlier_version_is_sealed_once() {
    let mine = snapshot("app");
    let (_, old) = judged(object(&mine, None), Some(record(None)));
    assert!(old.unsealed[&7].first);
    let record_of_old = record(None);
    let digest = digest_to_store(&record_of_old, &old, true).unwrap();
    assert_eq!(digest, mine.digest());
    let (_, again) = judged(object(&mine, None), Some(record(Some(&digest))));
    assert!(
        !again.unsealed[&7].first,
        "the crash between the two writes"
    );
    let (_, forged) = judged(
        object(&snapshot("admin"), None),
        Some(record(Some(&digest))),
    );
    assert!(forged.invalid.contains_key(&7));
    // One that was not there, or did not fit, is not taken later.
    let absent = digest_to_store(&record_of_old, &Seals::default(), false);
    assert_eq!(absent.as_deref(), Some(NO_DIGEST));
    assert_eq!(
        digest_to_store(&record_of_old, &Seals::default(), true),
        None
    );
    assert_eq!(
        digest_to_store(&record_of_old, &forged, true).as_deref(),
        Some(NO_DIGEST)
    );
}

#[test]
fn another_or_an_empty_key_stops_nobody_and_proves_nothing() {
    let mine = snapshot("app");
    let known = [record(Some(&mine.digest()))];
    let sealed = object(&mine, Some(seal_of(&mine)));
    let (frozen, seals) = judge([(7, sealed)], &known, &isolation("a", b"other"));
    assert_eq!(frozen.len(), 1);
    assert!(!seals.unsealed[&7].first);
    let empty = isolation("a", b"");
    let (unkeyed, _) = judge([(7, object(&mine, Some(String::new())))], &[], &empty);
    assert_eq!(unkeyed.len(), 0);
}

#[test]
fn the_digest_does_not_depend_on_the_order_of_keys() {
    let mine = snapshot("app");
    let mut turned = mine.clone();
    turned.frozen.template = json!({"spec": {
        "containers": [{"image": "registry.test/app:1@sha256:d", "name": "web"}],
        "serviceAccountName": "app",
    }});
    assert_eq!(turned.digest(), mine.digest());
}
