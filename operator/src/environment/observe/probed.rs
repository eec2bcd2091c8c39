//! Sets the probe target of an environment, and reads the probe results so far.

use std::collections::{BTreeMap, BTreeSet};

use crokodial_crds::{EnvironmentSpec, ReleasePhase};

use crate::context::Context;
use crate::environment::effective::Effective;
use crate::environment::model::children::Children;
use crate::environment::model::owner::Owner;
use crate::environment::running;
use crate::release::faults::all_in_place;
use crate::release::record::Record;
use crate::release::snapshot::Snapshot;
use crate::release::workload::{PodView, Workload};
use crate::uptime::bake::latency_span;
use crate::uptime::{ProbeSummary, Target};

/// Port of the Service.
const PORT: u16 = 80;

/// Reads the probe results so far, then sets the target of the next probes. Without a target, probing stops.
pub(super) fn observe(
    ctx: &Context,
    owner: &Owner,
    target: Option<Target>,
) -> Option<ProbeSummary> {
    let (namespace, name) = (owner.namespace.as_str(), owner.name.as_str());
    // Read before the new target is set, because the results belong to the old one.
    let summary = ctx.probes.summary(namespace, name, ctx.now());
    match target {
        Some(target) => ctx.probes.watch(target),
        None => ctx.probes.forget(namespace, name),
    }
    summary
}

/// Returns the target of the probes; `None` if no answer can be expected. That is the case if the Service does not
/// exist, has no IP address or was not created by the operator, or if the Deployment wants no pods. It is also the case
/// if no pod is ready and no release was ever fully rolled out.
pub(super) fn target(
    owner: &Owner,
    spec: &EnvironmentSpec,
    effective: &Effective,
    children: &Children,
    pods: &[PodView],
    records: &[Record],
    frozen: &BTreeMap<i64, Snapshot>,
) -> Option<Target> {
    let service = children.service().filter(|s| owner.owns(*s))?;
    let address = service.spec.as_ref()?.cluster_ip.as_ref()?.parse().ok()?;
    let workload = Workload::of(children.deployment());
    let ran = records
        .iter()
        .any(|r| r.status.as_ref().is_some_and(|s| s.rolled_out_at.is_some()));
    if workload.desired == 0 || !(ran || pods.iter().any(|p| p.ready)) {
        return None;
    }
    let release = alone(pods);
    let serving = pods
        .iter()
        .filter(|p| p.release == release && !p.terminating);
    let bakes = |r: &Record| r.phase() == Some(ReleasePhase::Baking);
    Some(Target {
        namespace: owner.namespace.clone(),
        name: owner.name.to_string(),
        uid: owner.uid.clone(),
        address,
        port: PORT,
        path: running::health_path(release, children.deployment(), frozen)
            .unwrap_or_else(|| effective.health_path.clone()),
        host: spec.domain.clone(),
        release,
        all_in_place: all_in_place(serving, workload.desired),
        baking: records.iter().any(bakes),
        latency_over: latency_span(effective.bake),
    })
}

/// Returns the only release that can have answered a probe: the one of all ready pods that are not terminating. If there
/// are none, requests go to terminating pods as long as those are ready, so it is then the release of all pods. `None` if
/// they belong to different releases or there are no pods.
fn alone(pods: &[PodView]) -> Option<i64> {
    let releases = |serves: fn(&PodView) -> bool| -> BTreeSet<Option<i64>> {
        pods.iter()
            .filter(|p| serves(p))
            .map(|p| p.release)
            .collect()
    };
    let ready = releases(|p| p.ready && !p.terminating);
    let candidates = if ready.is_empty() {
        releases(|_| true)
    } else {
        ready
    };
    match candidates.first() {
        Some(release) if candidates.len() == 1 => *release,
        _ => None,
    }
}

#[cfg(test)]
#[path = "probed_tests.rs"]
mod tests;
