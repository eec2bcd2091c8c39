//! Events: a condition that changed, told once.

use crokodial_crds::condition::{self, ConditionType};
use crokodial_crds::{CrokodialEnvironment, EnvironmentStatus, Reason};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::runtime::events::EventType;

use crate::context::Context;

/// Conditions whose changes are news. `Reconciling` and `Stalled` repeat `Ready`.
const TOLD: [ConditionType; 10] = [
    ConditionType::Ready,
    ConditionType::ImageResolved,
    ConditionType::CredentialsValid,
    ConditionType::ConfigSecretsValid,
    ConditionType::Promotable,
    ConditionType::RouteAccepted,
    ConditionType::CertificateReady,
    ConditionType::HttpsForced,
    ConditionType::Available,
    ConditionType::GitDiverged,
];

/// Tells what changed between the status of `environment` and `new`.
pub async fn announce(ctx: &Context, environment: &CrokodialEnvironment, new: &EnvironmentStatus) {
    let old = environment
        .status
        .as_ref()
        .map(|s| s.conditions.as_slice())
        .unwrap_or_default();
    for condition in changed(old, &new.conditions) {
        let type_ = if is_trouble(condition) {
            EventType::Warning
        } else {
            EventType::Normal
        };
        let note = format!("{}: {}", condition.type_, condition.message);
        ctx.event(environment, type_, &condition.reason, &note)
            .await;
    }
}

/// The conditions that are news: another status or reason than before. A first answer that is good is none.
fn changed<'a>(old: &[Condition], new: &'a [Condition]) -> Vec<&'a Condition> {
    let told = TOLD
        .iter()
        .filter_map(|type_| condition::find(new, *type_).map(|c| (*type_, c)));
    let news = told.filter(|(type_, c)| match condition::find(old, *type_) {
        Some(before) => before.status != c.status || before.reason != c.reason,
        None => is_trouble(c),
    });
    news.map(|(_, c)| c).collect()
}

/// Trouble is what somebody has to do something about.
fn is_trouble(condition: &Condition) -> bool {
    let somebody = condition
        .reason
        .parse::<Reason>()
        .is_ok_and(|r| r.who() != "nobody");
    let bad_when = if condition.type_ == ConditionType::GitDiverged.as_str() {
        "True"
    } else {
        "False"
    };
    somebody && condition.status == bad_when
}
