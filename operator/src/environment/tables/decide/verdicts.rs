//! Tests of decisions about releases, including holds, pins, the promotion gate, and the deletion of old release
//! records.

use super::super::super::fixture::{case, serving};
use super::{SECOND, check, second};

#[test]
fn what_failed_is_held_until_it_is_tried_again() {
    let back = ", deployment: {release: 1}, pods: ['1']";
    let paused = ", deployment: {release: 2}, pods: ['2']";
    let returning = |since: i64, more: &str| {
        let second = second("phase: Rejected, finished: -900", more);
        second.replace(
            "releases: {2",
            &format!("releases: {{1: {{returning: {since}}}, 2"),
        )
    };
    check(&[
        (
            &second("phase: Rejected, finished: -5", back),
            "run 1; desired (2) serving (1) good (1) spent 2; hold Rejected 2",
        ),
        (
            &second("phase: Rejected, finished: -5", back)
                .replace("app:2'", "app:2', rollout: {retry: again}"),
            "make 3 of registry.test/app:2 retry again; run 1; desired (3) serving (1) good (1) spent 2",
        ),
        (
            &second("phase: Rejected, retry: again, finished: -5", back)
                .replace("app:2'", "app:2', rollout: {retry: again}"),
            "run 1; desired (2) serving (1) good (1) spent 2; hold Rejected 2",
        ),
        (
            &second("phase: RolledBack, paused: true, finished: -5", paused),
            "1 is Good Succeeded rollbackable; 2 is RolledBack - serving paused; run 2; desired (2) serving (2) good (1) spent 2; hold RolledBack 2",
        ),
        (
            &returning(
                -299,
                ", deployment: {release: 1, available: 0}, pods: [1 unready]",
            ),
            "1 is Good Succeeded rollbackable; run 1; desired (2) serving - good (1) spent 2; hold Rejected 2; next 1",
        ),
        (
            &returning(
                -300,
                ", deployment: {release: 1, available: 0}, pods: [1 unready]",
            ),
            "1 is Good Succeeded rollbackable; run 1; desired (2) serving - good (1) spent 2; hold Rejected 2; stuck",
        ),
        // The spec returns to what runs and is Good: no new release.
        (
            "releases: {2: {v: '2', phase: Rejected, finished: -5}}",
            "run 1; desired (1) serving (1) good (1) spent 2",
        ),
        // The spec returns to a release before the last Good one: a new release restores it.
        (
            "releases: {2: {v: '2', phase: Good, rolledOut: -50, finished: -5, checked: -3, serving: true}, 1: {serving: false}}, deployment: {release: 2}, pods: ['2']",
            "make 3 of registry.test/app:1 restores 1; run 2; desired (3) serving (2) good (2) spent 2",
        ),
    ]);
}

/// That a new value of `rollout.retry` looks the tag up is a test of `model/image.rs`. These are the decisions then.
#[test]
fn a_retry_of_what_is_good_makes_a_release_only_if_the_tag_moved() {
    let retry = "spec: {rollout: {retry: a}}";
    let rests = "run 1; desired (1) serving (1) good (1) spent 1";
    let moved =
        "make 2 of registry.test/app:1 retry a; run 1; desired (2) serving (1) good (1) spent 1";
    check(&[
        (retry, rests),
        (&format!("{retry}, releases: {{1: {{retry: a}}}}"), rests),
        (&format!("{retry}, image: Asked"), rests),
        (&format!("{retry}, image: {{Unreachable: 503}}"), rests),
        (&format!("{retry}, image: {{Is: '3'}}"), moved),
    ]);
}

#[test]
fn the_database_is_asked_before_a_release_is_judged() {
    let smoke = |status: &str, more: &str| {
        second(
            &format!("phase: Candidate, started: -5{status}"),
            &format!(", candidates: ['2'], smoke: 'failed: / answered 500'{more}"),
        )
    };
    check(&[
        (
            &smoke("", ""),
            "2 is Candidate Progressing; candidate 2; run 1; desired (2) serving (1) good (1) spent 2; next 30",
        ),
        (
            &smoke(", suspected: -5", ", mongo: {verified: -6}"),
            "2 is Candidate Progressing; candidate 2; run 1; desired (2) serving (1) good (1) spent 2; next 25",
        ),
        (
            &smoke(", suspected: -30", ", mongo: {verified: -31}"),
            "2 is Rejected SmokeFailed; run 1; desired (2) serving (1) good (1) spent 2",
        ),
        (
            &smoke(", suspected: -5", ", mongo: {verified: -5}"),
            "2 is Rejected SmokeFailed; run 1; desired (2) serving (1) good (1) spent 2",
        ),
        (
            &smoke(
                ", suspected: -5",
                ", mongo: {verified: -6}, attempts: [{n: 1, password: hunter2, state: AuthFailed, at: -4}]",
            ),
            "2 is Candidate Blocked; candidate 2; run 1; desired (2) serving (1) good (1) spent 2",
        ),
        (
            &smoke("", "").replace("app:2'", "app:2', mongo: {preflight: {mode: 'Off'}}"),
            "2 is Rejected SmokeFailed; run 1; desired (2) serving (1) good (1) spent 2",
        ),
    ]);
}

