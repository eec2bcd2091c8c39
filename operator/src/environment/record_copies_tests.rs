use crokodial_crds::Stage;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};

use super::*;
use crate::environment::fixture::at;
use crate::fingerprint::Key;

fn owner() -> Owner {
    Owner {
        name: "a".parse().unwrap(),
        namespace: "shop".to_owned(),
        uid: "u".to_owned(),
        created: None,
    }
}

fn isolation(key: &[u8]) -> Isolation {
    Isolation::new(&owner(), Stage::Staging, Key::new(key), Vec::new())
}

fn record(number: i64, phase: Option<ReleasePhase>) -> Record {
    Record {
        spec: ReleaseSpec {
            environment: "a".to_owned(),
            number,
            inputs: "9f3c".to_owned(),
            retry: "again".to_owned(),
            ..ReleaseSpec::default()
        },
        status: phase.map(|phase| ReleaseStatus {
            phase,
            reason: Some("CrashLoop".to_owned()),
            finished_at: Some(whole_seconds(at(-5))),
            snapshot_digest: Some("sha256:d".to_owned()),
            good_seconds: 70,
            serving: true,
            ..ReleaseStatus::default()
        }),
        created: None,
    }
}

/// Returns the metadata of a snapshot with the copy of this record, sealed with this key.
fn copied(record: &Record, key: &[u8]) -> ObjectMeta {
    ObjectMeta {
        annotations: Some(annotations(&isolation(key), record)),
        ..ObjectMeta::default()
    }
}

/// Judges one snapshot. Returns numbers and phases of the records that are made again, and the numbers of the copies that
/// are due.
fn judged(
    (number, snapshot): (i64, ObjectMeta),
    record: Option<&Record>,
    running: Option<i64>,
) -> (Vec<(i64, ReleasePhase)>, Vec<i64>) {
    let records: Vec<Record> = record.into_iter().cloned().collect();
    let copies = RecordCopies::judge(CopyInputs {
        owner: &owner(),
        releases: &[],
        records: &records,
        snapshots: &BTreeMap::from([(number, snapshot)]),
        isolation: &isolation(b"k"),
        running,
        now: at(0),
    });
    let phase = |r: &Record| (r.number(), r.phase().unwrap());
    let complete = copies.complete(records.clone());
    assert_eq!(complete.len(), records.len() + copies.remade.len());
    let remade = copies.remade.iter().map(phase).collect();
    (remade, copies.due.into_keys().collect())
}

#[test]
fn a_deleted_record_is_made_again_as_what_it_was() {
    use ReleasePhase::{Baking, Candidate, Good, Rejected, RolledBack, Rolling, Superseded};
    let rows = [
        (Some(Good), None, Some(Good)),
        (Some(Good), Some(7), Some(Good)),
        (Some(Rejected), None, Some(Rejected)),
        (Some(RolledBack), Some(7), Some(RolledBack)),
        (Some(Superseded), None, Some(Superseded)),
        // Of a release in flight only that is known which the Deployment says.
        (Some(Baking), Some(7), Some(Rolling)),
        (Some(Rolling), Some(7), Some(Rolling)),
        (None, Some(7), Some(Rolling)),
        // Without pods, it is made anew in the ordinary way.
        (Some(Candidate), Some(6), None),
        (None, None, None),
    ];
    for (phase, running, wanted) in rows {
        let copy = copied(&record(7, phase), b"k");
        let wanted: Vec<(i64, ReleasePhase)> = wanted.map(|p| (7, p)).into_iter().collect();
        let case = format!("{phase:?}, running {running:?}");
        assert_eq!(judged((7, copy), None, running), (wanted, vec![]), "{case}");
    }
}

#[test]
fn what_lasts_is_kept_and_what_was_measured_is_not() {
    let copies = RecordCopies::judge(CopyInputs {
        owner: &owner(),
        releases: &[],
        records: &[],
        snapshots: &BTreeMap::from([(7, copied(&record(7, Some(ReleasePhase::Rejected)), b"k"))]),
        isolation: &isolation(b"k"),
        running: None,
        now: at(0),
    });
    let mut wanted = record(7, Some(ReleasePhase::Rejected));
    if let Some(status) = &mut wanted.status {
        status.serving = false;
        status.good_seconds = 0;
    }
    assert_eq!(copies.remade, [wanted]);
}

#[test]
fn only_a_copy_with_the_seal_of_this_release_counts() {
    let good = record(7, Some(ReleasePhase::Good));
    let nothing = (vec![], vec![]);
    let again = |number: i64, copy: ObjectMeta| judged((number, copy), None, Some(number));
    assert_eq!(again(7, copied(&good, b"another")), nothing);
    assert_eq!(again(8, copied(&good, b"k")), nothing);
    assert_eq!(again(7, ObjectMeta::default()), nothing);
    let mut forged = copied(&record(7, Some(ReleasePhase::Rejected)), b"k");
    for text in forged.annotations.iter_mut().flat_map(BTreeMap::values_mut) {
        *text = text.replace("Rejected", "Good");
    }
    assert_eq!(again(7, forged), nothing);
    // Of an environment of the same name that was deleted before, and of one that is being deleted.
    let mut old = copied(&good, b"k");
    old.owner_references = Some(vec![OwnerReference {
        kind: "CrokodialEnvironment".to_owned(),
        uid: "earlier".to_owned(),
        ..OwnerReference::default()
    }]);
    assert_eq!(again(7, old), nothing);
    let mut ending = copied(&good, b"k");
    ending.deletion_timestamp = Some(Time(at(0)));
    assert_eq!(again(7, ending), nothing);
}

#[test]
fn a_copy_is_due_when_the_record_says_something_else() {
    use ReleasePhase::{Good, Pending, Rolling};
    let with = |copy: &Record, stored: &Record| {
        let (remade, due) = judged((7, copied(copy, b"k")), Some(stored), Some(7));
        assert_eq!(remade, []);
        !due.is_empty()
    };
    let good = record(7, Some(Good));
    assert!(!with(&good, &good));
    assert!(with(&record(7, None), &good));
    assert!(!with(&record(7, None), &record(7, Some(Rolling))));
    assert!(!with(&record(7, Some(Pending)), &record(7, Some(Rolling))));
    let mut pinned = good.clone();
    pinned.spec.pin = true;
    assert!(with(&good, &pinned));
    let mut soaked = good.clone();
    soaked.status.as_mut().unwrap().good_seconds = 3_000;
    assert!(!with(&good, &soaked), "not each minute");
    // A snapshot of an earlier version, and one that was sealed with another key.
    let due = |copy| judged((7, copy), Some(&good), None).1;
    assert_eq!(due(ObjectMeta::default()), [7]);
    assert_eq!(due(copied(&good, b"another")), [7]);
    // A restored record has no status, and gets none.
    assert_eq!(
        judged((7, copied(&good, b"k")), Some(&record(7, None)), None),
        (vec![], vec![])
    );
}
