//! `spec.suspend`: what would be done is worked out and told, and nothing is changed.

use std::marker::PhantomData;

use crokodial_crds::PlanStatus;
use kube::{Resource, ResourceExt};
use serde::Serialize;

use super::build::{Applied, Child, Children, Desired, JobChange, Prepared};
use super::decide::Step;
use super::drift;
use super::observe::Observed;
use super::owner::Owner;
use super::records;
use crate::release::machine::Run;

/// Most lines of each kind that a plan shows.
const MOST: usize = 40;

/// What `apply` would do, without doing it.
pub fn withhold(
    owner: &Owner,
    desired: Desired<Prepared>,
    live: &Children,
) -> (Desired<Applied>, Vec<String>) {
    let Desired {
        service_account,
        network_policy,
        mongo_active,
        config_active,
        config_candidate,
        candidate_policy,
        candidate,
        release_jobs,
        deployment,
        service,
        disruption_budget,
        certificate,
        ingress,
        state: _,
    } = desired;
    let lines = [
        line(owner, &service_account, live.service_account.as_ref()),
        line(owner, &network_policy, live.network_policy.as_ref()),
        line(owner, &mongo_active, live.mongo_active.as_ref()),
        line(owner, &config_active, live.config_active.as_ref()),
        line(owner, &config_candidate, live.config_candidate.as_ref()),
        line(owner, &candidate_policy, live.candidate_policy.as_ref()),
        line(owner, &candidate, live.candidate.as_ref()),
        line(owner, &service, live.service.as_ref()),
        line(owner, &deployment, live.deployment.as_ref()),
        line(owner, &disruption_budget, live.disruption_budget.as_ref()),
        line(owner, &certificate, live.certificate.as_ref()),
        line(owner, &ingress, live.ingress.as_ref()),
    ];
    let jobs: Vec<String> = release_jobs.iter().map(job_line).collect();
    let withheld = Desired {
        service_account,
        network_policy,
        mongo_active,
        config_active,
        config_candidate,
        candidate_policy,
        candidate,
        release_jobs,
        deployment,
        service,
        disruption_budget,
        certificate,
        ingress,
        state: PhantomData,
    };
    (withheld, lines.into_iter().flatten().chain(jobs).collect())
}

/// The plan as users read it. Names and phases only: no value of any object.
pub fn plan(step: &Step, seen: &Observed, mut objects: Vec<String>) -> PlanStatus {
    let decision = &step.decision;
    let made = decision
        .create
        .as_ref()
        .map(|spec| format!("make release {} of image {}", spec.number, spec.image));
    let moved = decision
        .updates
        .iter()
        .filter(|(n, status)| records::moved(*n, status, seen))
        .map(|(n, status)| format!("bring release {n} to phase {}", status.phase.as_str()));
    let runs = match decision.run {
        Run::Release(n) if step.workload.release != Some(n) => Some(format!("run release {n}")),
        Run::Zero(n) => Some(format!("run no pod of release {n}")),
        _ => None,
    };
    let mut releases: Vec<String> = made.into_iter().chain(moved).chain(runs).collect();
    releases.extend(step.retired.iter().map(|n| format!("forget release {n}")));
    releases.truncate(MOST);
    objects.truncate(MOST);
    PlanStatus { releases, objects }
}

fn job_line(change: &JobChange) -> String {
    match change {
        JobChange::Create(job) => format!("create Job {}", job.name_any()),
        JobChange::Delete(seen) => {
            format!("delete Job {}", seen.name.as_deref().unwrap_or_default())
        }
    }
}

fn line<K: Resource<DynamicType = ()> + Serialize>(
    owner: &Owner,
    child: &Child,
    live: Option<&K>,
) -> Option<String> {
    let kind = K::kind(&());
    match (child, live) {
        (Child::Apply(wanted), None) => {
            let name = wanted["metadata"]["name"].as_str().unwrap_or_default();
            Some(format!("create {kind} {name}"))
        }
        (Child::Apply(wanted), Some(live)) => {
            let found = serde_json::to_value(live).ok()?;
            let same = drift::covers(&found, &drift::stamp(wanted.clone()));
            (!same).then(|| format!("change {kind} {}", live.name_any()))
        }
        (Child::Remove, Some(live)) if owner.owns(live) => {
            Some(format!("delete {kind} {}", live.name_any()))
        }
        _ => None,
    }
}
