use crokodial_crds::{HoldKind, ReleasePhase};
use proptest::prelude::*;

use super::fixture::*;
use super::*;
use crate::release::record::Record;
use crate::release::workload::{PodView, Waiting};

#[test]
fn the_first_spec_makes_release_one_and_touches_no_deployment_before_it_is_recorded() {
    let decision = World::new(vec![], "a").decide();
    assert_eq!(decision.create.as_ref().map(|s| s.number), Some(1));
    assert_eq!(decision.run, Run::Keep);
}

#[test]
fn records_that_a_burst_of_edits_left_without_a_status_are_superseded_and_restored_ones_are_not() {
    let bare = |number, inputs| Record {
        status: None,
        ..record(number, inputs, ReleasePhase::Pending)
    };
    let burst = vec![
        record(1, "a", GOOD),
        bare(2, "b"),
        bare(3, "c"),
        record(4, "d", ROLLING),
    ];
    let decision = World::new(burst, "d").running(1).decide();
    let superseded = Some(ReleasePhase::Superseded);
    assert_eq!([2, 3].map(|n| phase_of(&decision, n)), [superseded; 2]);
    let restored = vec![bare(1, "a"), bare(2, "b"), record(3, "c", ROLLING)];
    let decision = World::new(restored, "c").running(1).decide();
    assert_eq!([1, 2].map(|n| phase_of(&decision, n)), [None; 2]);
}

#[test]
fn a_spec_that_cannot_be_resolved_changes_nothing() {
    let mut world = World::new(vec![record(1, "a", GOOD)], "b").running(1);
    world.wanted = None;
    let decision = world.decide();
    assert_eq!(
        (decision.create, decision.updates, decision.run),
        (None, vec![], Run::Release(1))
    );
}

#[test]
fn a_release_waits_for_its_credentials_and_starts_when_they_are_there() {
    let mut world = World::new(vec![record(1, "a", ReleasePhase::Pending)], "a");
    let missing = |in_progress| {
        Err(MissingPrerequisite {
            message: "there is no secret mongo in this namespace".to_owned(),
            in_progress,
        })
    };
    world.prerequisites = missing(false);
    assert!(matches!(world.decide().rollout, Rollout::Blocked(1, _)));
    assert_eq!(world.decide().run, Run::Keep);
    world.prerequisites = missing(true);
    assert!(matches!(world.decide().rollout, Rollout::OnTrial(1, _)));
    assert_eq!(world.decide().run, Run::Keep);
    world.prerequisites = Ok(());
    assert_eq!(phase_of(&world.decide(), 1), Some(ROLLING));
}

#[test]
fn rolled_out_everywhere_it_bakes_and_after_the_bake_it_is_good() {
    let rolling = World::new(vec![record(1, "a", GOOD), record(2, "b", ROLLING)], "b").running(2);
    assert_eq!(phase_of(&rolling.decide(), 2), Some(BAKING));
    let early = World::new(vec![record(1, "a", GOOD), record(2, "b", BAKING)], "b")
        .running(2)
        .at(59);
    assert_eq!(phase_of(&early.decide(), 2), Some(BAKING));
    assert_eq!(early.decide().next, Some(at(60)));
    let done = World::new(vec![record(1, "a", GOOD), record(2, "b", BAKING)], "b")
        .running(2)
        .at(60);
    assert_eq!(phase_of(&done.decide(), 2), Some(GOOD));
}

#[test]
fn the_third_exit_of_a_container_rejects_the_release_and_the_second_does_not() {
    let records = || vec![record(1, "a", GOOD), record(2, "b", ROLLING)];
    let twice = World::new(records(), "b")
        .half_rolled(2, 1, crashed(2, 2))
        .at(20);
    assert_eq!(phase_of(&twice.decide(), 2), Some(ROLLING));
    let thrice = World::new(records(), "b")
        .half_rolled(2, 1, crashed(2, 3))
        .at(31);
    assert_eq!(phase_of(&thrice.decide(), 2), Some(REJECTED));
    assert_eq!(thrice.decide().run, Run::Release(1));
}

