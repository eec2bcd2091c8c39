//! Publishes Events about changed conditions. A problem that needs human intervention is reported at once. A problem
//! that may resolve without intervention is reported only if it persists.

use crokodial_crds::condition::{self, ConditionType};
use crokodial_crds::names::{Children as Names, EnvironmentName};
use crokodial_crds::{Actor, CrokodialEnvironment, CrokodialRelease, EnvironmentStatus, Reason};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use kube::runtime::events::EventType;

use crate::context::Context;
use crate::kube_io::object;
use crate::memory::{EnvironmentWarnings, PendingWarning};

/// Conditions whose changes are published as Events. `Reconciling` and `Stalled` are left out because they repeat
/// `Ready`, and `RolledOut` because releases have separate Events.
const REPORTED: [ConditionType; 11] = [
    ConditionType::Ready,
    ConditionType::ImageResolved,
    ConditionType::CredentialsValid,
    ConditionType::DatabaseIsolated,
    ConditionType::ConfigSecretsValid,
    ConditionType::Promotable,
    ConditionType::RouteAccepted,
    ConditionType::CertificateReady,
    ConditionType::HttpsForced,
    ConditionType::Available,
    ConditionType::GitDiverged,
];

/// Time after which a problem that may resolve without intervention is reported. For example, the Ingress of every new
/// environment takes a moment to be admitted.
const WARNING_DELAY: SignedDuration = SignedDuration::from_secs(60);

/// Publishes the Events about conditions that are due now. `environment` contains the stored status; `new` is the
/// status that replaces it.
pub async fn announce(
    ctx: &Context,
    environment: &CrokodialEnvironment,
    new: &EnvironmentStatus,
    now: Timestamp,
) {
    let old = environment
        .status
        .as_ref()
        .map(|s| s.conditions.as_slice())
        .unwrap_or_default();
    let (namespace, name) = (
        environment.namespace().unwrap_or_default(),
        environment.name_any(),
    );
    let news = ctx.warnings.update((&namespace, &name), |pending| {
        news(old, &new.conditions, pending, now)
    });
    for condition in news {
        let type_ = type_of(condition);
        let note = format!("{}: {}", condition.type_, condition.message);
        let about = release(environment, new);
        ctx.event_on(environment, about, type_, &condition.reason, &note)
            .await;
    }
}

/// Returns a reference to the release that the environment is to run, which its conditions are about.
fn release(environment: &CrokodialEnvironment, new: &EnvironmentStatus) -> Option<ObjectReference> {
    let name: EnvironmentName = environment.name_any().parse().ok()?;
    let release = Names::of(&name).release(new.release.desired?);
    let namespace = environment.namespace()?;
    Some(object::reference::<CrokodialRelease>(&namespace, &release))
}

/// Returns the conditions of `new` that need an Event, and updates `pending`.
fn news<'a>(
    old: &[Condition],
    new: &'a [Condition],
    pending: &mut EnvironmentWarnings,
    now: Timestamp,
) -> Vec<&'a Condition> {
    let told = REPORTED
        .iter()
        .filter_map(|type_| condition::find(new, *type_).map(|c| (*type_, c)));
    let news = told.filter(|(type_, c)| {
        if is_trouble(c) && may_end(c) {
            return lasts(pending, *type_, c, now);
        }
        let kept_quiet = pending
            .remove(type_)
            .is_some_and(|trouble| !trouble.reported);
        // If no Event was published about a problem, none is published about its end either, except for `Ready`.
        changed(condition::find(old, *type_), c)
            && (!kept_quiet || is_trouble(c) || *type_ == ConditionType::Ready)
    });
    news.map(|(_, c)| c).collect()
}

/// True if the status or the reason changed, if the message about a pin changed, which happens once a day, or if other
/// writes are refused. A condition that did not exist before counts only if it reports a problem.
fn changed(before: Option<&Condition>, now: &Condition) -> bool {
    before.map_or(is_trouble(now), |before| {
        let reminds = now.type_ == ConditionType::GitDiverged.as_str()
            && now.reason == Reason::Pinned.as_str()
            && before.message != now.message;
        let others = now.reason == Reason::ApplyFailed.as_str() && before.message != now.message;
        before.status != now.status || before.reason != now.reason || reminds || others
    })
}

/// True once for each problem: when it has lasted for [`WARNING_DELAY`]. Updates `pending`.
fn lasts(
    pending: &mut EnvironmentWarnings,
    type_: ConditionType,
    condition: &Condition,
    now: Timestamp,
) -> bool {
    let known = pending
        .get(&type_)
        .filter(|known| known.reason == condition.reason);
    let mut trouble = known.cloned().unwrap_or_else(|| PendingWarning {
        reason: condition.reason.clone(),
        since: now,
        reported: false,
    });
    let due = !trouble.reported && now.duration_since(trouble.since) >= WARNING_DELAY;
    trouble.reported |= due;
    pending.insert(type_, trouble);
    due
}

fn may_end(condition: &Condition) -> bool {
    condition.reason.parse().is_ok_and(Reason::ends_by_itself)
}

/// Returns the type of the Event about a condition. What a person asked for is no warning.
fn type_of(condition: &Condition) -> EventType {
    if is_trouble(condition) && !is_intended(condition) {
        EventType::Warning
    } else {
        EventType::Normal
    }
}

fn is_intended(condition: &Condition) -> bool {
    condition.reason.parse().is_ok_and(Reason::is_intended)
}

