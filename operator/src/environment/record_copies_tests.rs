use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{ReleasePhase, Stage};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;
use crate::environment::fixture::at;
use crate::environment::model::owner::Owner;
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
            started_at: Some(whole_seconds(at(-90))),
            finished_at: Some(whole_seconds(at(-5))),
            snapshot_digest: Some("sha256:d".to_owned()),
            good_seconds: 70,
            serving: true,
            ..ReleaseStatus::default()
        }),
        created: None,
    }
}

/// Metadata of the snapshot of release 7 before it has a copy.
fn bare() -> ObjectMeta {
    ObjectMeta {
        uid: Some("s7".to_owned()),
        ..ObjectMeta::default()
    }
}

/// Returns the metadata of a snapshot with the copy of this record, sealed with this key.
fn copied(record: &Record, key: &[u8]) -> ObjectMeta {
    ObjectMeta {
        annotations: Some(annotations(&isolation(key), &bare(), record)),
        ..bare()
    }
}

fn judge(
    snapshots: &BTreeMap<i64, ObjectMeta>,
    records: &[Record],
    running: Option<i64>,
) -> RecordCopies {
    RecordCopies::judge(CopyInputs {
        records,
        snapshots,
        isolation: &isolation(b"k"),
        running,
    })
}

/// Judges one snapshot. Returns numbers and phases of the records that are made again, and the numbers of the copies that
/// are due.
fn judged(
    (number, snapshot): (i64, ObjectMeta),
    record: Option<&Record>,
) -> (Vec<(i64, ReleasePhase)>, Vec<i64>) {
    let records: Vec<Record> = record.into_iter().cloned().collect();
    let copies = judge(&BTreeMap::from([(number, snapshot)]), &records, None);
    let phase = |r: &Record| (r.number(), r.phase().unwrap());
    let remade = copies.remade.iter().map(phase).collect();
    (remade, copies.due.into_keys().collect())
}

#[test]
fn a_record_is_made_again_as_what_it_was_once_its_phase_was_final() {
    use ReleasePhase::{Baking, Candidate, Good, Rejected, RolledBack, Rolling, Superseded};
    for phase in [Good, Rejected, RolledBack, Superseded] {
        let copy = || (7, copied(&record(7, Some(phase)), b"k"));
        let wanted = (vec![(7, phase)], vec![]);
        assert_eq!(judged(copy(), None), wanted, "{phase:?}, deleted");
        let bare = record(7, None);
        assert_eq!(judged(copy(), Some(&bare)), wanted, "{phase:?}, no status");
    }
    for phase in [Some(Candidate), Some(Rolling), Some(Baking), None] {
        let record = record(7, phase);
        let copy = copied(&record, b"k");
        assert_eq!(copy.annotations, Some(BTreeMap::new()), "{phase:?}");
        assert_eq!(judged((7, copy), None), (vec![], vec![]), "{phase:?}");
        assert_eq!(judged((7, bare()), Some(&record)), (vec![], vec![]));
    }
}

#[test]
fn what_lasts_is_kept_and_what_was_measured_is_not() {
    let rejected = record(7, Some(ReleasePhase::Rejected));
    let snapshots = BTreeMap::from([(7, copied(&rejected, b"k"))]);
    let copies = judge(&snapshots, &[record(8, Some(ReleasePhase::Good))], None);
    let mut wanted = rejected;
    if let Some(status) = &mut wanted.status {
        status.serving = false;
        status.good_seconds = 0;
    }
    wanted.created = Some(at(-90));
    assert_eq!(copies.remade, [wanted]);
    let complete = copies.complete(vec![record(8, Some(ReleasePhase::Good))]);
    let numbers: Vec<i64> = complete.iter().map(Record::number).collect();
    assert_eq!(numbers, [7, 8]);
}

