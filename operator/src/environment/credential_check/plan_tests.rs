#[path = "plan_fixture.rs"]
mod plan_fixture;

use crokodial_crds::Stage;
use jiff::SignedDuration;

use self::plan_fixture::*;
use super::*;
use crate::environment::isolation::{Isolation, Other};
use crate::fingerprint::Key;

#[test]
fn a_first_value_is_tried_and_used_only_when_proven() {
    let proof = Case::new("new").plan();
    assert_eq!(proof.active.advance, None);
    assert!(!proof.active.usable);
    assert_eq!(proof.active.finding.reason, Reason::PreflightRunning);
    assert_eq!(proof.state, CredentialState::Checking);
    let start = proof.start.unwrap();
    assert_eq!(
        (start.number, start.tries, start.database.as_str()),
        (1, 1, "shop")
    );

    let proof = Case::new("new")
        .tried(1, "new", answered(990, "Proven"))
        .plan();
    assert!(uses(&proof, "new"));
    assert!(proof.active.usable);
    assert_eq!(proof.active.generation, 1);
    assert_eq!(proof.state, CredentialState::Proven);
    assert_eq!(proof.record.version.as_deref(), Some("7.0.5"));
    assert_eq!(
        proof.active.annotations[crate::environment::model::annotations::VERIFIED],
        "1970-01-01T00:16:30Z"
    );
    assert_eq!((proof.start, proof.remove), (None, vec![]));
}

#[test]
fn a_copy_from_before_there_were_proofs_is_proven_and_keeps_its_number() {
    let proof = Case::new("same").live("same", None).plan();
    assert!(uses(&proof, "same"));
    assert_eq!((proof.active.generation, proof.active.usable), (4, true));
    assert!(proof.start.is_some());
    let proof = Case::new("same")
        .live("same", None)
        .tried(1, "same", answered(1, "Proven"))
        .plan();
    assert_eq!(proof.active.generation, 4);
    assert!(proof.active.finding.is_true());
    let proof = Case::new("same")
        .live("same", None)
        .tried(1, "same", answered(1, "AuthFailed"))
        .plan();
    assert!(uses(&proof, "same"), "it is in use already");
    assert!(proof.active.finding.is_false());
    assert!(matches!(
        proof.state,
        CredentialState::Bad(Reason::AuthFailed, _)
    ));
}

#[test]
fn a_bad_value_moves_nothing_and_is_looked_at_again_later_but_another_one_at_once() {
    let refused =
        Case::new("bad")
            .live("old", Some(10))
            .tried(1, "bad", answered(990, "AuthFailed"));
    let proof = refused.plan();
    assert!(uses(&proof, "old"));
    assert_eq!(proof.active.generation, 4);
    assert_eq!(proof.active.finding.reason, Reason::AuthFailed);
    assert_eq!(
        (proof.start, proof.next, proof.candidate),
        (None, Some(at(1290)), Some("Refused"))
    );
    assert_eq!(
        proof.state,
        CredentialState::Proven,
        "pods read the old one"
    );

    let later = Case {
        now: 1290,
        ..Case::new("bad")
    }
    .live("old", Some(10))
    .tried(1, "bad", answered(990, "AuthFailed"));
    let start = later.plan().start.unwrap();
    assert_eq!((start.number, start.tries), (2, 2));
    let other = Case::new("good")
        .live("old", Some(10))
        .tried(1, "bad", answered(999, "AuthFailed"))
        .plan();
    let start = other.start.unwrap();
    assert_eq!((start.number, start.tries), (2, 1));
}

#[test]
fn a_secret_that_cannot_be_used_moves_nothing() {
    let mut case = Case::new("x").live("old", Some(10));
    case.candidate = Err(Finding::no(Reason::BadUri, "bad"));
    let proof = case.plan();
    assert!(uses(&proof, "old"));
    assert_eq!(proof.active.finding.reason, Reason::BadUri);
    assert_eq!(proof.state, CredentialState::Proven);
    case.live = None;
    assert!(matches!(
        case.plan().state,
        CredentialState::Bad(Reason::BadUri, _)
    ));
}

