//! Tests of the steps of a release in flight, and of the attribution of failures to the release or to the database.

use crokodial_crds::{OnFailure, ReleaseStatus};

use super::fixture::{
    BAKING, GOOD, REJECTED, ROLLING, World, at, crashed, phase_of, pod, record, write,
};
use super::*;
use crate::release::workload::PodView;

const GATED: ReleasePhase = ReleasePhase::Gated;
const CANDIDATE: ReleasePhase = ReleasePhase::Candidate;

/// Returns a state in which release 1 is Good and runs, and release 2 is in `phase`.
fn second_in(phase: ReleasePhase) -> World {
    World::new(vec![record(1, "a", GOOD), record(2, "b", phase)], "b").running(1)
}

fn status_of(decision: &Decision, number: i64) -> ReleaseStatus {
    let found = decision.updates.iter().find(|(n, _)| *n == number);
    found.unwrap().1.clone()
}

#[test]
fn a_closed_gate_keeps_it_and_tells_when_time_alone_opens_it() {
    let mut world = second_in(ReleasePhase::Pending);
    world.gate = Gate::Closed {
        reason: Reason::SoakNotMet,
        message: "10 of 30 minutes".to_owned(),
        until: Some(at(1200)),
    };
    let closed = world.decide();
    assert_eq!(phase_of(&closed, 2), Some(GATED));
    assert_eq!((closed.next, closed.run), (Some(at(1200)), Run::Release(1)));
    write(&mut world, &closed);
    world.gate = Gate::Open {
        allowed: Some("INC-7".to_owned()),
    };
    let open = world.decide();
    assert_eq!(phase_of(&open, 2), Some(ROLLING));
    assert_eq!(status_of(&open, 2).allowed.as_deref(), Some("INC-7"));
}

#[test]
fn past_the_gate_it_is_asked_no_more() {
    let mut world = second_in(CANDIDATE);
    world.candidate = Some((vec![], None));
    world.gate = Gate::Closed {
        reason: Reason::Frozen,
        message: "weekend".to_owned(),
        until: None,
    };
    assert_eq!(phase_of(&world.decide(), 2), Some(CANDIDATE));
}

#[test]
fn the_release_phase_runs_before_the_candidate_and_its_failure_touches_no_pod() {
    let mut world = second_in(ReleasePhase::Pending);
    world.candidate = Some((vec![], None));
    world.release_phase = Trial::Running("its Job runs".to_owned());
    let runs = world.decide();
    assert_eq!((runs.release_phase, runs.candidate), (Some(2), None));
    write(&mut world, &runs);
    world.release_phase = Trial::Passed;
    let passed = world.decide();
    assert_eq!((passed.release_phase, passed.candidate), (None, Some(2)));
    world.release_phase = Trial::Failed("exit code 1".to_owned());
    let failed = world.decide();
    assert_eq!(phase_of(&failed, 2), Some(REJECTED));
    assert_eq!((failed.run, failed.candidate), (Run::Release(1), None));
}

#[test]
fn a_return_repeats_no_release_phase() {
    let mut world = second_in(ReleasePhase::Pending);
    world.records[1].spec.restores = Some(1);
    world.release_phase = Trial::Running("it would run".to_owned());
    assert_eq!(phase_of(&world.decide(), 2), Some(ROLLING));
}

#[test]
fn only_a_ready_candidate_with_good_pages_rolls() {
    let mut world = second_in(CANDIDATE);
    let unready = PodView {
        ready: false,
        ..pod(2)
    };
    for (pods, smoke, phase) in [
        (vec![], None, CANDIDATE),
        (vec![unready.clone()], None, CANDIDATE),
        (vec![pod(2)], None, CANDIDATE),
        (
            vec![pod(1)],
            Some(SmokeVerdict::Passed(String::new())),
            CANDIDATE,
        ),
        (
            vec![unready],
            Some(SmokeVerdict::Passed(String::new())),
            CANDIDATE,
        ),
        (
            vec![pod(2)],
            Some(SmokeVerdict::Unreachable("no route".to_owned())),
            CANDIDATE,
        ),
        (
            vec![pod(2)],
            Some(SmokeVerdict::Failed("/ answered 500".to_owned())),
            REJECTED,
        ),
        (vec![crashed(2, 3)], None, REJECTED),
        (
            vec![pod(2)],
            Some(SmokeVerdict::Passed(String::new())),
            ROLLING,
        ),
    ] {
        world.candidate = Some((pods.clone(), smoke.clone()));
        assert_eq!(
            phase_of(&world.decide(), 2),
            Some(phase),
            "{pods:?} {smoke:?}"
        );
    }
}

