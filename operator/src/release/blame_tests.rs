//! Tests of faults that are not the release's: lost pods, lost nodes, missing copies, and faults of a moment.

use super::fixture::{
    BAKING, GOOD, REJECTED, ROLLING, World, at, crashed, phase_of, pod, record, write,
};
use super::*;
use crate::release::build_fault::BuildFault;
use crate::release::workload::{PodView, Waiting};

const ROLLED_BACK: ReleasePhase = ReleasePhase::RolledBack;

/// Returns a state in which release 1 is Good and release 2 is in its bake, since 0 s and for 60 s.
fn baking() -> World {
    World::new(vec![record(1, "a", GOOD), record(2, "b", BAKING)], "b")
        .running(2)
        .at(30)
}

fn refusing() -> ProbeHealth {
    ProbeHealth::Failing("the site refuses connections".to_owned())
}

fn silent() -> ProbeHealth {
    ProbeHealth::Silent(Reason::ProbeFailed, "the site does not answer".to_owned())
}

fn pending() -> PodView {
    PodView {
        ready: false,
        running_since: None,
        pulled: false,
        started: None,
        ..pod(2)
    }
}

#[test]
fn a_site_without_its_pods_says_nothing_about_the_release() {
    let no_node = PodView {
        unschedulable: true,
        ..pending()
    };
    let lost_node = PodView {
        ready: false,
        node_lost: true,
        ..pod(2)
    };
    let starting_again = PodView {
        ready: false,
        ..pod(2)
    };
    let blocked = |pods: Vec<PodView>| {
        let mut world = baking();
        (world.probes, world.pods) = (refusing(), pods);
        world.workload.available = 1;
        world.decide()
    };
    for (pods, cause) in [
        (vec![pod(2), no_node], "no node for pod shop-2"),
        (
            vec![pod(2), lost_node],
            "the node of pod shop-2 does not report",
        ),
    ] {
        let decision = blocked(pods);
        assert_eq!(decision.rollout, Rollout::Blocked(2, cause.to_owned()));
        assert_eq!(phase_of(&decision, 2), Some(BAKING));
    }
    for pods in [
        vec![],
        vec![pod(2)],
        vec![pod(2), pending()],
        vec![pod(2), starting_again],
    ] {
        let decision = blocked(pods.clone());
        assert_eq!(phase_of(&decision, 2), Some(BAKING), "{pods:?}");
        assert!(matches!(decision.rollout, Rollout::Baking(..)), "{pods:?}");
    }
    let there = blocked(vec![pod(2), pod(2)]);
    assert_eq!(phase_of(&there, 2), Some(ROLLED_BACK));
}

#[test]
fn silence_counts_when_it_outlasts_the_loss_of_a_node_or_when_a_node_confirms_it() {
    let mut world = baking();
    world.probes = silent();
    let first = world.decide();
    assert_eq!(phase_of(&first, 2), Some(BAKING));
    assert_eq!(first.next, Some(at(90)));
    write(&mut world, &first);
    // The end of the bake does not come in between.
    let world = world.at(89);
    assert_eq!(phase_of(&world.decide(), 2).unwrap_or(BAKING), BAKING);
    assert_eq!(phase_of(&world.at(90).decide(), 2), Some(ROLLED_BACK));
    let mut world = baking();
    world.probes = silent();
    world.pods[0] = PodView {
        ready: false,
        ready_changed: Some(at(25)),
        ..pod(2)
    };
    assert_eq!(phase_of(&world.decide(), 2), Some(ROLLED_BACK));
}

#[test]
fn a_pod_that_restarted_must_run_for_a_while_before_the_bake_ends() {
    let mut world = baking().at(58);
    world.pods[0] = crashed(2, 2);
    let decision = world.decide();
    write(&mut world, &decision);
    world.pods[0] = PodView {
        restarts: 2,
        exits: 2,
        ..pod(2)
    };
    let mut world = world.at(70);
    let up_again = world.decide();
    assert_eq!(phase_of(&up_again, 2), Some(BAKING));
    assert_eq!(up_again.next, Some(at(130)));
    write(&mut world, &up_again);
    let world = world.at(129);
    assert_eq!(phase_of(&world.decide(), 2).unwrap_or(BAKING), BAKING);
    let mut world = world.at(130);
    assert_eq!(phase_of(&world.decide(), 2), Some(GOOD));
    world.pods[0] = crashed(2, 3);
    assert_eq!(phase_of(&world.decide(), 2), Some(ROLLED_BACK));
}

#[test]
fn an_unready_pod_counts_after_a_minute_by_the_operators_own_clock() {
    let mut world = baking();
    // The clock of the node is an hour behind.
    world.pods[0] = PodView {
        ready: false,
        started: Some(at(-7_200)),
        ready_changed: Some(at(-3_600)),
        ..pod(2)
    };
    let first = world.decide();
    assert_eq!(phase_of(&first, 2), Some(BAKING));
    assert_eq!(first.next, Some(at(90)));
    write(&mut world, &first);
    let world = world.at(89);
    assert_eq!(phase_of(&world.decide(), 2).unwrap_or(BAKING), BAKING);
    assert_eq!(phase_of(&world.at(90).decide(), 2), Some(ROLLED_BACK));
}

