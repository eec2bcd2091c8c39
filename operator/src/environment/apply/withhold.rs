//! Plan for an environment with `spec.suspend: Plan`: reports what would be written, without writing it. All functions
//! are pure.

use crokodial_crds::PlanStatus;
use crokodial_crds::names::Children as Names;
use kube::ResourceExt;

use super::comparison::{self, Comparison};
use super::drift;
use super::records;
use crate::environment::decide::Step;
use crate::environment::model::children::{Child, ChildRow, Children, Desired, JobChange};
use crate::environment::model::observed::Observed;
use crate::environment::model::owner::Owner;
use crate::memory::AppliedCache;
use crate::release::machine::Run;
use crate::release::record::Record;

/// Maximum number of lines in each of the two lists of a plan: releases and objects.
const MAX_LINES: usize = 40;

/// Returns the value of `status.plan`: the changes that would be made to releases, child objects and release phase
/// Jobs. It contains names, images and phases, but no values of objects. `applied` contains what the API server answered
/// to the last writes of child objects.
pub fn plan(
    owner: &Owner,
    step: &Step,
    desired: &Desired,
    observed: &Observed,
    applied: &AppliedCache,
) -> PlanStatus {
    let mut objects = objects(owner, desired, &observed.children, applied);
    let decision = &step.decision;
    let again = observed.copies.remade.iter().map(Record::number);
    let again = again.filter(|n| !step.retired.contains(n));
    let again = again.map(|n| format!("make the record of release {n} again"));
    let made = decision
        .create
        .as_ref()
        .map(|spec| format!("make release {} of image {}", spec.number, spec.image));
    let moved = decision
        .updates
        .iter()
        .filter(|(n, status)| records::moved(*n, status, observed))
        .map(|(n, status)| format!("bring release {n} to phase {}", status.phase.as_str()));
    let runs = match decision.run {
        Run::Release(n) if step.workload.release != Some(n) => Some(format!("run release {n}")),
        Run::Zero(n) => Some(format!("run no pod of release {n}")),
        _ => None,
    };
    let mut releases: Vec<String> = again.chain(made).chain(moved).chain(runs).collect();
    releases.extend(step.retired.iter().map(|n| format!("forget release {n}")));
    releases.truncate(MAX_LINES);
    objects.truncate(MAX_LINES);
    PlanStatus { releases, objects }
}

/// Returns one line for each child object or release phase Job that would be created, changed or deleted.
fn objects(
    owner: &Owner,
    desired: &Desired,
    live: &Children,
    applied: &AppliedCache,
) -> Vec<String> {
    let children = desired
        .rows(live)
        .filter_map(|row| line(owner, row, applied));
    children
        .chain(desired.release_jobs.iter().map(job_line))
        .collect()
}

fn job_line(change: &JobChange) -> String {
    match change {
        JobChange::Create(job) => format!("create Job {}", job.name_any()),
        JobChange::Delete(job) => {
            format!("delete Job {}", job.name.as_deref().unwrap_or_default())
        }
    }
}

fn line(owner: &Owner, row: ChildRow<'_>, applied: &AppliedCache) -> Option<String> {
    let (api, name) = (row.kind.api().kind(), row.kind.name(Names::of(&owner.name)));
    match (row.wanted, row.live) {
        (Child::Apply(_), None) => Some(format!("create {api} {name}")),
        (Child::Apply(wanted), Some(live)) => {
            let found = live.to_value()?;
            let wanted = drift::stamp(wanted.clone());
            let same = Comparison::of(row.kind, &found, &wanted).is_as_wanted()
                || comparison::is_last_answer(&found, &wanted, applied);
            (!same).then(|| format!("change {api} {name}"))
        }
        (Child::Remove, Some(live)) if owner.labelled(live.metadata()) => {
            Some(format!("delete {api} {name}"))
        }
        (Child::Remove, _) | (Child::Keep, _) => None,
    }
}
