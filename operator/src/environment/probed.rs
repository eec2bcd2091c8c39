//! What of an environment is probed, and what probes come to: the condition `Available`, the bake's verdict. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{EnvironmentSpec, Reason, ReleasePhase};
use jiff::{SignedDuration, Timestamp};

use super::build::Children;
use super::decide::Step;
use super::effective::Effective;
use super::finding::Finding;
use super::observe::Observed;
use super::owner::Owner;
use crate::release::machine::ProbeHealth;
use crate::release::record::{Record, last_good};
use crate::release::workload::{PodView, Workload};
use crate::uptime::bake::{Bake, BakeVerdict, latency_span};
use crate::uptime::{ProbeSummary, ProbeVerdict, Target, UnknownCause, soak};

/// The Service's port.
const PORT: u16 = 80;

/// So long after probing began, a site without any result is one that cannot be measured.
const PATIENCE: SignedDuration = SignedDuration::from_secs(15);

/// The target; `None` where nothing can be expected to answer: no Service of ours, no pods asked for, or none of any
/// release was ever ready.
pub fn target(
    owner: &Owner,
    spec: &EnvironmentSpec,
    effective: &Effective,
    children: &Children,
    pods: &[PodView],
    records: &[Record],
) -> Option<Target> {
    let service = children.service.as_ref().filter(|s| owner.owns(*s))?;
    let address = service.spec.as_ref()?.cluster_ip.as_ref()?.parse().ok()?;
    let workload = Workload::of(children.deployment.as_ref());
    let ran = records
        .iter()
        .any(|r| r.status.as_ref().is_some_and(|s| s.rolled_out_at.is_some()));
    if workload.desired == 0 || !(ran || pods.iter().any(|p| p.ready)) {
        return None;
    }
    let release = alone(pods);
    let bakes = |r: &Record| r.phase() == Some(ReleasePhase::Baking);
    Some(Target {
        namespace: owner.namespace.clone(),
        name: owner.name.to_string(),
        uid: owner.uid.clone(),
        address,
        port: PORT,
        path: effective.health_path.clone(),
        host: spec.domain.clone(),
        release,
        baking: records.iter().any(bakes),
        latency_over: latency_span(effective.bake),
    })
}

/// The one release that can have answered: of the ready pods, or, where none is ready, of all that are there.
fn alone(pods: &[PodView]) -> Option<i64> {
    let there = || pods.iter().filter(|p| !p.terminating);
    let releases = |ready: bool| -> BTreeSet<Option<i64>> {
        there()
            .filter(|p| p.ready || !ready)
            .map(|p| p.release)
            .collect()
    };
    let ready = releases(true);
    let candidates = if ready.is_empty() {
        releases(false)
    } else {
        ready
    };
    match candidates.first() {
        Some(release) if candidates.len() == 1 => *release,
        _ => None,
    }
}

/// What probes say of the release that bakes.
pub fn verdict(seen: &Observed, effective: &Effective, now: Timestamp) -> ProbeHealth {
    let Some(bake) = baking(seen, effective, now) else {
        return ProbeHealth::Fine;
    };
    match bake.judge() {
        BakeVerdict::Fail(Reason::SlowResponses, how) => ProbeHealth::Slow(how),
        BakeVerdict::Fail(_, how) => ProbeHealth::Failing(how),
        BakeVerdict::Fine | BakeVerdict::Unmeasured(_) => match bake.extended_by() {
            SignedDuration::ZERO => ProbeHealth::Fine,
            more => ProbeHealth::Unmeasured(Duration::try_from(more).unwrap_or_default()),
        },
    }
}

/// When time alone may change what probes say, or what was measured is to be written.
pub fn look(
    seen: &Observed,
    effective: &Effective,
    serving: Option<i64>,
    now: Timestamp,
) -> Option<Timestamp> {
    let probes = seen.probes.as_ref()?;
    let record = seen.records.iter().find(|r| Some(r.number()) == serving);
    let count = record.and_then(|r| {
        let status = r.status.as_ref()?;
        soak::next_count(r.number(), status, probes, now)
    });
    let slow = baking(seen, effective, now).and_then(|bake| bake.next_look());
    count.into_iter().chain(slow).min()
}

fn baking<'a>(seen: &'a Observed, effective: &Effective, now: Timestamp) -> Option<Bake<'a>> {
    let bakes = |r: &&Record| r.phase() == Some(ReleasePhase::Baking);
    let record = seen.records.iter().find(bakes)?;
    let status = record.status.as_ref()?;
    Some(Bake {
        number: record.number(),
        status,
        probes: seen.probes.as_ref(),
        good_p95_ms: last_good(&seen.records).and_then(|good| good.status.as_ref()?.latency_p95_ms),
        rolled_out_at: status.rolled_out_at.as_ref()?.0,
        bake: effective.bake,
        now,
    })
}

/// `Available` is about the site, whichever release answers: its pods are ready, and probes get an answer. The
/// message says which of the two is not so.
pub fn available(step: &Step, probes: Option<&ProbeSummary>, now: Timestamp) -> Finding {
    let load = &step.workload;
    match step.serving {
        Some(n) if load.available > 0 => {
            let pods = format!("{} pods are ready", load.available);
            measured(&pods, probes, now).unwrap_or_else(|| {
                Finding::yes(Reason::Serving, format!("{pods}, release {n} serves"))
            })
        }
        _ if load.desired == 0 && step.last_good.is_some() => {
            Finding::no(Reason::ScaledToZero, "runtime.replicas is 0")
        }
        _ if step.last_good.is_none() => {
            Finding::unknown(Reason::NeverDeployed, "no release of it was ever good")
        }
        _ => Finding::no(Reason::Down, "no pod is ready"),
    }
}

/// What probes say against ready pods. A prober that has only just begun says nothing yet: a restart of the operator
/// changes no condition.
fn measured(pods: &str, probes: Option<&ProbeSummary>, now: Timestamp) -> Option<Finding> {
    let probes = probes?;
    match probes.verdict {
        ProbeVerdict::Answering => None,
        ProbeVerdict::Failing(failing) => Some(Finding::no(
            Reason::Down,
            format!(
                "{pods}, but the site {} since {} when asked through its Service",
                failing.bad,
                whole_seconds(failing.since).0
            ),
        )),
        ProbeVerdict::Unmeasured(UnknownCause::Starting) => None,
        ProbeVerdict::Unmeasured(_) if now.duration_since(probes.began) < PATIENCE => None,
        ProbeVerdict::Unmeasured(why) => Some(Finding::unknown(
            Reason::Unknown,
            format!("{pods}, but the site could not be asked: {why}"),
        )),
    }
}

#[cfg(test)]
#[path = "probed_tests.rs"]
mod tests;
