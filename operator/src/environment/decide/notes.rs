//! Facts that are written to release records in addition to the decisions of the release state machine, such as which
//! release serves, `goodSeconds`, latency, and whether a rollback is possible. All functions are pure.

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{ReleasePhase, ReleaseStatus};
use jiff::Timestamp;

use crate::environment::model::observed::Observed;
use crate::environment::snapshots;
use crate::registry::Existence;
use crate::release::faults;
use crate::release::machine::Decision;
use crate::release::record::{Record, due_for_check};
use crate::release::status_updates::StatusUpdates;
use crate::release::workload::PodView;
use crate::uptime::{bake, soak};

/// Adds facts about each release, whatever its phase, to the status updates of a decision: whether it serves, its
/// measurements, and whether a rollback to it is possible.
pub fn note(
    decision: Decision,
    observed: &Observed,
    serving: Option<i64>,
    now: Timestamp,
) -> Decision {
    let mut updates = StatusUpdates::of(&observed.records);
    for (number, status) in decision.updates {
        updates.put(number, status);
    }
    for record in &observed.records {
        let number = record.number();
        updates.edit(number, |status| serves(status, number, serving, now));
        count(&mut updates, record, observed, now);
        let exists = observed.snapshots.contains_key(&number);
        if let Some(digest) = snapshots::digest_to_store(record, &observed.seals, exists) {
            updates.edit(number, |status| status.snapshot_digest = Some(digest));
        }
        restarts(&mut updates, number, observed);
    }
    if let Some((number, rollbackable)) = rollback_readiness(observed, now) {
        updates.edit(number, |status| {
            status.rollbackable = Some(rollbackable);
            status.rollback_checked_at = Some(whole_seconds(now));
        });
    }
    Decision {
        updates: updates.changed(),
        ..decision
    }
}

/// Records whether a release serves, and since when. The time lasts while no release serves, so that it does not begin
/// again after an outage. A release that served before its record had this time has served since its rollout, as far as
/// it is known.
fn serves(status: &mut ReleaseStatus, number: i64, serving: Option<i64>, now: Timestamp) {
    let before = status.serving;
    status.serving = serving == Some(number);
    match serving {
        Some(n) if n == number => {
            let rollout = status.rolled_out_at.clone().filter(|_| before);
            let begun = || rollout.unwrap_or_else(|| whole_seconds(now));
            status.serving_since.get_or_insert_with(begun);
        }
        Some(_) => status.serving_since = None,
        None => {}
    }
}

/// Records the measurements of a release. `goodSeconds` is written once a minute and when the release stops serving.
/// The latency is written when the release becomes Good, or later if a short bake had too few responses.
fn count(updates: &mut StatusUpdates<'_>, record: &Record, observed: &Observed, now: Timestamp) {
    let Some(probes) = &observed.probes else {
        return;
    };
    let number = record.number();
    updates.edit(number, |status| {
        if status.phase == ReleasePhase::Good && status.latency_p95_ms.is_none() {
            status.latency_p95_ms = bake::latency_to_record(number, probes);
        }
        if let Some(counted) = soak::counted(number, status, probes, now) {
            *status = counted;
        }
    });
}

/// Records the restarts of the pods of a Good release. Those of a release in flight are recorded by its steps.
fn restarts(updates: &mut StatusUpdates<'_>, number: i64, observed: &Observed) {
    let of_release = |p: &&PodView| p.release == Some(number) && !p.terminating;
    let pods: Vec<&PodView> = observed.pods.iter().filter(of_release).collect();
    updates.edit(number, |status| {
        if status.phase == ReleasePhase::Good && !pods.is_empty() {
            status.restarts = faults::restarts(&pods);
        }
    });
}

/// Returns the number of the release that is due for its daily rollback check, and whether it can be rolled back to.
/// `None` if no release is due, or if the registry's answer is missing or inconclusive.
fn rollback_readiness(observed: &Observed, now: Timestamp) -> Option<(i64, bool)> {
    let number = due_for_check(&observed.records, now)?.number();
    let invalid = observed.seals.invalid.contains_key(&number);
    if invalid || !observed.snapshots.contains_key(&number) {
        return Some((number, false));
    }
    match observed.kept_image.filter(|(n, _)| *n == number)? {
        (_, Existence::Exists) => Some((number, true)),
        (_, Existence::Gone) => Some((number, false)),
        (_, Existence::Denied | Existence::Unknown) => None,
    }
}