#[test]
fn a_failure_is_held_against_the_release_only_when_the_database_is_proven_since() {
    for probes in [
        ProbeHealth::Failing("it hangs".to_owned()),
        ProbeHealth::Slow("it is slow".to_owned()),
    ] {
        let mut world = second_in(BAKING).running(2).at(30);
        (world.probes, world.credential) = (probes, CredentialHealth::Works);
        let first = world.decide();
        assert_eq!(
            phase_of(&first, 2),
            Some(BAKING),
            "a proof from before says nothing"
        );
        write(&mut world, &first);
        world.credential = CredentialHealth::Pending;
        assert_eq!(phase_of(&world.decide(), 2).unwrap_or(BAKING), BAKING);
        world.credential = CredentialHealth::Works;
        let failed = world.decide();
        assert_eq!(phase_of(&failed, 2), Some(ReleasePhase::RolledBack));
        assert_eq!(failed.run, Run::Release(1));
    }
}

#[test]
fn while_the_database_is_away_nobody_is_blamed_and_afterwards_there_is_time_to_recover() {
    let mut world = second_in(BAKING).running(2).at(30);
    world.pods = vec![crashed(2, 3), pod(2)];
    world.credential = CredentialHealth::Pending;
    let decision = world.decide();
    write(&mut world, &decision);
    let mut world = world.at(40);
    world.credential = CredentialHealth::Fails("nothing listens".to_owned());
    let blocked = world.decide();
    assert!(matches!(blocked.rollout, Rollout::Blocked(2, _)));
    write(&mut world, &blocked);
    let mut world = world.at(340);
    world.credential = CredentialHealth::Works;
    let forgiven = world.decide();
    assert_eq!(phase_of(&forgiven, 2), Some(BAKING));
    write(&mut world, &forgiven);
    world.pods = vec![
        pod(2),
        PodView {
            exits: 3,
            restarts: 3,
            ..pod(2)
        },
    ];
    let mut world = world.at(361);
    let still = world.decide();
    assert_eq!(
        phase_of(&still, 2),
        Some(BAKING),
        "the bake grew by 300 s, and a pod restarted just now"
    );
    write(&mut world, &still);
    assert_eq!(
        phase_of(&world.at(421).decide(), 2),
        Some(GOOD),
        "exits from the outage do not count"
    );
}

#[test]
fn what_probes_saw_first_is_told_with_the_end_that_caused_it() {
    let mut world = second_in(BAKING).running(2).at(30);
    world.probes = ProbeHealth::Failing("the site refuses connections".to_owned());
    world.pods = vec![crashed(2, 1), pod(2)];
    let decision = world.decide();
    let (_, status) = decision.updates.iter().find(|(n, _)| *n == 2).unwrap();
    assert_eq!(status.reason.as_deref(), Some("CrashLoop"));
    let told = status.message.as_deref().unwrap();
    assert_eq!(
        told,
        "pod shop-2 exited once, last with exit code 1, and the site refuses connections"
    );
}

#[test]
fn without_a_proof_in_time_the_failure_counts_as_seen() {
    let mut world = second_in(BAKING).running(2).at(30);
    world.probes = ProbeHealth::Failing("it hangs".to_owned());
    world.credential = CredentialHealth::Pending;
    let decision = world.decide();
    write(&mut world, &decision);
    assert_eq!(phase_of(&world.decide(), 2).unwrap_or(BAKING), BAKING);
    let mut world = world.at(61);
    world.credential = CredentialHealth::Pending;
    assert_eq!(phase_of(&world.decide(), 2), Some(ReleasePhase::RolledBack));
}

#[test]
fn a_pause_leaves_what_failed_and_only_a_decision_moves_it() {
    let mut world = second_in(BAKING).running(2).at(30);
    world.on_failure = OnFailure::Pause;
    world.probes = ProbeHealth::Failing("it hangs".to_owned());
    let failed = world.decide();
    assert_eq!(phase_of(&failed, 2), Some(ReleasePhase::RolledBack));
    assert_eq!(failed.run, Run::Release(2));
    write(&mut world, &failed);
    assert_eq!(world.decide().run, Run::Release(2));
    world.wanted = None;
    assert_eq!(
        world.decide().run,
        Run::Release(2),
        "a spec that cannot be read decides nothing"
    );
    let back = World::new(world.records.clone(), "a").running(2).decide();
    assert_eq!((back.run, back.create), (Run::Release(1), None));
}

#[test]
fn unmeasured_time_extends_the_bake() {
    let mut world = second_in(BAKING).running(2).at(60);
    world.probes = ProbeHealth::Unmeasured(std::time::Duration::from_secs(20));
    assert_eq!(world.decide().next, Some(at(80)));
    world.probes = ProbeHealth::Fine;
    assert_eq!(phase_of(&world.decide(), 2), Some(GOOD));
}
