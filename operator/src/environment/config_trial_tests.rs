use std::collections::{BTreeMap, BTreeSet};

use crokodial_crds::{ConditionStatus, ReleasePhase, ReleaseSpec, ReleaseStatus, Stage};
use k8s_openapi::api::core::v1::Secret;
use serde_json::json;

use super::*;
use crate::environment::isolation::Isolation;
use crate::environment::model::children::{ChildKind, Children};
use crate::environment::model::class::Class;
use crate::environment::model::image::Image;
use crate::environment::model::owner::Owner;
use crate::environment::model::tenancy::Tenancy;
use crate::environment::model::trials::{CandidatePod, Trials};
use crate::fingerprint::Key;
use crate::release::snapshot::{Frozen, Snapshot};

/// Decides about values with which nobody has any experience.
fn decide(spec: &EnvironmentSpec, observed: &Observed, clock: TrialClock) -> ConfigTrial {
    super::decide(spec, observed, &Experience::default(), clock)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

fn clock(seconds: i64) -> TrialClock {
    TrialClock {
        deadline: Duration::from_secs(300),
        leader_since: at(0),
        now: at(seconds),
    }
}

fn spec() -> EnvironmentSpec {
    serde_json::from_value(json!({
        "stage": "prod",
        "image": "ghcr.io/crokodial/dialer:1.42.0",
        "domain": "crokodial.com",
        "mongo": {"uriSecretRef": {"name": "mongo"}},
        "config": {"secretRefs": [{"name": "dialer"}]},
    }))
    .unwrap()
}

fn secret(value: &str, notes: &[(&str, &str)]) -> Secret {
    let mut secret = Secret {
        data: Some(BTreeMap::from([(
            "JWT_SECRET".to_owned(),
            k8s_openapi::ByteString(value.as_bytes().to_vec()),
        )])),
        ..Secret::default()
    };
    let notes = notes
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    secret.annotations_mut().extend(notes);
    secret
}

fn web(name: &str, release: i64, ready: bool) -> PodView {
    PodView {
        ready,
        ready_changed: None,
        ..PodView::serving(name, release, at(0))
    }
}

/// Returns an observed state in which release 7 is Good and serves with the value `old`, and the user's Secret has the
/// value `given`.
#[expect(clippy::too_many_lines, reason = "one field after the other")]
fn seen(given: &str) -> Observed {
    let record = Record {
        created: None,
        spec: ReleaseSpec {
            environment: "prod".to_owned(),
            number: 7,
            ..ReleaseSpec::default()
        },
        status: Some(ReleaseStatus {
            phase: ReleasePhase::Good,
            ..ReleaseStatus::default()
        }),
    };
    let snapshot = Snapshot {
        frozen: Frozen {
            number: 7,
            inputs: String::new(),
            template: json!({}),
            smoke: None,
            secret_refs: None,
            release_phase: None,
        },
        stored: None,
        config: BTreeMap::new(),
    };
    let mut children = Children::default();
    let in_use = secret("old", &[(GENERATION, "3")]);
    children.put(ChildKind::ConfigActive, Some(in_use));
    Observed {
        mongo_secret: None,
        config_secrets: BTreeMap::from([("dialer".to_owned(), Some(secret(given, &[])))]),
        config_maps: BTreeMap::new(),
        children,
        releases: Vec::new(),
        records: vec![record],
        snapshots: BTreeMap::new(),
        taken: BTreeSet::new(),
        frozen: BTreeMap::from([(7, snapshot)]),
        seals: crate::environment::snapshots::Seals::default(),
        copies: crate::environment::record_copies::RecordCopies::default(),
        attempts: Vec::new(),
        isolation: Isolation::new(
            &Owner {
                name: "prod".parse().unwrap(),
                namespace: "shop".to_owned(),
                uid: String::new(),
                created: None,
            },
            Stage::Prod,
            Key::new(&[]),
            Vec::new(),
        ),
        new_key: None,
        authority: None,
        pods: vec![web("prod-1", 7, true)],
        trials: Trials::default(),
        image: Image::Asked,
        next_lookup: None,
        resolved: None,
        image_name: String::new(),
        promotion: None,
        image_check: ImageCheck::Unknown,
        kept_image: None,
        tenancy: Tenancy::default(),
        class: Class::Unknown,
        claims: Vec::new(),
        unreadable_claims: Vec::new(),
        https: None,
        probes: None,
    }
}

/// Returns the state of [`seen`] after the values on trial were written to `<env>-config-candidate`.
fn staged_world(given: &str, seconds: i64) -> Observed {
    let mut observed = seen(given);
    let trial = decide(&spec(), &observed, clock(seconds));
    observed.children.put(
        ChildKind::ConfigCandidate,
        trial.staged.as_ref().map(written),
    );
    observed
}

fn written(staged: &Staged) -> Secret {
    let mut secret = Secret {
        data: Some(staged.data.clone()),
        ..Secret::default()
    };
    let notes = secret.annotations_mut();
    notes.insert(GENERATION.to_owned(), staged.generation.to_string());
    notes.insert(RELEASE.to_owned(), staged.release.to_string());
    notes.insert(SINCE.to_owned(), staged.since.to_string());
    notes.extend(staged.verdict.clone().map(|v| (VERDICT.to_owned(), v)));
    secret
}

fn candidate(ready: bool, generation: i64) -> CandidatePod {
    CandidatePod {
        view: web("prod-candidate-1", 7, ready),
        uid: "c1".to_owned(),
        ip: Some("10.0.0.7".to_owned()),
        config: Some(generation),
    }
}

fn in_use(trial: &ConfigTrial) -> bool {
    trial.active.advance.is_some()
}

fn reason(trial: &ConfigTrial) -> (ConditionStatus, Reason) {
    (trial.active.finding.status, trial.active.finding.reason)
}

const RUNNING: (ConditionStatus, Reason) = (ConditionStatus::Unknown, Reason::CandidateRunning);
const FAILED: (ConditionStatus, Reason) = (ConditionStatus::False, Reason::CandidateFailed);

#[test]
fn values_in_use_are_not_tried_again() {
    let trial = decide(&spec(), &seen("old"), clock(0));
    assert_eq!((trial.staged.clone(), in_use(&trial)), (None, true));
    assert_eq!(trial.active.generation, 3);
    assert_eq!(reason(&trial), (ConditionStatus::True, Reason::Succeeded));
}

#[test]
fn new_values_wait_for_a_pod_that_works_with_them() {
    let first = decide(&spec(), &seen("new"), clock(0));
    let staged = first.staged.clone().unwrap();
    assert_eq!(
        (staged.generation, staged.release, staged.verdict.clone()),
        (4, 7, None)
    );
    assert_eq!((in_use(&first), reason(&first)), (false, RUNNING));
    assert_eq!(first.wanted(), Some(&staged));
    let mut observed = staged_world("new", 0);
    let again = decide(&spec(), &observed, clock(10));
    assert_eq!(
        again.staged,
        Some(staged),
        "the same trial, with the time it began"
    );
    observed.trials.pods = vec![candidate(true, 4)];
    assert_eq!(
        reason(&decide(&spec(), &observed, clock(10))),
        RUNNING,
        "not asked yet"
    );
    let passed = SmokeResult::Passed {
        pages: 1,
        assets: 3,
    };
    observed.trials.smoke = Some(("c1".to_owned(), passed));
    let done = decide(&spec(), &observed, clock(10));
    assert_eq!((in_use(&done), done.active.generation), (true, 4));
    assert_eq!(reason(&done), (ConditionStatus::True, Reason::Succeeded));
}

#[test]
fn another_pods_answer_proves_nothing() {
    let mut observed = staged_world("new", 0);
    observed.trials.pods = vec![candidate(true, 3)];
    let passed = SmokeResult::Passed {
        pages: 1,
        assets: 3,
    };
    observed.trials.smoke = Some(("c1".to_owned(), passed));
    assert_eq!(reason(&decide(&spec(), &observed, clock(10))), RUNNING);
}

#[test]
fn values_that_do_not_work_change_nothing_until_they_or_the_release_change() {
    let mut observed = staged_world("bad", 0);
    let mut crashing = candidate(false, 4);
    crashing.view.exits = 3;
    observed.trials.pods = vec![crashing];
    let failed = decide(&spec(), &observed, clock(40));
    assert_eq!((in_use(&failed), reason(&failed)), (false, FAILED));
    assert_eq!(failed.wanted(), None, "no pod tries them any more");
    observed.children.put(
        ChildKind::ConfigCandidate,
        failed.staged.as_ref().map(written),
    );
    observed.trials = Trials::default();
    let later = decide(&spec(), &observed, clock(100_000));
    assert_eq!(
        (later.staged.clone(), reason(&later)),
        (failed.staged, FAILED)
    );
    observed
        .config_secrets
        .insert("dialer".to_owned(), Some(secret("better", &[])));
    let other = decide(&spec(), &observed, clock(100_001)).staged.unwrap();
    assert_eq!((other.generation, other.verdict), (5, None));
    observed
        .config_secrets
        .insert("dialer".to_owned(), Some(secret("old", &[])));
    let back = decide(&spec(), &observed, clock(100_002));
    assert_eq!((back.staged.clone(), in_use(&back)), (None, true));
}

#[test]
fn a_missing_page_and_a_pod_that_is_never_ready_are_failures_too() {
    let mut observed = staged_world("bad", 0);
    observed.trials.pods = vec![candidate(true, 4)];
    let message = "/ was answered with status 500, expected 200-299".to_owned();
    observed.trials.smoke = Some(("c1".to_owned(), SmokeResult::Failed { message }));
    let failed = decide(&spec(), &observed, clock(10));
    assert_eq!(reason(&failed), FAILED);
    assert!(
        failed.active.finding.seen.contains("status 500"),
        "{:?}",
        failed.active.finding
    );
    observed.trials.smoke = None;
    observed.trials.pods = vec![candidate(false, 4)];
    assert_eq!(reason(&decide(&spec(), &observed, clock(299))), RUNNING);
    assert_eq!(reason(&decide(&spec(), &observed, clock(300))), FAILED);
}

#[test]
fn while_the_site_itself_is_in_trouble_the_values_are_not_blamed() {
    let mut observed = staged_world("new", 0);
    let mut crashing = candidate(false, 4);
    crashing.view.exits = 3;
    observed.trials.pods = vec![crashing];
    observed.pods = vec![web("prod-1", 7, false)];
    let trial = decide(&spec(), &observed, clock(400));
    assert_eq!((in_use(&trial), reason(&trial)), (false, RUNNING));
    let unreachable = SmokeResult::Unreachable {
        message: "no answer".to_owned(),
    };
    observed.trials.pods = vec![candidate(true, 4)];
    observed.trials.smoke = Some(("c1".to_owned(), unreachable));
    assert_eq!(reason(&decide(&spec(), &observed, clock(400))), RUNNING);
}

#[test]
fn with_nothing_good_the_values_are_taken_as_they_are_and_without_a_copy_they_are_tried() {
    let mut first = seen("new");
    first.records.clear();
    let trial = decide(&spec(), &first, clock(0));
    assert_eq!((trial.staged.clone(), in_use(&trial)), (None, true));
    let mut lost = seen("new");
    lost.children.put::<Secret>(ChildKind::ConfigActive, None);
    let trial = decide(&spec(), &lost, clock(0));
    assert_eq!((in_use(&trial), reason(&trial)), (false, RUNNING));
    assert!(trial.staged.is_some());
    lost.config_secrets
        .insert("dialer".to_owned(), Some(Secret::default()));
    let trial = decide(&spec(), &lost, clock(0));
    assert_eq!(
        (trial.staged.clone(), in_use(&trial)),
        (None, true),
        "no values"
    );
    let mut unreadable = seen("new");
    unreadable.frozen.clear();
    let trial = decide(&spec(), &unreadable, clock(0));
    assert_eq!((trial.staged.clone(), in_use(&trial)), (None, false));
    assert_eq!(trial.active.finding.reason, Reason::SnapshotLost);
    let mut missing = staged_world("new", 0);
    missing.config_secrets.insert("dialer".to_owned(), None);
    let trial = decide(&spec(), &missing, clock(0));
    assert_eq!((trial.staged.clone(), in_use(&trial)), (None, false));
}

#[test]
fn one_candidate_at_a_time_and_none_waits_for_ever() {
    let mut observed = staged_world("new", 0);
    let trial = decide(&spec(), &observed, clock(0));
    let values = trial.staged.clone().unwrap();
    assert_eq!(
        slot(None, &trial, &observed, clock(0)),
        Slot::Config(&values)
    );
    assert_eq!(
        slot(Some(8), &trial, &observed, clock(299)),
        Slot::Config(&values)
    );
    assert_eq!(
        slot(Some(8), &trial, &observed, clock(300)),
        Slot::Release(8)
    );
    let begun = CandidatePod {
        config: None,
        view: web("prod-candidate-2", 8, false),
        ..candidate(false, 0)
    };
    observed.trials.pods = vec![begun];
    assert_eq!(slot(Some(8), &trial, &observed, clock(0)), Slot::Release(8));
    let settled = decide(&spec(), &self::seen("old"), clock(0));
    assert_eq!(
        slot(Some(8), &settled, &observed, clock(0)),
        Slot::Release(8)
    );
    assert_eq!(slot(None, &settled, &observed, clock(0)), Slot::Free);
}

#[test]
fn no_value_is_printed() {
    let trial = decide(&spec(), &seen("s3cret"), clock(0));
    let printed = format!("{trial:?}");
    assert!(
        !printed.contains("s3cret") && !printed.contains("115, 51"),
        "{printed}"
    );
}
