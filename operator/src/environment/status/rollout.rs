//! Findings for the conditions `RolledOut` and `GitDiverged`. All functions are pure.

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{HoldKind, Reason};
use jiff::{SignedDuration, Timestamp};

use crate::environment::decide::{LostSnapshot, Step};
use crate::environment::finding::Finding;
use crate::release::machine::{Hold, Pin, Rollout};

/// Returns the finding for condition `RolledOut`.
pub(super) fn rolled_out(step: &Step) -> Finding {
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
        Rollout::Progressing(n) => {
            let what = format!(
                "release {n} is rolling out: {} of {} pods are new",
                load.updated, load.desired
            );
            Finding::no(Reason::Progressing, what)
        }
        // Without a pod, no release can prove itself: what waits for `replicas` is what the spec asks for.
        Rollout::Blocked(n, _) if at_zero && load.release == Some(*n) => {
            let what = format!("runtime.replicas is 0, so no pod can prove release {n}");
            Finding::no(Reason::ScaledToZero, what)
        }
        Rollout::Blocked(n, cause) => {
            Finding::unknown(Reason::Blocked, format!("release {n} waits: {cause}"))
        }
        Rollout::Baking(n, until) => {
            let until = whole_seconds(*until).0;
            Finding::yes(
                Reason::Baking,
                format!("release {n} runs everywhere and is watched until {until}"),
            )
        }
        Rollout::Complete(n) => complete(*n, step),
        Rollout::Held(hold) => held(hold),
    }
}

/// Returns the finding while a good release is in the Deployment and no other release is on its way.
fn complete(release: i64, step: &Step) -> Finding {
    let load = &step.workload;
    if step.replicas == 0 && load.desired == 0 {
        return Finding::no(Reason::ScaledToZero, "runtime.replicas is 0");
    }
    if load.rolled_out(release) && load.desired > 0 {
        let what = format!("release {release} is good and runs everywhere");
        return Finding::yes(Reason::Succeeded, what);
    }
    if step.values_not_ready() {
        let what = format!(
            "pods of release {release} with the newest connection string and secret values do not become ready within \
             rollout.progressDeadline: {} of {} pods have them, {} are available with these or the earlier ones",
            load.updated, step.replicas, load.available
        );
        return Finding::no(Reason::ValuesNotReady, what);
    }
    let what = format!(
        "release {release} is good; {} of {} pods are available",
        load.available, step.replicas
    );
    Finding::no(Reason::Progressing, what)
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