#[test]
fn a_pod_that_was_replaced_in_the_bake_gets_the_time_of_a_rollout() {
    let mut world = baking();
    world.pods[0] = PodView {
        ready: false,
        started: Some(at(20)),
        ready_changed: Some(at(10)),
        ..pod(2)
    };
    let first = world.decide();
    write(&mut world, &first);
    let world = world.at(329);
    assert_eq!(phase_of(&world.decide(), 2).unwrap_or(BAKING), BAKING);
    assert_eq!(phase_of(&world.at(330).decide(), 2), Some(ROLLED_BACK));
}

#[test]
fn a_container_that_cannot_be_built_counts_once_it_lasts_and_our_copies_are_there() {
    let unbuilt = PodView {
        ready: false,
        running_since: None,
        waiting: Some(Waiting::Config(BuildFault::Other)),
        ..pod(2)
    };
    let mut world = World::new(vec![record(1, "a", GOOD), record(2, "b", ROLLING)], "b")
        .half_rolled(2, 1, unbuilt)
        .at(10);
    world.copies_present = false;
    let missing = world.decide();
    assert_eq!(phase_of(&missing, 2), Some(ROLLING));
    write(&mut world, &missing);
    let mut world = world.at(100);
    assert!(matches!(world.decide().rollout, Rollout::Blocked(2, _)));
    world.copies_present = true;
    let present = world.decide();
    assert_eq!(phase_of(&present, 2).unwrap_or(ROLLING), ROLLING);
    assert_eq!(present.next, Some(at(130)));
    write(&mut world, &present);
    let world = world.at(130);
    let lasted = world.decide();
    assert_eq!(phase_of(&lasted, 2), Some(REJECTED));
    assert_eq!(lasted.run, Run::Release(1));
}

#[test]
fn the_same_holds_for_the_pod_of_a_release_phase() {
    let phase = ReleasePhase::ReleasePhase;
    let mut world = World::new(vec![record(1, "a", GOOD), record(2, "b", phase)], "b")
        .running(1)
        .at(10);
    let why = "the kubelet cannot build the container of pod shop-release-2".to_owned();
    world.release_phase = Trial::Suspect(Reason::ConfigError, why);
    let first = world.decide();
    assert_eq!(first.next, Some(at(40)));
    write(&mut world, &first);
    assert_eq!(phase_of(&world.decide(), 2).unwrap_or(phase), phase);
    assert_eq!(phase_of(&world.at(40).decide(), 2), Some(REJECTED));
}

#[test]
fn what_keeps_pods_from_being_created_is_named_at_once() {
    let mut world = World::new(vec![record(1, "a", GOOD), record(2, "b", ROLLING)], "b")
        .half_rolled(2, 1, pod(1))
        .at(10);
    let cause = "its pods are not created: exceeded quota: q".to_owned();
    world.workload.obstacle = Some(cause.clone());
    assert_eq!(world.decide().rollout, Rollout::Blocked(2, cause));
}

#[test]
fn silences_with_fine_moments_in_between_add_up_and_the_bake_does_not_end_in_such_a_moment() {
    let mut world = baking().at(10);
    for (seconds, probes) in [
        (10, silent()),
        (60, ProbeHealth::Fine),
        (65, silent()),
        (70, ProbeHealth::Fine),
    ] {
        world = world.at(seconds);
        world.probes = probes;
        let decision = world.decide();
        let phase = phase_of(&decision, 2).unwrap_or(BAKING);
        assert_eq!(phase, BAKING, "at {seconds} s");
        write(&mut world, &decision);
    }
    // 55 s of silence so far. A minute without any ends the bake, five more seconds of it the release.
    assert_eq!(world.decide().next, Some(at(130)));
    assert_eq!(phase_of(&world.at(130).decide(), 2), Some(GOOD));
}

#[test]
fn silence_that_comes_back_again_and_again_counts_in_the_end() {
    let mut world = baking().at(10);
    for (seconds, probes, phase) in [
        (10, silent(), BAKING),
        (60, ProbeHealth::Fine, BAKING),
        (65, silent(), BAKING),
        (74, silent(), BAKING),
        (75, silent(), ROLLED_BACK),
    ] {
        world = world.at(seconds);
        world.probes = probes;
        let decision = world.decide();
        let seen = phase_of(&decision, 2).unwrap_or(BAKING);
        assert_eq!(seen, phase, "at {seconds} s");
        write(&mut world, &decision);
    }
}

#[test]
fn no_answer_and_slow_answers_in_turn_are_one_silence() {
    let mut world = baking();
    let slow = || ProbeHealth::Silent(Reason::SlowResponses, "timeouts make it slow".to_owned());
    for (seconds, probes) in [(30, silent()), (50, slow()), (70, silent())] {
        world = world.at(seconds);
        world.probes = probes;
        let decision = world.decide();
        write(&mut world, &decision);
    }
    assert_eq!(phase_of(&world.at(90).decide(), 2), Some(ROLLED_BACK));
}

#[test]
fn an_obstacle_to_new_pods_excuses_no_answer_of_those_that_are_there() {
    for obstacle in [
        "the rollout of Deployment shop is paused",
        "its pods are not created: exceeded quota: q",
    ] {
        let mut world = baking();
        world.workload.obstacle = Some(obstacle.to_owned());
        let fine = world.decide();
        assert_eq!(fine.rollout, Rollout::Blocked(2, obstacle.to_owned()));
        world.probes = refusing();
        assert_eq!(
            phase_of(&world.decide(), 2),
            Some(ROLLED_BACK),
            "{obstacle}"
        );
        world.pods.pop();
        let missing = world.decide();
        assert_eq!(missing.rollout, Rollout::Blocked(2, obstacle.to_owned()));
    }
}