#[test]
fn a_crash_does_not_count_while_the_last_good_pods_are_down_too() {
    let mut world = World::new(vec![record(1, "a", GOOD), record(2, "b", ROLLING)], "b")
        .half_rolled(2, 1, crashed(2, 9));
    world.pods[1].ready = false;
    assert!(matches!(world.decide().rollout, Rollout::Blocked(2, _)));
}

#[test]
fn an_image_that_cannot_be_pulled_is_blamed_only_on_the_registrys_word() {
    let stuck = PodView {
        ready: false,
        running_since: None,
        pulled: false,
        waiting: Some(Waiting::Image),
        ..pod(2)
    };
    let mut world = World::new(vec![record(1, "a", GOOD), record(2, "b", ROLLING)], "b")
        .half_rolled(2, 1, stuck)
        .at(10_000);
    assert!(
        matches!(world.decide().rollout, Rollout::Blocked(2, _)),
        "a platform fault never ends in a rejection"
    );
    world.image = ImageCheck::Denied("registry.test answers 403".to_owned());
    let Rollout::Blocked(2, why) = world.decide().rollout else {
        panic!("an expired credential is not the release's fault");
    };
    assert_eq!(
        why,
        "pod shop-2 cannot pull the image: registry.test answers 403"
    );
    world.image = ImageCheck::Missing;
    let first = world.decide();
    assert_eq!(first.next, Some(at(10_060)), "one answer is not enough");
    write(&mut world, &first);
    assert!(matches!(first.rollout, Rollout::Blocked(2, _)));
    let mut world = world.at(10_059);
    world.image = ImageCheck::Unknown;
    let recovered = world.decide();
    write(&mut world, &recovered);
    world.image = ImageCheck::Missing;
    let again = world.decide();
    write(&mut world, &again);
    let world = world.at(10_118);
    assert_eq!(phase_of(&world.decide(), 2).unwrap_or(ROLLING), ROLLING);
    assert_eq!(phase_of(&world.at(10_119).decide(), 2), Some(REJECTED));
}

#[test]
fn the_deadline_moves_with_progress_and_not_with_a_new_pod() {
    let slow = |started| PodView {
        ready: false,
        started: Some(at(started)),
        ..pod(2)
    };
    let mut world = World::new(vec![record(1, "a", GOOD), record(2, "b", ROLLING)], "b")
        .half_rolled(2, 1, slow(0))
        .at(10);
    assert_eq!(world.decide().next, Some(at(300)));
    // The pod was evicted and made anew: that is no progress.
    world.pods[0] = slow(250);
    let mut world = world.at(299);
    assert_eq!(world.decide().next, Some(at(300)));
    assert_eq!(phase_of(&world.at(300).decide(), 2), Some(REJECTED));
    // A pod that became ready is.
    world = World::new(vec![record(1, "a", GOOD), record(2, "b", ROLLING)], "b")
        .half_rolled(2, 1, slow(0))
        .at(299);
    world.pods.push(pod(2));
    let decision = world.decide();
    assert_eq!(decision.next, Some(at(599)));
    write(&mut world, &decision);
    assert_eq!(phase_of(&world.at(599).decide(), 2), Some(REJECTED));
}

#[test]
fn a_release_without_a_record_is_replaced_only_by_what_somebody_asks_for() {
    let good = vec![record(1, "a", GOOD)];
    let mut world = World::new(good.clone(), "b").running(2);
    world.unrecorded = Some(2);
    assert_eq!(world.decide().run, Run::Keep, "its snapshot is gone too");
    world.snapshots.push(2);
    let decision = world.decide();
    assert_eq!(decision.run, Run::Release(2));
    let made = decision.create.map(|spec| spec.inputs);
    assert_eq!(made.as_deref(), Some("b"));
    // The one that was made in its place is on trial.
    let trial = record(3, "b", ReleasePhase::Candidate);
    let mut world = World::new(vec![record(1, "a", GOOD), trial], "b").running(2);
    world.unrecorded = Some(2);
    assert_eq!(world.decide().run, Run::Keep);
    let mut world = World::new(good.clone(), "a").running(2);
    world.unrecorded = Some(2);
    assert_eq!(world.decide().run, Run::Release(1));
    let mut pinned = good;
    pinned[0].spec.pin = true;
    let mut world = World::new(pinned, "b").running(2);
    world.unrecorded = Some(2);
    assert_eq!(world.decide().run, Run::Release(1));
}

