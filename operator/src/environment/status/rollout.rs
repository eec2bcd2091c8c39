//! Findings for the conditions `RolledOut` and `GitDiverged`. All functions are pure.

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{HoldKind, Reason};
use jiff::{SignedDuration, Timestamp};

use super::inputs::StatusInputs;
use crate::environment::credential_check::CredentialState;
use crate::environment::decide::{LostSnapshot, Step};
use crate::environment::finding::Finding;
use crate::environment::validate::Valid;
use crate::release::faults::{self, CRASH_LOOP_EXITS};
use crate::release::machine::{Hold, Pin, Rollout, Run};
use crate::release::workload::{PodView, Waiting};

/// Returns the finding for condition `RolledOut`. If pods do not become ready in time with a new connection string, it
/// names what keeps the earlier one from coming back.
pub(super) fn rolled_out(facts: StatusInputs<'_>) -> Finding {
    let mut finding = of_release(facts);
    let late = finding.is_false() && facts.step.workload.overdue;
    let obstacle = facts.valid.check.earlier.obstacle();
    if let Some(obstacle) = obstacle.filter(|_| late) {
        finding.seen += &format!("; {obstacle}");
    }
    finding
}

fn of_release(facts: StatusInputs<'_>) -> Finding {
    let StatusInputs {
        step,
        valid,
        observed,
        ..
    } = facts;
    let load = &step.workload;
    let at_zero = step.replicas == 0 && load.desired == 0;
    // A release that is on its way may be the way out.
    let at_rest = matches!(
        step.decision.rollout,
        Rollout::Complete(_) | Rollout::Held(_) | Rollout::Pinned(_)
    );
    if let Some(lost) = step.lost.as_ref().filter(|_| at_rest) {
        return self::lost(lost);
    }
    let nothing_else = at_rest || step.decision.rollout == Rollout::NeverDeployed;
    if let Some(number) = step.unrecorded.filter(|_| nothing_else)
        && [Run::Keep, Run::Release(number)].contains(&step.decision.run)
    {
        return record_lost(number);
    }
    if let Some(what) = &step.decision.stuck {
        return Finding::no(Reason::RollbackStuck, what.clone());
    }
    match &step.decision.rollout {
        Rollout::NeverDeployed => {
            Finding::unknown(Reason::NeverDeployed, "no release was made yet")
        }
        Rollout::Gated {
            release,
            reason,
            message,
        } => Finding::no(*reason, format!("release {release} waits: {message}")),
        Rollout::OnTrial(n, seen) => {
            Finding::no(Reason::Progressing, format!("release {n}: {seen}"))
        }
        Rollout::Pinned(pin) => pinned(pin, step),
        Rollout::Progressing(n) => Finding::no(Reason::Progressing, progress(*n, step)),
        // Without a pod, no release can prove itself: what waits for `replicas` is what the spec asks for.
        Rollout::Blocked(n, _) if at_zero && load.release == Some(*n) => {
            let what = format!("runtime.replicas is 0, so no pod can prove release {n}");
            Finding::no(Reason::ScaledToZero, what)
        }
        Rollout::Blocked(n, cause) => {
            let reason = cause_of_block(cause, valid);
            Finding::unknown(reason, format!("release {n} waits: {cause}"))
        }
        Rollout::Baking(n, until) => {
            let until = whole_seconds(*until).0;
            Finding::yes(
                Reason::Baking,
                format!("release {n} runs everywhere and is watched until {until}"),
            )
        }
        Rollout::Complete(n) => complete(*n, step, &observed.pods),
        Rollout::Held(hold) => held(hold),
    }
}

/// Returns the finding while a good release is in the Deployment and no other release is on its way.
fn complete(release: i64, step: &Step, pods: &[PodView]) -> Finding {
    let load = &step.workload;
    if step.replicas == 0 && load.desired == 0 {
        return Finding::no(Reason::ScaledToZero, "runtime.replicas is 0");
    }
    if load.rolled_out(release) && load.desired > 0 {
        let what = format!("release {release} is good and runs everywhere");
        return Finding::yes(Reason::Succeeded, what);
    }
    incomplete(release, step, pods)
}

fn lost(lost: &LostSnapshot) -> Finding {
    let LostSnapshot {
        release,
        name,
        invalid,
    } = lost;
    match invalid {
        Some(cause) => Finding::no(
            Reason::SnapshotInvalid,
            format!(
                "ConfigMap {name} is not the snapshot of release {release} that the operator made ({cause}) and is not applied"
            ),
        ),
        None => Finding::no(
            Reason::SnapshotLost,
            format!("ConfigMap {name}, the snapshot of release {release}, is gone"),
        ),
    }
}

fn record_lost(release: i64) -> Finding {
    let what = format!(
        "the record of release {release}, which is in the Deployment, was deleted, and what it said is not known; its pods are kept"
    );
    Finding::no(Reason::RecordLost, what)
}

/// Describes the progress of a release that is being rolled out.
fn progress(number: i64, step: &Step) -> String {
    let load = &step.workload;
    let created = step.decision.create.as_ref().map(|spec| spec.number);
    if created == Some(number) {
        format!("release {number} is being recorded; no pod of it exists yet")
    } else if load.release == Some(number) {
        format!(
            "release {number} is rolling out; pods that run it: {} of {}",
            load.updated, load.desired
        )
    } else {
        format!("release {number} is rolling out; no pod of it exists yet")
    }
}

