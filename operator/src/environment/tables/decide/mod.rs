//! Tests of the decisions for each situation, and of the delay before the next reconcile.

mod contents;
mod contents_blame;
mod contents_given;
mod looks;
mod verdicts;

use crokodial_crds::ReleaseStatus;
use jiff::Timestamp;

use super::super::decide::Step;
use super::super::fixture::{at, case, serving, table};
use crate::release::decision::Run;

/// Returns the number of seconds from [`at`]`(0)` to `time`.
pub(super) fn seconds(time: Timestamp) -> i64 {
    time.duration_since(at(0)).as_secs()
}

/// Formats the decisions as text. Empty parts are left out.
#[expect(clippy::too_many_lines, reason = "one field after the other")]
fn told(step: &Step) -> String {
    let Step {
        decision,
        // Covered by the tests of the built children.
        candidate: _,
        release_jobs: _,
        hold,
        // Covered by the tests of contents.
        proven: _,
        pin,
        workload: _,
        serving,
        last_good,
        desired,
        spent,
        retired,
        look,
        // Covered by the tests of condition `RolledOut`.
        lost: _,
        unrecorded: _,
        replicas: _,
        gate,
        waits,
    } = step;
    let mut words = Vec::new();
    if let Some(made) = &decision.create {
        let from = made
            .promoted_from
            .as_ref()
            .map(|p| format!(" from {}/{} {}", p.namespace, p.environment, p.release));
        let restores = made.restores.map(|n| format!(" restores {n}"));
        let retry = if made.retry.is_empty() {
            String::new()
        } else {
            format!(" retry {}", made.retry)
        };
        words.push(format!(
            "make {} of {}{}{}{retry}",
            made.number,
            made.image,
            from.unwrap_or_default(),
            restores.unwrap_or_default()
        ));
    }
    words.extend(
        decision
            .updates
            .iter()
            .map(|(n, status)| format!("{n} is {}", phase(status))),
    );
    words.extend(decision.release_phase.map(|n| format!("release phase {n}")));
    words.extend(decision.candidate.map(|n| format!("candidate {n}")));
    words.push(match decision.run {
        Run::Keep => "keep".to_owned(),
        Run::Release(n) => format!("run {n}"),
        Run::Zero(n) => format!("zero {n}"),
    });
    words.push(
        format!("desired {desired:?} serving {serving:?} good {last_good:?} spent {spent}")
            .replace("Some", "")
            .replace("None", "-"),
    );
    words.extend((!retired.is_empty()).then(|| format!("forget {retired:?}")));
    words.extend(
        hold.as_ref()
            .map(|h| format!("hold {:?} {}", h.kind, h.release)),
    );
    words.extend(pin.as_ref().map(|p| format!("pin {}", p.release)));
    words.extend(decision.stuck.as_ref().map(|_| "stuck".to_owned()));
    words.extend((!gate.passes()).then(|| format!("gate {}", gate.reason)));
    words.extend(waits.as_ref().map(|w| format!("waits {}", w.reason)));
    words.extend(decision.next.map(|t| format!("next {}", seconds(t))));
    words.extend(look.map(|t| format!("look {}", seconds(t))));
    words.join("; ")
}

pub(super) fn phase(status: &ReleaseStatus) -> String {
    let mut words = format!(
        "{:?} {}",
        status.phase,
        status.reason.as_deref().unwrap_or("-")
    );
    if status.serving {
        words.push_str(" serving");
    }
    if status.paused {
        words.push_str(" paused");
    }
    if let Some(able) = status.rollbackable {
        words.push_str(if able {
            " rollbackable"
        } else {
            " not-rollbackable"
        });
    }
    if status.good_seconds > 0 {
        words.push_str(&format!(" good {} s", status.good_seconds));
    }
    if let Some(p95) = status.latency_p95_ms {
        words.push_str(&format!(" p95 {p95}"));
    }
    words
}

pub(super) fn check(rows: &[(&str, &str)]) {
    table(rows, |given| told(&serving(given).step));
}

pub(super) const SECOND: &str = "spec: {image: 'registry.test/app:2'}";