#[test]
fn time_in_which_no_pod_could_start_is_not_taken_from_the_release() {
    let pulling = PodView {
        ready: false,
        running_since: None,
        pulled: false,
        ..pod(2)
    };
    let mut world = World::new(vec![record(1, "a", GOOD), record(2, "b", ROLLING)], "b")
        .half_rolled(2, 1, pulling)
        .at(10);
    let decision = world.decide();
    assert_eq!(decision.next, Some(at(310)), "then it is told");
    write(&mut world, &decision);
    let mut world = world.at(400);
    let told = world.decide();
    let why = "the container of pod shop-2 was not created yet".to_owned();
    assert_eq!(told.rollout, Rollout::Blocked(2, why));
    write(&mut world, &told);
    world.pods[0] = PodView {
        ready: false,
        ..pod(2)
    };
    let pulled = world.decide();
    assert_eq!(phase_of(&pulled, 2), Some(ROLLING));
    assert_eq!(pulled.next, Some(at(690)), "300 s, of which 10 were used");
}

#[test]
fn restarts_in_the_bake_roll_back_to_the_last_good_release() {
    let world_after = |seconds, restarts, before| {
        let mut world = World::new(vec![record(1, "a", GOOD), record(2, "b", BAKING)], "b")
            .running(2)
            .at(seconds);
        world.pods[0].restarts = 2;
        world.pods[1].restarts = restarts;
        let status = world.records[1].status.as_mut().unwrap();
        (status.restarts, status.restarts_before_bake) = (3, before);
        world
    };
    let world = |seconds, restarts| world_after(seconds, restarts, 0);
    assert_eq!(phase_of(&world(30, 1).decide(), 2), None.or(Some(BAKING)));
    assert_eq!(phase_of(&world(60, 1).decide(), 2), Some(GOOD), "tolerated");
    let earlier = world_after(30, 4, 3).decide();
    assert_eq!(
        phase_of(&earlier, 2),
        Some(BAKING),
        "those before the bake do not count"
    );
    let decision = world(30, 2).decide();
    assert_eq!(phase_of(&decision, 2), Some(ReleasePhase::RolledBack));
    assert_eq!(decision.run, Run::Release(1));
}

#[test]
fn an_edit_supersedes_what_is_under_way_and_the_way_back_makes_no_release() {
    let records = || vec![record(1, "a", GOOD), record(2, "b", ROLLING)];
    let other = World::new(records(), "c").decide();
    assert_eq!(phase_of(&other, 2), Some(ReleasePhase::Superseded));
    assert_eq!(other.create.map(|s| s.number), Some(3));
    let back = World::new(records(), "a").decide();
    assert_eq!(phase_of(&back, 2), Some(ReleasePhase::Superseded));
    assert_eq!((back.create, back.run), (None, Run::Release(1)));
}

#[test]
fn failed_inputs_stay_held_whatever_ran_in_between() {
    let records = || vec![record(1, "a", GOOD), record(2, "x", REJECTED)];
    let held = World::new(records(), "x").running(1);
    assert_eq!(held.decide().create, None);
    assert!(
        matches!(held.decide().rollout, Rollout::Held(h) if h.release == 2 && h.kind == HoldKind::Rejected)
    );
    assert_eq!(
        hold(&World::new(records(), "a").view()),
        None,
        "the good spec holds nothing"
    );
    let third = World::new(
        vec![
            record(1, "a", GOOD),
            record(2, "x", REJECTED),
            record(3, "b", GOOD),
        ],
        "x",
    );
    assert_eq!(third.decide().create, None);
}

#[test]
fn a_retry_makes_exactly_one_attempt_and_only_a_new_word_makes_another() {
    let once = World::new(vec![record(1, "a", GOOD), record(2, "x", REJECTED)], "x").retry("r1");
    assert_eq!(
        once.decide().create.map(|s| (s.number, s.retry)),
        Some((3, "r1".to_owned()))
    );
    let spent = || {
        vec![
            record(1, "a", GOOD),
            record(2, "x", REJECTED),
            tried(record(3, "x", REJECTED), "r1"),
        ]
    };
    assert_eq!(World::new(spent(), "x").retry("r1").decide().create, None);
    assert_eq!(
        World::new(spent(), "x")
            .retry("r2")
            .decide()
            .create
            .map(|s| s.number),
        Some(4)
    );
}