/// Returns the reason of a release that waits for `cause`: that of the condition from which the cause comes, so that
/// both name the same next step, or otherwise `Blocked`.
fn cause_of_block(cause: &str, valid: &Valid) -> Reason {
    if let CredentialState::Bad(reason, seen) = &valid.credentials
        && cause.contains(seen.as_str())
    {
        return *reason;
    }
    let findings = [&valid.mongo.finding, &valid.config.active.finding];
    let found = findings
        .into_iter()
        .find(|f| f.is_false() && cause.contains(f.seen.as_str()));
    found.map_or(Reason::Blocked, |finding| finding.reason)
}

/// Returns the finding about a Good release that does not run on all pods.
fn incomplete(number: i64, step: &Step, pods: &[PodView]) -> Finding {
    let load = &step.workload;
    let count = if load.available > step.replicas {
        format!("pods: {}, wanted: {}", load.replicas, step.replicas)
    } else {
        format!("available pods: {} of {}", load.available, step.replicas)
    };
    let obstacle = load.obstacle.clone().map(|o| (Reason::Blocked, o));
    let but = |cause: String| format!("release {number} is good, but {cause}; {count}");
    match obstacle.or_else(|| trouble(number, pods)) {
        Some((Reason::Blocked, cause)) => Finding::unknown(Reason::Blocked, but(cause)),
        cause if step.values_not_ready() => {
            let cause = cause.map_or_else(String::new, |(_, cause)| format!(" ({cause})"));
            let what = format!(
                "pods of release {number} with the newest connection string and secret values do not become ready within \
                 rollout.progressDeadline{cause}: {} of {} pods have them, {} are available with these or the earlier ones",
                load.updated, step.replicas, load.available
            );
            Finding::no(Reason::ValuesNotReady, what)
        }
        // It may end by itself, such as a missing Secret that is about to be created.
        Some((Reason::ConfigError, cause)) => Finding::unknown(Reason::Blocked, but(cause)),
        Some((reason, cause)) => Finding::no(reason, but(cause)),
        None => Finding::no(
            Reason::Progressing,
            format!("release {number} is good; {count}"),
        ),
    }
}

/// Returns why a pod of the release is not ready, with the reason; `None` if every pod is ready or just needs time.
fn trouble(number: i64, pods: &[PodView]) -> Option<(Reason, String)> {
    let unready = |p: &&PodView| p.release == Some(number) && !p.terminating && !p.ready;
    pods.iter().filter(unready).find_map(|pod| {
        let name = &pod.name;
        match pod.waiting {
            _ if pod.exits >= CRASH_LOOP_EXITS => Some((Reason::CrashLoop, pod.exit_summary())),
            _ if pod.unschedulable => {
                Some((Reason::Blocked, format!("there is no node for pod {name}")))
            }
            _ if pod.node_lost => Some((
                Reason::Blocked,
                format!("the node of pod {name} does not answer"),
            )),
            Some(Waiting::Image) => {
                Some((Reason::Blocked, format!("pod {name} cannot pull the image")))
            }
            Some(Waiting::Platform) => Some((
                Reason::Blocked,
                format!("the image has no variant for the platform of the node of pod {name}"),
            )),
            Some(Waiting::Config(_)) => {
                faults::unbuilt(pod).map(|seen| (Reason::ConfigError, seen))
            }
            Some(Waiting::Other) | None => None,
        }
    })
}

fn held(hold: &Hold) -> Finding {
    if hold.paused {
        let what = format!(
            "release {} failed and nothing was put back: {}",
            hold.release, hold.message
        );
        return Finding::no(Reason::Paused, what);
    }
    let reason = match hold.kind {
        HoldKind::RolledBack => Reason::RolledBack,
        HoldKind::Rejected | HoldKind::Pin => hold.reason.parse().unwrap_or(Reason::Held),
    };
    Finding::no(
        reason,
        format!(
            "release {} failed and is held: {}",
            hold.release, hold.message
        ),
    )
}

fn pinned(pin: &Pin, step: &Step) -> Finding {
    let runs = if step.workload.rolled_out(pin.release) {
        "runs everywhere"
    } else {
        "is on its way"
    };
    let why = match pin.why.as_str() {
        "" => String::new(),
        why => format!(" ({why})"),
    };
    let since = whole_seconds(pin.since).0;
    let what = format!(
        "release {} is pinned since {since}{why} and {runs}",
        pin.release
    );
    Finding::no(Reason::Pinned, what)
}

/// Returns the finding for condition `GitDiverged`: True while a pin or a hold is in effect. From its second day on,
/// the message about a pin contains its age in days. It therefore changes once a day, and an Event reminds users of the
/// pin.
pub(super) fn diverged(step: &Step, now: Timestamp) -> Finding {
    if let Some(pin) = &step.pin {
        let what = format!(
            "release {} is pinned{}, whatever the spec asks for",
            pin.release,
            for_days(now.duration_since(pin.since))
        );
        return Finding::yes(Reason::Pinned, what);
    }
    match &step.hold {
        Some(hold) => Finding::yes(
            Reason::Held,
            format!(
                "the spec asks for what release {} failed with",
                hold.release
            ),
        ),
        None => Finding::no(
            Reason::InSync,
            "the cluster runs, or is on its way to, what the spec asks for",
        ),
    }
}

fn for_days(duration: SignedDuration) -> String {
    match duration.as_hours() / 24 {
        ..=0 => String::new(),
        1 => " for 1 day".to_owned(),
        days => format!(" for {days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_about_a_pin_change_once_a_day() {
        let hours = [0, 23, 24, 47, 48].map(|h| for_days(SignedDuration::from_hours(h)));
        assert_eq!(hours, ["", "", " for 1 day", " for 1 day", " for 2 days"]);
        assert_eq!(for_days(SignedDuration::from_secs(-1)), "");
    }
}