/// True if the condition reports a state that lasts until somebody ends it: a problem, or what a person asked for.
fn is_trouble(condition: &Condition) -> bool {
    let somebody = condition
        .reason
        .parse::<Reason>()
        .is_ok_and(|r| r.who() != Actor::Nobody);
    let bad_when = if condition.type_ == ConditionType::GitDiverged.as_str() {
        "True"
    } else {
        "False"
    };
    // These are warnings, published although the condition is True.
    let warnings = [Reason::SharedSecret, Reason::NotRenewed];
    let warned = warnings.iter().any(|r| condition.reason == r.as_str());
    somebody && (condition.status == bad_when || warned)
}

#[cfg(test)]
mod tests {
    use crokodial_crds::ConditionStatus::{False, True};

    use super::*;
    use crate::environment::finding::Finding;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn condition(type_: ConditionType, finding: &Finding) -> Vec<Condition> {
        vec![finding.condition(type_, &[], Some(1), at(0))]
    }

    fn route(reason: Reason) -> Vec<Condition> {
        let status = if reason == Reason::Succeeded {
            True
        } else {
            False
        };
        let finding = Finding {
            status,
            reason,
            seen: "seen".to_owned(),
        };
        condition(ConditionType::RouteAccepted, &finding)
    }

    /// Returns the reasons of the Events that each of these successive states would publish. A state is a time in
    /// seconds and the reason of the condition.
    fn told(looks: &[(i64, Reason)]) -> Vec<Vec<String>> {
        let (mut old, mut lasting) = (Vec::new(), EnvironmentWarnings::new());
        let mut all = Vec::new();
        for (second, reason) in looks {
            let new = route(*reason);
            let news = news(&old, &new, &mut lasting, at(*second));
            all.push(news.iter().map(|c| c.reason.clone()).collect());
            old = new;
        }
        all
    }

    #[test]
    fn a_route_that_is_admitted_in_a_moment_is_told_of_by_no_event() {
        use Reason::{NotAccepted, Succeeded};
        let none: Vec<String> = Vec::new();
        assert_eq!(
            told(&[(0, NotAccepted), (3, Succeeded), (90, Succeeded)]),
            [none.clone(), none.clone(), none.clone()]
        );
        // The delay starts again with each problem: two short ones do not add up.
        assert_eq!(
            told(&[
                (0, NotAccepted),
                (30, Succeeded),
                (40, NotAccepted),
                (70, NotAccepted)
            ]),
            [none.clone(), none.clone(), none.clone(), none]
        );
    }

    #[test]
    fn one_that_lasts_is_told_once_and_so_is_its_end() {
        use Reason::{NotAccepted, Succeeded};
        let looks = [
            (0, NotAccepted),
            (59, NotAccepted),
            (60, NotAccepted),
            (120, NotAccepted),
            (180, Succeeded),
            (240, Succeeded),
        ];
        let wanted: [&[&str]; 6] = [&[], &[], &["NotAccepted"], &[], &["Succeeded"], &[]];
        assert_eq!(told(&looks), wanted);
    }

    #[test]
    fn what_needs_a_person_is_told_at_once() {
        use Reason::{HostTaken, NotAccepted};
        let looks = [(0, HostTaken), (1, HostTaken), (2, NotAccepted)];
        let wanted: [&[&str]; 3] = [&["HostTaken"], &[], &[]];
        assert_eq!(told(&looks), wanted);
        assert_eq!(
            told(&[(0, NotAccepted), (1, HostTaken)]),
            [vec![], vec!["HostTaken".to_owned()]]
        );
    }

    #[test]
    fn a_pin_is_told_of_at_once_and_again_each_day() {
        let pinned = |days: &str| {
            let finding = Finding::yes(Reason::Pinned, format!("release 1 is pinned{days}"));
            condition(ConditionType::GitDiverged, &finding)
        };
        let (first, later) = (pinned(""), pinned(" for 1 day"));
        let told = |old: &[Condition], new: &[Condition]| {
            news(old, new, &mut EnvironmentWarnings::new(), at(0)).len()
        };
        assert_eq!(told(&[], &first), 1);
        assert_eq!(told(&first, &first), 0);
        assert_eq!(told(&first, &later), 1);
        assert_eq!(told(&later, &later), 0);
    }

    #[test]
    fn what_a_person_asked_for_is_told_without_a_warning() {
        let type_of = |type_, finding: &Finding| {
            let conditions = condition(type_, finding);
            assert_eq!(
                news(&[], &conditions, &mut EnvironmentWarnings::new(), at(0)).len(),
                1
            );
            super::type_of(&conditions[0])
        };
        for reason in [Reason::Suspended, Reason::Pinned, Reason::ScaledToZero] {
            let told = type_of(ConditionType::Ready, &Finding::no(reason, "seen"));
            assert_eq!(told, EventType::Normal, "{reason}");
        }
        let pinned = Finding::yes(Reason::Pinned, "seen");
        assert_eq!(
            type_of(ConditionType::GitDiverged, &pinned),
            EventType::Normal
        );
        let held = Finding::yes(Reason::Held, "seen");
        assert_eq!(
            type_of(ConditionType::GitDiverged, &held),
            EventType::Warning
        );
    }

    #[test]
    fn that_the_wanted_release_serves_is_always_told() {
        let waiting = condition(
            ConditionType::Ready,
            &Finding::no(Reason::NotAccepted, "seen"),
        );
        let ready = condition(ConditionType::Ready, &Finding::yes(Reason::Ready, "seen"));
        let mut lasting = EnvironmentWarnings::new();
        assert!(news(&[], &waiting, &mut lasting, at(0)).is_empty());
        assert_eq!(news(&waiting, &ready, &mut lasting, at(5)).len(), 1);
    }
}