#[test]
fn what_fails_in_its_bake_is_put_back_unless_that_is_forbidden_or_impossible() {
    let fails = |release: &str| {
        second(
            &format!("phase: Baking, started: -10, rolledOut: -5, suspected: -5{release}"),
            ", deployment: {release: 2}, pods: [2 exits=3], mongo: {verified: -4}",
        )
    };
    let back = "1 is Good Succeeded rollbackable; 2 is RolledBack CrashLoop serving; run 1; desired (2) serving (2) good (1) spent 2";
    let left = "1 is Good Succeeded rollbackable; 2 is RolledBack CrashLoop serving paused; run 2; desired (2) serving (2) good (1) spent 2";
    check(&[
        (&fails(""), back),
        (
            &fails("").replace("app:2'", "app:2', rollout: {onFailure: Pause}"),
            left,
        ),
        (&fails(", command: false"), back),
        (&fails(", command: true"), left),
        // A release that restores an earlier one ran no release phase.
        (&fails(", command: true, restores: 1"), back),
    ]);
}

#[test]
fn a_number_is_spent_once_and_a_snapshot_that_was_made_for_this_is_taken_up() {
    check(&[
        (
            &format!("{SECOND}, unclaimed: {{2: '2'}}"),
            "make 2 of registry.test/app:2; run 1; desired (2) serving (1) good (1) spent 2",
        ),
        (
            &format!("{SECOND}, unclaimed: {{2: '3'}}"),
            "make 3 of registry.test/app:2; run 1; desired (3) serving (1) good (1) spent 2",
        ),
        (
            &format!("{SECOND}, unclaimed: {{2: '2'}}, deployment: {{largest: 5}}"),
            "make 6 of registry.test/app:2; run 1; desired (6) serving (1) good (1) spent 5",
        ),
        (
            &format!("{SECOND}, deployment: {{largest: 5}}"),
            "make 6 of registry.test/app:2; run 1; desired (6) serving (1) good (1) spent 5",
        ),
        (
            &format!("{SECOND}, taken: [3]"),
            "make 2 of registry.test/app:2; run 1; desired (2) serving (1) good (1) spent 1",
        ),
        (
            &format!("{SECOND}, taken: [2, 3]"),
            "make 4 of registry.test/app:2; run 1; desired (4) serving (1) good (1) spent 3",
        ),
    ]);
}

#[test]
fn a_pin_is_followed_before_anything_else() {
    let two = |first: &str, more: &str| {
        format!(
            "{SECOND}, releases: {{1: {{serving: false, {first}}}, 2: {{v: '2', phase: Good, rolledOut: -50, finished: -5, checked: -3, serving: true}}}}, deployment: {{release: 2}}, pods: ['2']{more}"
        )
    };
    check(&[
        (
            &two("pin: true, pinned: -9", ""),
            "1 is Good Succeeded rollbackable; run 1; desired (2) serving (2) good (2) spent 2; pin 1; next 300",
        ),
        (
            &two("pin: true, pinned: -9, rollbackable: false", ""),
            "1 is Good Succeeded not-rollbackable; run 2; desired (2) serving (2) good (2) spent 2",
        ),
        (
            &two("pin: true, pinned: -9", ", lost: [1]"),
            "1 is Good Succeeded rollbackable; run 2; desired (2) serving (2) good (2) spent 2",
        ),
        (
            &two("pin: false", "").replace("app:2'", "app:3'"),
            "make 3 of registry.test/app:3; run 2; desired (3) serving (2) good (2) spent 2",
        ),
        (
            &two("pin: true, pinned: -9", "").replace("app:2'", "app:3'"),
            "make 3 of registry.test/app:3; 1 is Good Succeeded rollbackable; run 1; desired (3) serving (2) good (2) spent 2; pin 1; next 300",
        ),
        // A pin also ends a release that is rolling out. The wanted release is then the last Good one again.
        (
            "releases: {1: {pin: true, pinned: -9}, 2: {v: '2', phase: Rolling, started: -10}}, deployment: {release: 2, updated: 0, total: 1}",
            "1 is Good Succeeded serving rollbackable; 2 is Superseded Superseded; run 1; desired (1) serving (1) good (1) spent 2; pin 1; next 300",
        ),
    ]);
}

/// Source whose release 4 has passed its soak.
const SOAKED: &str = "{Found: {releases: {4: {v: '2', phase: Good, good: 1800}}}}";
/// Source whose release 4 is still soaking.
const SOAKING: &str = "{Found: {releases: {4: {v: '2', phase: Good, good: 1700, until: -10}}}}";