#[test]
fn a_check_that_was_lost_says_nothing_and_is_tried_again() {
    let lost = State::Lost(at(990), "why");
    let proof = Case::new("new")
        .live("old", Some(10))
        .tried(1, "new", lost.clone())
        .plan();
    assert_eq!(proof.active.finding.reason, Reason::PreflightBlocked);
    assert!(!proof.active.finding.is_false());
    assert_eq!(proof.next, Some(at(1005)));
    let proof = Case::new("old")
        .live("old", Some(10))
        .tried(1, "old", lost)
        .plan();
    assert!(
        proof.active.finding.is_true(),
        "what was proven stays proven"
    );
    let stuck = State::Running(Some("no node".to_owned()));
    let proof = Case::new("new").tried(1, "new", stuck).plan();
    assert_eq!(proof.active.finding.reason, Reason::PreflightBlocked);
    let mut case = Case::new("new");
    case.jobs = Err("no image");
    let proof = case.plan();
    assert_eq!(
        (proof.active.finding.seen.as_str(), proof.start),
        ("no image", None)
    );
}

#[test]
fn one_job_at_a_time_and_never_of_what_nobody_wants_any_more() {
    let running = Case::new("new")
        .live("old", Some(1))
        .tried(1, "new", State::Running(None))
        .plan();
    assert_eq!((running.start, running.remove), (None, vec![]));
    let outdated = Case::new("newer")
        .live("old", Some(1))
        .tried(1, "new", State::Running(None))
        .plan();
    assert_eq!(outdated.remove, [1]);
    assert_eq!(outdated.start.unwrap().number, 2);
    let begun = Case::new("new").tried(3, "new", State::Unstarted).plan();
    let start = begun.start.unwrap();
    assert_eq!(
        (start.number, start.secret.as_deref()),
        (3, Some("s3")),
        "a crash came between Secret and Job"
    );
    assert_eq!(begun.remove, Vec::<i64>::new());
    let stray = Case::new("old")
        .live("old", Some(1))
        .tried(3, "new", State::Unstarted)
        .plan();
    assert_eq!((stray.start, stray.remove), (None, vec![3]));
}

#[test]
fn the_newest_attempt_and_the_last_words_stay() {
    let proof = Case::new("bad")
        .live("old", Some(10))
        .tried(1, "old", answered(5, "Proven"))
        .tried(2, "older", answered(6, "Proven"))
        .tried(3, "bad", answered(20, "AuthFailed"))
        .tried(4, "bad", State::Lost(at(990), "why"))
        .plan();
    assert_eq!(proof.remove, [2]);
    assert_eq!(
        proof.active.finding.reason,
        Reason::AuthFailed,
        "the last answer stands"
    );
}

#[test]
fn a_manual_rotation_waits_for_its_nonce() {
    let mut case = Case::new("new")
        .live("old", Some(10))
        .tried(1, "new", answered(20, "Proven"));
    case.spec.rotation = Some(RotationMode::Manual);
    let proof = case.plan();
    assert!(uses(&proof, "old"));
    assert_eq!(proof.active.finding.reason, Reason::RotationPending);
    assert!(proof.active.finding.is_true());
    assert_eq!(proof.candidate, Some("Proven"));
    case.spec.rotate_nonce = "now".to_owned();
    let proof = case.plan();
    assert!(uses(&proof, "new"));
    assert_eq!(proof.record.nonce, "now", "once");
    let mut first = Case::new("new").tried(1, "new", answered(20, "Proven"));
    first.spec.rotation = Some(RotationMode::Manual);
    assert!(
        uses(&first.plan(), "new"),
        "nothing waits where there is nothing"
    );
}