#[test]
fn a_return_to_an_earlier_good_release_is_a_new_number_that_says_what_it_restores() {
    let decision = World::new(vec![record(1, "a", GOOD), record(2, "b", GOOD)], "a")
        .running(2)
        .decide();
    assert_eq!(
        decision.create.map(|s| (s.number, s.restores)),
        Some((3, Some(1)))
    );
}

#[test]
fn the_first_release_that_fails_leaves_no_pods() {
    let failing = World::new(vec![record(1, "x", ROLLING)], "x");
    let mut failing = failing.half_rolled(1, 0, crashed(1, 3));
    failing.pods.truncate(1);
    assert_eq!(phase_of(&failing.decide(), 1), Some(REJECTED));
    let failed = World::new(vec![record(1, "x", REJECTED)], "x");
    assert_eq!(failed.decide().run, Run::Zero(1));
}

#[test]
fn a_record_without_status_is_taken_up_only_if_it_is_just_what_is_wanted() {
    let mut fresh = record(2, "b", ROLLING);
    fresh.status = None;
    let wanted = World::new(vec![record(1, "a", GOOD), fresh.clone()], "b").decide();
    assert_eq!(phase_of(&wanted, 2), Some(ROLLING));
    let other = World::new(vec![record(1, "a", GOOD), fresh], "a")
        .running(1)
        .decide();
    assert_eq!((other.updates, other.run), (vec![], Run::Release(1)));
}

fn phases() -> impl Strategy<Value = ReleasePhase> {
    use ReleasePhase::{Gated, Pending, Preflight, RolledBack, Superseded};
    prop::sample::select(vec![
        Pending,
        Gated,
        Preflight,
        ReleasePhase::ReleasePhase,
        ReleasePhase::Candidate,
        ROLLING,
        BAKING,
        GOOD,
        REJECTED,
        RolledBack,
        Superseded,
    ])
}

proptest! {
    /// Checks the invariants after one decision from any set of records. For example, at most one release is in flight,
    /// no release number is reused, and failed inputs are not released again without a new `retry`.
    #[test]
    fn no_history_breaks_the_invariants(
        history in prop::collection::vec((phases(), 0usize..3, 0usize..3), 0..6),
        wanted in 0usize..3,
        retry in 0usize..3,
    ) {
        let inputs = ["a", "b", "x"];
        let words = ["", "r1", "r2"];
        let records: Vec<Record> = history.iter().zip(1i64..)
            .map(|((phase, input, word), n)| tried(record(n, inputs[*input], *phase), words[*word]))
            .collect();
        let world = World::new(records.clone(), inputs[wanted]).retry(words[retry]);
        let decision = world.decide();
        let mut after = records.clone();
        for (number, status) in &decision.updates {
            for r in after.iter_mut().filter(|r| r.number() == *number) {
                r.status = Some(status.clone());
            }
        }
        prop_assert!(after.iter().filter(|r| r.in_flight()).count() <= 1);
        if let Some(spec) = &decision.create {
            prop_assert!(after.iter().all(|r| r.number() < spec.number && !r.in_flight()));
            let judged = after.iter().filter(|r| r.spec.inputs == spec.inputs && (r.good() || r.failed())).max_by_key(|r| r.number());
            if judged.is_some_and(Record::failed) {
                prop_assert!(!spec.retry.is_empty());
                prop_assert!(records.iter().all(|r| r.spec.inputs != spec.inputs || r.spec.retry != spec.retry));
            }
        }
        if let Run::Release(n) = decision.run {
            prop_assert!(world.snapshots.contains(&n));
            let runs = after.iter().find(|r| r.number() == n);
            prop_assert!(runs.is_some_and(|r| r.good() || r.in_flight()), "a failed release never gets pods");
        }
        prop_assert!(after.iter().zip(&records).all(|(a, r)| !r.good() || a.good()), "Good is permanent");
    }
}