#[test]
fn only_a_copy_with_the_seal_of_this_release_environment_and_snapshot_counts() {
    let good = record(7, Some(ReleasePhase::Good));
    let nothing = (vec![], vec![]);
    let again = |number: i64, copy: ObjectMeta| judged((number, copy), None);
    let valid = || copied(&good, b"k");
    assert_eq!(again(7, valid()).0, [(7, ReleasePhase::Good)]);
    assert_eq!(again(7, copied(&good, b"another")), nothing);
    assert_eq!(again(8, valid()), nothing);
    assert_eq!(again(7, bare()), nothing);
    let mut forged = copied(&record(7, Some(ReleasePhase::Rejected)), b"k");
    for text in forged.annotations.iter_mut().flat_map(BTreeMap::values_mut) {
        *text = text.replace("Rejected", "Good");
    }
    assert_eq!(again(7, forged), nothing);
    // Saved and created again.
    for uid in [Some("s8".to_owned()), None] {
        assert_eq!(again(7, ObjectMeta { uid, ..valid() }), nothing);
    }
    let earlier = Owner {
        uid: "earlier".to_owned(),
        ..owner()
    };
    let earlier = Isolation::new(&earlier, Stage::Staging, Key::new(b"k"), Vec::new());
    let old = ObjectMeta {
        annotations: Some(annotations(&earlier, &bare(), &good)),
        ..bare()
    };
    assert_eq!(again(7, old), nothing);
    let ending = ObjectMeta {
        deletion_timestamp: Some(Time(at(0))),
        ..valid()
    };
    assert_eq!(again(7, ending), nothing);
}

#[test]
fn a_pin_comes_back_only_with_the_release_that_runs() {
    let mut pinned = record(7, Some(ReleasePhase::Good));
    pinned.spec.pin = true;
    pinned.spec.pin_reason = "INC-7".to_owned();
    let snapshots = BTreeMap::from([(7, copied(&pinned, b"k"))]);
    let pin = |records: &[Record], running: Option<i64>| {
        let copies = judge(&snapshots, records, running);
        let specs = copies.remade.iter().map(|r| &r.spec);
        let pins = specs.map(|s| (s.pin, s.pin_reason.clone()));
        pins.collect::<Vec<_>>()
    };
    let with = vec![(true, "INC-7".to_owned())];
    let without = vec![(false, String::new())];
    assert_eq!(pin(&[], Some(7)), with);
    assert_eq!(pin(&[], Some(6)), without);
    assert_eq!(pin(&[], None), without);
    // A record without a status says itself what is asked for.
    let mut left = record(7, None);
    assert_eq!(pin(&[left.clone()], Some(7)), without);
    left.spec = pinned.spec.clone();
    assert_eq!(pin(&[left.clone()], None), with);
    left.spec.digest = "sha256:other".to_owned();
    assert_eq!(pin(&[left], None), [], "another release");
}

#[test]
fn a_copy_is_due_when_the_record_says_something_else() {
    use ReleasePhase::Good;
    let good = record(7, Some(Good));
    let due = |copy: ObjectMeta, stored: &Record| {
        let (remade, due) = judged((7, copy), Some(stored));
        assert_eq!(remade, []);
        !due.is_empty()
    };
    assert!(!due(copied(&good, b"k"), &good));
    assert!(due(bare(), &good));
    assert!(due(copied(&good, b"another"), &good));
    let mut pinned = good.clone();
    pinned.spec.pin = true;
    assert!(due(copied(&good, b"k"), &pinned));
    let mut soaked = good.clone();
    soaked.status.as_mut().unwrap().good_seconds = 3_000;
    assert!(!due(copied(&good, b"k"), &soaked), "not each minute");
}

#[test]
fn the_copies_of_the_newest_releases_are_written_first() {
    let most = i64::try_from(MAX_WRITTEN).unwrap();
    for (number, more) in [(most, false), (most + 2, true)] {
        let snapshots = (1..=number).map(|n| (n, bare())).collect();
        let good = |n: i64| record(n, Some(ReleasePhase::Good));
        let records: Vec<Record> = (1..=number).map(good).collect();
        let copies = judge(&snapshots, &records, None);
        let due: Vec<i64> = copies.due.into_keys().collect();
        let wanted: Vec<i64> = (number - most + 1..=number).collect();
        assert_eq!((due, copies.more), (wanted, more));
    }
}
