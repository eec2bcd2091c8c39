//! Returns to an earlier release, by a rollback, a pin or the end of one: since when one is in progress, and if it is
//! stuck. Pure functions without I/O.
//!
//! The start of a return is stored in the status of the release that comes back, until all pods run it. What happens to
//! its pods later, for example when a node is drained, is no return.

use crokodial_crds::condition::whole_seconds;
use jiff::Timestamp;

use super::decision::Run;
use super::status_updates::StatusUpdates;
use super::steps::later;
use super::view::View;
use super::workload::PodView;

/// Maximum number of pods that a message names.
const MAX_PODS: usize = 3;

/// Stores the start of a return to a good release, and removes it once all pods run the release or another release is to
/// run. `run` is what the Deployment must run.
pub(super) fn note(view: &View<'_>, run: Run, updates: &mut StatusUpdates<'_>) {
    for record in view.records.iter().filter(|r| r.good()) {
        let number = record.number();
        let replaces = view.workload.release.is_some_and(|n| n != number);
        let done = view.workload.rolled_out(number) || view.workload.desired == 0;
        updates.edit(number, |status| match run {
            Run::Release(n) if n == number && (replaces || (!done && in_the_way(view, n))) => {
                status
                    .returning_since
                    .get_or_insert_with(|| whole_seconds(view.now));
            }
            Run::Release(n) if n == number && !done => {}
            Run::Keep => {}
            Run::Release(_) | Run::Zero(_) => status.returning_since = None,
        });
    }
}

/// Returns true if pods of a newer release that failed still run, so that a return to `number` is in progress although the
/// Deployment has its pod template already. Earlier versions of the operator did not store the start of a return.
fn in_the_way(view: &View<'_>, number: i64) -> bool {
    let failed = |n: i64| view.records.iter().any(|r| r.number() == n && r.failed());
    let newer = |p: &PodView| p.release.filter(|n| *n > number && !p.terminating);
    view.pods.iter().filter_map(newer).any(failed)
}

/// Returns the time at which the return in progress counts as stuck; `None` if none is in progress.
pub(super) fn stuck_at(
    view: &View<'_>,
    run: Run,
    updates: &StatusUpdates<'_>,
) -> Option<Timestamp> {
    let Run::Release(number) = run else {
        return None;
    };
    let since = updates.status(number).returning_since?.0;
    let complete = view.workload.rolled_out(number) || view.workload.desired == 0;
    (!complete).then(|| later(since.max(view.leader_since), view.progress_deadline))
}

/// Returns what keeps the release in `run` from coming back, for users, as a sentence without a trailing period.
pub(super) fn stuck(view: &View<'_>, run: Run) -> String {
    let number = match run {
        Run::Release(number) | Run::Zero(number) => number,
        Run::Keep => 0,
    };
    let what = format!("release {number} does not become ready again");
    if let Some(obstacle) = &view.workload.obstacle {
        return format!("{what}: {obstacle}");
    }
    let pods: Vec<String> = view
        .pods
        .iter()
        .filter(|p| p.release == Some(number) && !p.terminating && !p.ready)
        .take(MAX_PODS)
        .map(why_unready)
        .collect();
    if pods.is_empty() {
        return format!("{what}: its pods were not created yet");
    }
    format!("{what}: {}", pods.join("; "))
}

fn why_unready(pod: &PodView) -> String {
    match pod {
        _ if pod.unschedulable => format!("no node for pod {}", pod.name),
        _ if pod.exits > 0 => pod.exit_summary(),
        _ => format!("pod {} is not ready", pod.name),
    }
}
