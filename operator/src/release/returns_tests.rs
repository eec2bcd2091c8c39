//! Tests of returns to an earlier release: when one is stuck, and what is none.

use super::fixture::{GOOD, REJECTED, World, at, pod, record, write};
use super::*;
use crate::release::workload::PodView;

#[test]
fn a_rollback_that_does_not_get_there_is_stuck_after_the_deadline_and_named_with_its_pod() {
    let failed = record(2, "x", REJECTED);
    let mut world = World::new(vec![record(1, "a", GOOD), failed], "x")
        .half_rolled(2, 1, pod(2))
        .at(1_000);
    let begun = world.decide();
    assert_eq!((begun.run, begun.next), (Run::Release(1), Some(at(1_300))));
    write(&mut world, &begun);
    let stuck = PodView {
        ready: false,
        ..pod(1)
    };
    let mut world = world.half_rolled(1, 2, stuck).at(1_299);
    assert_eq!(
        (world.decide().stuck, world.decide().next),
        (None, Some(at(1_300)))
    );
    let told = "release 1 does not become ready again: pod shop-1 is not ready";
    world = world.at(1_300);
    assert_eq!(world.decide().stuck.as_deref(), Some(told));
    world.workload.obstacle = Some("the rollout of Deployment shop is paused".to_owned());
    let told = "release 1 does not become ready again: the rollout of Deployment shop is paused";
    assert_eq!(world.decide().stuck.as_deref(), Some(told));
}

#[test]
fn what_happens_to_the_pods_after_the_return_is_not_a_return() {
    let failed = record(2, "x", REJECTED);
    let mut world = World::new(vec![record(1, "a", GOOD), failed], "x")
        .half_rolled(2, 1, pod(2))
        .at(0);
    let begun = world.decide();
    write(&mut world, &begun);
    let mut world = world.running(1).at(60);
    let done = world.decide();
    write(&mut world, &done);
    let mut world = world.at(100_000);
    world.workload.available = 1;
    let later = world.decide();
    assert_eq!(
        (later.stuck, later.next, later.updates),
        (None, None, vec![])
    );
    // A pin on what runs rolls nothing either; one on another release does.
    let mut good = vec![record(1, "a", GOOD), record(2, "b", GOOD)];
    good[1].spec.pin = true;
    let mut world = World::new(good.clone(), "b").running(2).at(0);
    world.workload.available = 1;
    assert_eq!(world.decide().next, None);
    (good[0].spec.pin, good[1].spec.pin) = (true, false);
    let mut world = World::new(good, "b").running(2).at(0);
    let pinned = world.decide();
    assert_eq!((pinned.run, pinned.next), (Run::Release(1), Some(at(300))));
    write(&mut world, &pinned);
    assert!(world.at(300).decide().stuck.is_some());
}

#[test]
fn a_return_that_an_earlier_version_began_is_noted_by_the_failed_pods_it_still_replaces() {
    let unready = PodView {
        ready: false,
        ..pod(1)
    };
    let records = vec![record(1, "a", GOOD), record(2, "x", REJECTED)];
    let mut world = World::new(records, "x")
        .half_rolled(1, 2, unready.clone())
        .at(1_000);
    let upgraded = world.decide();
    assert_eq!(upgraded.next, Some(at(1_300)));
    write(&mut world, &upgraded);
    assert!(world.at(1_300).decide().stuck.is_some());
    // Without pods of a failed release, a pod is only replaced.
    let records = vec![record(1, "a", GOOD), record(2, "x", REJECTED)];
    let mut world = World::new(records, "x")
        .half_rolled(1, 1, unready)
        .at(1_000);
    assert_eq!(world.decide().updates, vec![]);
    world.pods.clear();
    assert_eq!(world.decide().updates, vec![]);
}