#[test]
fn a_fresh_proof_of_what_pods_read_can_be_asked_for() {
    let mut case = Case::new("old").live("old", Some(900));
    case.recheck = Some(SignedDuration::from_secs(60));
    let proof = case.plan();
    assert_eq!(proof.state, CredentialState::Checking);
    assert!(proof.active.finding.is_true());
    assert_eq!(proof.start.unwrap().content, content("old"));

    let refused = Case {
        recheck: case.recheck,
        ..Case::new("old")
    }
    .live("old", Some(900))
    .tried(1, "old", answered(950, "NotAnswering"));
    let proof = refused.plan();
    assert!(matches!(
        proof.state,
        CredentialState::Bad(Reason::NotAnswering, _)
    ));
    assert!(proof.active.finding.is_false());
    assert!(uses(&proof, "old") && proof.active.generation == 4);
    assert!(proof.start.is_some(), "and it is asked again");

    let proven = Case {
        recheck: case.recheck,
        ..Case::new("old")
    }
    .live("old", Some(900))
    .tried(1, "old", answered(950, "Proven"));
    let proof = proven.plan();
    assert_eq!(proof.state, CredentialState::Proven);
    assert_eq!(proof.record.verified, Some(at(950)));
    assert_eq!(
        proof.active.generation, 4,
        "a new proof of the same value moves no pod"
    );

    let other = Case {
        recheck: case.recheck,
        ..Case::new("bad")
    }
    .live("old", Some(900));
    assert_eq!(
        other.plan().start.unwrap().content,
        content("old"),
        "what pods read comes first"
    );
}

/// A namespace that cannot be read may have an environment that uses the database.
#[test]
fn without_a_namespace_only_what_is_in_use_may_be_renewed() {
    let isolation = Isolation::new(&owner(), Stage::Staging, Key::new(b"k"), Vec::new());
    let mark = "0123456789abcdef0123456789abcdef".to_owned();
    let record = CheckRecord {
        verified: Some(at(10)),
        marks: isolation.keyed(&[mark]),
        ..CheckRecord::default()
    };
    let isolation = isolation.without(vec!["namespace b cannot be read".to_owned()]);
    let case = || {
        let case = Case {
            isolation: isolation.clone(),
            ..Case::new("new")
        };
        case.tried(1, "new", answered(20, "Proven"))
    };
    let newcomer = case().plan();
    assert_eq!(newcomer.active.advance, None);
    assert_eq!(newcomer.isolated.reason, Reason::Unreadable);

    let moved = case().live("old", Some(10)).plan();
    assert!(uses(&moved, "old"), "it stays on its own database");

    let mut renewed = case().live("old", Some(10));
    let live = &mut renewed.live.as_mut().unwrap().metadata;
    live.annotations = Some(record.annotations());
    let renewed = renewed.plan();
    assert!(uses(&renewed, "new"));
    assert_eq!(renewed.isolated.reason, Reason::Unreadable);
}

#[test]
fn the_other_stages_database_is_not_used() {
    let marks = Isolation::new(&owner(), Stage::Staging, Key::new(b"k"), Vec::new())
        .keyed(&["0123456789abcdef0123456789abcdef".to_owned()]);
    let prod = Other {
        environment: "b/prod".to_owned(),
        deleted: false,
        stage: "prod".to_owned(),
        since: Some(at(500)),
        database: marks,
        values: std::collections::BTreeSet::new(),
    };
    let isolation = Isolation::new(&owner(), Stage::Staging, Key::new(b"k"), vec![prod]);
    let newcomer = Case {
        isolation: isolation.clone(),
        ..Case::new("new")
    }
    .tried(1, "new", answered(20, "Proven"));
    let proof = newcomer.plan();
    assert_eq!(
        (proof.active.advance.clone(), proof.active.usable),
        (None, false)
    );
    assert_eq!(proof.isolated.reason, Reason::WrongDatabase);
    assert!(matches!(
        proof.state,
        CredentialState::Bad(Reason::WrongDatabase, _)
    ));
    let rotating = Case {
        isolation,
        ..Case::new("new")
    }
    .live("old", Some(1))
    .tried(1, "new", answered(20, "Proven"));
    let proof = rotating.plan();
    assert!(uses(&proof, "old"));
    assert_eq!(
        proof.record.marks,
        ["ours"],
        "what is recorded is of what is in use"
    );
    assert_eq!(proof.isolated.reason, Reason::WrongDatabase);
}

#[test]
fn off_uses_every_value_unproven_and_leaves_no_attempt() {
    let mut case =
        Case::new("new")
            .live("old", Some(1))
            .tried(1, "new", answered(20, "AuthFailed"));
    case.off = true;
    let proof = case.plan();
    assert!(uses(&proof, "new"));
    assert_eq!(proof.active.generation, 5);
    assert_eq!(proof.state, CredentialState::Off);
    assert_eq!(proof.active.finding.reason, Reason::NotVerified);
    assert_eq!((proof.start, proof.remove), (None, vec![1]));
}