#[test]
fn the_gate_keeps_what_has_not_proven_itself() {
    let prod = |release: &str, source: &str| {
        format!(
            "spec: {{stage: prod, runtime: {{replicas: 1}}, image: 'registry.test/app:2', promotion: {{from: {{name: staging}}}}}}, releases: {{2: {release}}}, source: {source}"
        )
    };
    check(&[
        (
            &prod("null", "NotFound"),
            "make 2 of registry.test/app:2; run 1; desired (2) serving (1) good (1) spent 1; gate SourceNotFound",
        ),
        (
            &prod("null", SOAKED),
            "make 2 of registry.test/app:2 from apps/staging 4; run 1; desired (2) serving (1) good (1) spent 1",
        ),
        (
            &prod("{v: '2', phase: Pending}", SOAKING),
            "2 is Gated SoakNotMet; run 1; desired (2) serving (1) good (1) spent 2; gate SoakNotMet; next 90",
        ),
        (
            &prod("{v: '2', phase: Gated}", SOAKED),
            "2 is Candidate Progressing; candidate 2; run 1; desired (2) serving (1) good (1) spent 2",
        ),
    ]);
    // The digest of the image is not known yet, so the gate has nothing to judge.
    let asked = serving(&format!("{}, image: Asked", prod("null", SOAKED)));
    assert_eq!(
        (
            asked.step.gate.reason.as_str(),
            asked.step.gate.message.as_str()
        ),
        (
            "Progressing",
            "the registry of registry.test/app:2 was asked"
        )
    );
    let never =
        case("spec: {stage: prod, image: null, promotion: {from: {name: staging}, auto: true}}");
    assert_eq!(never.step.gate.reason.as_str(), "SourceNotFound");
}

#[test]
fn auto_promotes_the_newest_release_that_passes() {
    let auto = |source: &str| {
        format!(
            "spec: {{stage: prod, runtime: {{replicas: 1}}, image: null, promotion: {{from: {{name: staging}}, auto: true}}}}, releases: {{1: {{promotedFrom: 3, created: -700}}}}, source: {source}"
        )
    };
    let made_again = |at: i64| {
        format!("{{Found: {{began: {at}, releases: {{1: {{v: '2', phase: Good, good: 1800}}}}}}}}")
    };
    check(&[
        (
            &auto(SOAKED),
            "make 2 of registry.test/app:2 from apps/staging 4; run 1; desired (2) serving (1) good (1) spent 1",
        ),
        (
            &auto(SOAKING),
            "run 1; desired (1) serving (1) good (1) spent 1; waits SoakNotMet",
        ),
        (
            &auto("NotFound"),
            "run 1; desired (1) serving (1) good (1) spent 1; waits SourceNotFound",
        ),
        // The source was made again after release 1 was promoted from its release 3, or before.
        (
            &auto(&made_again(-600)),
            "make 2 of registry.test/app:2 from apps/staging 1; run 1; desired (2) serving (1) good (1) spent 1",
        ),
        (
            &auto(&made_again(-800)),
            "run 1; desired (1) serving (1) good (1) spent 1",
        ),
    ]);
}

#[test]
fn old_records_are_forgotten_and_what_is_in_use_is_not() {
    let old = "started: -9000000, rolledOut: -9000000, finished: -9000000, checked: -3";
    let many = |pinned: &str| {
        format!(
        "spec: {{image: 'registry.test/app:9', history: {{releases: 2, days: 90}}}}, deployment: {{release: 3}}, pods: ['3', '4'], releases: {{
            1: {{phase: Good, serving: false, {old}{pinned}}}, 2: {{v: '2', phase: Good, {old}}}, 3: {{v: '3', phase: Good, serving: true, {old}}},
            4: {{v: '4', phase: Good, {old}}}, 5: {{v: '5', phase: Good, {old}}}, 6: {{v: '6', phase: Good, {old}}}, 9: {{v: '9', phase: Good, {old}}}}}"
    ).replace('\n', " ")
    };
    check(&[
        (
            &many(""),
            "9 is Good -; run 9; desired (9) serving (3) good (9) spent 9; forget [1, 2, 4, 5]; next 300",
        ),
        (
            &many("")
                .replace("{release: 3}", "{release: 3, updated: 0}")
                .replace("'3', '4'", "'4'"),
            "3 is Good -; 4 is Good - serving; 9 is Good -; run 9; desired (9) serving (4) good (9) spent 9; forget [1, 2, 5]; next 300",
        ),
        (
            &many(", pin: true, pinned: -5"),
            "1 is Good Succeeded rollbackable; run 1; desired (9) serving (3) good (9) spent 9; forget [2, 4, 5]; pin 1; next 300",
        ),
    ]);
}