/// Describes an environment whose spec asks for the image of release 2. `release` is the state of release 2; `more` is
/// added to the description.
pub(super) fn second(release: &str, more: &str) -> String {
    format!("{SECOND}, releases: {{2: {{v: '2', {release}}}}}{more}")
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row a situation")]
fn resolve_record_and_first_release() {
    let uri = "secrets: {mongo: {data: {MONGODB_URI: 'mongodb://app:hunter2@db.test/shop'}}}";
    let proven = format!("{uri}, mongo: {{verified: -9}}, config: {{}}");
    table(
        &[
            ("image: Asked", "keep; desired - serving - good - spent 0"),
            (
                "image: NotFound",
                "keep; desired - serving - good - spent 0",
            ),
            (
                "",
                "make 1 of registry.test/app:1; keep; desired (1) serving - good - spent 0",
            ),
            (
                "deployment: {release: 6, largest: 7}",
                "make 8 of registry.test/app:1; keep; desired (8) serving (6) good - spent 7",
            ),
            (
                "taken: [1, 2]",
                "make 3 of registry.test/app:1; keep; desired (3) serving - good - spent 2",
            ),
            (
                "taken: [2]",
                "make 1 of registry.test/app:1; keep; desired (1) serving - good - spent 0",
            ),
            (
                "unclaimed: {1: '1'}",
                "make 1 of registry.test/app:1; keep; desired (1) serving - good - spent 1",
            ),
            (
                "releases: {1: {}}",
                "1 is Preflight Blocked; keep; desired - serving - good - spent 1",
            ),
            (
                "releases: {1: {phase: Pending}}",
                "1 is Preflight Blocked; keep; desired (1) serving - good - spent 1",
            ),
            (
                &format!("{uri}, releases: {{1: {{phase: Pending}}}}"),
                "1 is Preflight Progressing; keep; desired (1) serving - good - spent 1",
            ),
            (
                &format!("{proven}, releases: {{1: {{phase: Pending}}}}"),
                "1 is Candidate Progressing; candidate 1; keep; desired (1) serving - good - spent 1",
            ),
            (
                &format!("{proven}, releases: {{1: {{phase: Pending, command: false}}}}"),
                "1 is ReleasePhase Progressing; release phase 1; keep; desired (1) serving - good - spent 1",
            ),
            (
                &format!(
                    "{proven}, releases: {{1: {{phase: ReleasePhase, command: false}}}}, jobs: {{1: running}}"
                ),
                "1 is ReleasePhase Progressing; release phase 1; keep; desired (1) serving - good - spent 1",
            ),
            (
                &format!(
                    "{proven}, releases: {{1: {{phase: ReleasePhase, command: false}}}}, jobs: {{1: succeeded}}"
                ),
                "1 is Candidate Progressing; candidate 1; keep; desired (1) serving - good - spent 1",
            ),
            (
                &format!(
                    "{proven}, releases: {{1: {{phase: ReleasePhase, command: false}}}}, jobs: {{1: 'failed: exit 1'}}"
                ),
                "1 is Rejected ReleasePhaseFailed; keep; desired (1) serving - good - spent 1",
            ),
            (
                &format!(
                    "{proven}, releases: {{1: {{phase: Candidate, started: -5}}}}, candidates: ['1']"
                ),
                "1 is Candidate Progressing; candidate 1; keep; desired (1) serving - good - spent 1",
            ),
            (
                &format!(
                    "{proven}, releases: {{1: {{phase: Candidate, started: -5}}}}, candidates: ['1'], smoke: passed"
                ),
                "1 is Rolling Progressing; keep; desired (1) serving - good - spent 1",
            ),
            (
                &format!(
                    "{proven}, releases: {{1: {{phase: Rejected, reason: CrashLoop}}}}, deployment: {{release: 1, available: 0}}"
                ),
                "zero 1; desired (1) serving - good - spent 1; hold Rejected 1",
            ),
        ],
        |given| told(&case(given).step),
    );
}

#[test]
fn a_site_that_serves_is_left_alone() {
    check(&[
        ("", "run 1; desired (1) serving (1) good (1) spent 1"),
        (
            "releases: {1: {serving: false}}",
            "1 is Good Succeeded serving rollbackable; run 1; desired (1) serving (1) good (1) spent 1",
        ),
        (
            "deployment: {available: 0}, pods: [1 unready]",
            "1 is Good Succeeded rollbackable; run 1; desired (1) serving - good (1) spent 1",
        ),
        (
            "deployment: {desired: 0}, pods: []",
            "1 is Good Succeeded rollbackable; run 1; desired (1) serving - good (1) spent 1",
        ),
        (
            "image: Asked",
            "run 1; desired (1) serving (1) good (1) spent 1",
        ),
        (
            "image: NotFound",
            "run 1; desired (1) serving (1) good (1) spent 1",
        ),
        (
            "lost: [1]",
            "keep; desired (1) serving (1) good (1) spent 1",
        ),
        (
            "foreign: [Service]",
            "keep; desired (1) serving (1) good (1) spent 1",
        ),
        (
            &format!("{SECOND}, foreign: [Service]"),
            "keep; desired (1) serving (1) good (1) spent 1",
        ),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row a situation")]
fn a_new_image_is_recorded_and_goes_its_way() {
    let rolling = ", deployment: {release: 2, desired: 2, updated: 1, total: 3, available: 2}, pods: ['1', '1', 2 unready since=-9]";
    let everywhere = ", deployment: {release: 2}, pods: ['2']";
    check(&[
        (
            SECOND,
            "make 2 of registry.test/app:2; run 1; desired (2) serving (1) good (1) spent 1",
        ),
        (
            "spec: {image: 'registry.test/app:2', rollout: {retry: a}}",
            "make 2 of registry.test/app:2 retry a; run 1; desired (2) serving (1) good (1) spent 1",
        ),
        (
            &second("phase: Pending", ""),
            "2 is Candidate Progressing; candidate 2; run 1; desired (2) serving (1) good (1) spent 2",
        ),
        (
            &second(
                "phase: Candidate, started: -5",
                ", candidates: ['2 unready']",
            ),
            "2 is Candidate Progressing; candidate 2; run 1; desired (2) serving (1) good (1) spent 2; next 295",
        ),
        (
            &second(
                "phase: Candidate, started: -5",
                ", candidates: ['2'], smoke: 'unreachable: no answer'",
            ),
            "2 is Candidate Blocked; candidate 2; run 1; desired (2) serving (1) good (1) spent 2",
        ),
        (
            &second(
                "phase: Candidate, started: -5",
                ", candidates: ['2'], smoke: passed",
            ),
            "2 is Rolling Progressing; run 1; desired (2) serving (1) good (1) spent 2",
        ),
        // A smoke result of another pod does not count.
        (
            &second(
                "phase: Candidate, started: -5",
                ", candidates: ['1', '2'], smoke: passed",
            ),
            "2 is Candidate Progressing; candidate 2; run 1; desired (2) serving (1) good (1) spent 2",
        ),
        (
            &second(
                "phase: Candidate, started: -5",
                ", candidates: ['2 config=1'], smoke: passed",
            ),
            "2 is Candidate Progressing; candidate 2; run 1; desired (2) serving (1) good (1) spent 2; next 300",
        ),
        (
            &second("phase: Rolling, started: -10", rolling),
            "2 is Rolling Progressing; run 2; desired (2) serving (1) good (1) spent 2; next 290",
        ),
        (
            &second("phase: Rolling, started: -10", everywhere),
            "1 is Good Succeeded rollbackable; 2 is Baking Baking serving; run 2; desired (2) serving (2) good (1) spent 2; next 60",
        ),
        (
            &second(
                "phase: Baking, started: -70, rolledOut: -59",
                &format!("{everywhere}, probes: {{release: 2, last: 0, good: [[-59, 0, 2]]}}"),
            ),
            "1 is Good Succeeded rollbackable; 2 is Baking Baking serving; run 2; desired (2) serving (2) good (1) spent 2; next 1",
        ),
        (
            &second(
                "phase: Baking, started: -70, rolledOut: -60",
                &format!("{everywhere}, probes: {{release: 2, last: 0, good: [[-60, 0, 2]]}}"),
            ),
            "1 is Good Succeeded rollbackable; 2 is Good Succeeded serving good 60 s; run 2; desired (2) serving (2) good (1) spent 2",
        ),
        // Time that was not measured extends the bake.
        (
            &second("phase: Baking, started: -70, rolledOut: -60", everywhere),
            "1 is Good Succeeded rollbackable; 2 is Baking Baking serving; run 2; desired (2) serving (2) good (1) spent 2; next 56",
        ),
        (
            &second(
                "phase: Good, rolledOut: -5, finished: -4, checked: -3",
                everywhere,
            ),
            "1 is Good Succeeded rollbackable; 2 is Good - serving; run 2; desired (2) serving (2) good (2) spent 2",
        ),
        // A newer spec supersedes the release in flight.
        (
            &second("phase: Rolling, started: -10", rolling).replace("app:2", "app:3"),
            "make 3 of registry.test/app:3; 1 is Good Succeeded serving rollbackable; 2 is Superseded Superseded; run 1; desired (3) serving (1) good (1) spent 2",
        ),
    ]);
}
