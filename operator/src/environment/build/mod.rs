//! Builds the wanted state of an environment's child objects, and the other objects that the operator creates. Pure
//! functions: no I/O, no clock, no decisions.

pub mod authority;
pub mod candidate;
pub mod network_policy;
pub mod pod_template;
pub mod preflight;
pub mod release;
pub mod release_job;
pub mod route;
pub mod secrets;
pub mod workload;

use std::collections::{BTreeMap, BTreeSet};

use crokodial_crds::names::Children as Names;
use crokodial_crds::{EnvironmentSpec, RouteKind, TlsMode};
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;

use super::certificate::Certificate;
use super::credentials::Active;
use super::decide::Step;
use super::decide::release_jobs::ReleaseJobStep;
use super::effective::Effective;
use super::model::annotations::{CONTENTS, CREDENTIALS, RESTART};
use super::model::children::{Child, ChildKind, Children, Desired, JobChange};
use super::model::objects::pod_annotation;
use super::model::owner::Owner;
use super::running;
use super::validate::Valid;
use crate::release::machine::Run;
use crate::release::snapshot::Snapshot;

/// Validated inputs of the builders.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// Identity of the environment.
    pub owner: &'a Owner,
    /// Spec as written by the user.
    pub spec: &'a EnvironmentSpec,
    /// Spec with defaults applied.
    pub effective: &'a Effective,
    /// Result of validation.
    pub valid: &'a Valid,
    /// Decisions about releases.
    pub step: &'a Step,
    /// Contents of the snapshots of releases that may run, by release number.
    pub frozen: &'a BTreeMap<i64, Snapshot>,
    /// Child objects that exist in the cluster.
    pub live: &'a Children,
    /// Planned certificate of the site.
    pub certificate: &'a Certificate,
    /// Namespace of the operator's pods.
    pub operator_namespace: &'a str,
}

/// Prints only the owner, because the inputs include contents of ConfigMaps and Secrets.
impl std::fmt::Debug for Plan<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

/// Builds the wanted state of every child object. If an object that the operator did not create has the name of a child
/// object, the result changes nothing.
pub fn build(plan: Plan<'_>) -> Desired {
    if plan.valid.conflict.is_some() {
        return Desired::nothing();
    }
    Desired::of(|kind| child(plan, kind), release_jobs(plan))
}

fn child(plan: Plan<'_>, kind: ChildKind) -> Child {
    let Plan {
        owner,
        spec,
        effective,
        valid,
        ..
    } = plan;
    let policy = effective.deletion_policy;
    let name = kind.name(Names::of(&owner.name));
    match kind {
        ChildKind::ServiceAccount => {
            Child::Apply(workload::service_account(owner, spec, effective))
        }
        ChildKind::NetworkPolicy => {
            Child::Apply(network_policy::build(owner, &ports(plan), policy))
        }
        ChildKind::Proven => match &plan.step.proven.state {
            Some(proven) => Child::Apply(secrets::proven(owner, proven)),
            None => Child::Keep,
        },
        ChildKind::MongoActive => active(plan, &name, &valid.mongo),
        ChildKind::ConfigActive => active(plan, &name, &valid.config.active),
        ChildKind::ConfigCandidate => match &valid.config.staged {
            Some(staged) => Child::Apply(secrets::staged(owner, staged)),
            None => Child::Remove,
        },
        ChildKind::CandidatePolicy => {
            Child::Apply(candidate::network_policy(owner, plan.operator_namespace))
        }
        ChildKind::Candidate => candidate(plan),
        ChildKind::Service => Child::Apply(workload::service(owner, policy)),
        ChildKind::Deployment => deployment(plan),
        ChildKind::DisruptionBudget if effective.replicas > 1 => {
            Child::Apply(workload::disruption_budget(owner, policy))
        }
        ChildKind::DisruptionBudget => Child::Remove,
        ChildKind::Certificate => match (effective.tls_mode, &plan.certificate.data) {
            (TlsMode::None, _) => Child::Remove,
            (TlsMode::SelfSigned, Some(data)) => {
                Child::Apply(secrets::certificate(owner, &name, data, policy))
            }
            (TlsMode::SelfSigned, None) => Child::Keep,
        },
        ChildKind::Ingress => ingress(plan),
    }
}

/// Returns the ports to open: those of the releases that run or are about to. Before the first one, that of the spec.
fn ports(plan: Plan<'_>) -> BTreeSet<u16> {
    let step = plan.step;
    let wanted = match step.decision.run {
        Run::Release(number) | Run::Zero(number) => Some(number),
        Run::Keep => None,
    };
    let releases = wanted.into_iter().chain(step.serving);
    let mut ports = running::ports(releases, plan.live.deployment(), plan.frozen);
    if ports.is_empty() {
        ports.extend(u16::try_from(plan.effective.port));
    }
    ports
}

fn active(plan: Plan<'_>, name: &str, active: &Active) -> Child {
    match &active.advance {
        Some(data) => {
            let policy = plan.effective.deletion_policy;
            Child::Apply(secrets::active(plan.owner, name, data, active, policy))
        }
        None => Child::Keep,
    }
}

/// Returns the action for the candidate's Deployment: apply it, or remove it if nothing is on trial.
fn candidate(plan: Plan<'_>) -> Child {
    let Some(run) = plan.step.candidate else {
        return Child::Remove;
    };
    let Some(snapshot) = plan.frozen.get(&run.release) else {
        return Child::Remove;
    };
    let trying = candidate::Trying {
        template: &snapshot.frozen.template,
        credentials: format!("{}.{}", plan.valid.mongo.generation, run.generation),
        config: run.config,
    };
    Child::Apply(candidate::deployment(plan.owner, &trying))
}

fn release_jobs(plan: Plan<'_>) -> Vec<JobChange> {
    let steps = plan.step.release_jobs.iter();
    let changes = steps.filter_map(|step| match step {
        ReleaseJobStep::Create(number) => release_job(plan, *number).map(JobChange::Create),
        ReleaseJobStep::Delete(job) => Some(JobChange::Delete(job.clone())),
    });
    changes.collect()
}

fn release_job(plan: Plan<'_>, number: i64) -> Option<Box<Job>> {
    let frozen = &plan.frozen.get(&number)?.frozen;
    let command = frozen.release_phase.as_ref()?;
    let credentials = credentials(plan.valid);
    let job = release_job::build(plan.owner, number, &frozen.template, command, &credentials);
    serde_json::from_value(job).ok().map(Box::new)
}

/// Returns the generation numbers of the Mongo URI and of the config values that the serving pods read, as
/// `<mongo>.<config>`.
fn credentials(valid: &Valid) -> String {
    format!(
        "{}.{}",
        valid.mongo.generation, valid.config.active.generation
    )
}

/// Returns the keyed fingerprints of what the generation numbers in [`credentials`] stand for.
fn contents(valid: &Valid) -> String {
    let mark = |active: &Active| active.mark.clone().unwrap_or_default();
    format!("{}.{}", mark(&valid.mongo), mark(&valid.config.active))
}

fn deployment(plan: Plan<'_>) -> Child {
    let Plan {
        owner,
        effective,
        valid,
        step,
        frozen,
        ..
    } = plan;
    let (number, replicas) = match (step.decision.run, &step.lost) {
        (Run::Release(number), _) => (number, effective.replicas),
        (Run::Zero(number), _) => (number, 0),
        (Run::Keep, Some(lost)) => (lost.release, effective.replicas),
        (Run::Keep, None) => return Child::Keep,
    };
    let Some(snapshot) = frozen.get(&number) else {
        return kept(plan, number, replicas);
    };
    let running = workload::Running {
        template: &snapshot.frozen.template,
        replicas,
        credentials: credentials(valid),
        contents: contents(valid),
        restart: restart(plan),
        largest_release: step.spent.max(number),
    };
    Child::Apply(workload::deployment(owner, effective, &running))
}

/// Returns the value of `runtime.restart`. If the spec has none, the one in the Deployment stays, because its removal would
/// replace the pods once more.
fn restart(plan: Plan<'_>) -> &str {
    let wanted = plan.spec.runtime.restart.as_str();
    if !wanted.is_empty() {
        return wanted;
    }
    let live = plan.live.deployment().filter(|d| plan.owner.owns(*d));
    let stays = live.and_then(|d| pod_annotation(d, RESTART));
    stays.map_or("", String::as_str)
}

/// Returns the action for the Deployment of a release whose snapshot is lost: the part of its template that the operator
/// applied and its credentials stay, and only the number of pods changes. New credentials would replace pods, and a new
/// pod cannot start without the snapshot.
fn kept(plan: Plan<'_>, number: i64, replicas: i32) -> Child {
    let live = plan.live.deployment().filter(|d| plan.owner.owns(*d));
    // What a webhook or a person set is not taken over: the operator would put it back from then on.
    let applied = live.and_then(|d| Some((d, running::applied_template_of(d)?)));
    let Some((live, template)) = applied else {
        return Child::Keep;
    };
    // Whoever owns the annotation, another value would replace pods.
    let credentials = pod_annotation(live, CREDENTIALS).cloned();
    let contents = live.annotations().get(CONTENTS).cloned();
    let running = workload::Running {
        credentials: credentials.unwrap_or_default(),
        template: &template,
        replicas,
        contents: contents.unwrap_or_else(|| ".".to_owned()),
        // The live template has its own.
        restart: "",
        largest_release: plan.step.spent.max(number),
    };
    Child::Apply(workload::deployment(plan.owner, plan.effective, &running))
}

fn ingress(plan: Plan<'_>) -> Child {
    let Plan {
        owner,
        spec,
        effective,
        valid,
        ..
    } = plan;
    match effective.route {
        RouteKind::None => Child::Remove,
        RouteKind::Ingress if valid.withdraw_route => Child::Remove,
        RouteKind::Ingress if !valid.route.write => Child::Keep,
        RouteKind::Ingress => Child::Apply(route::ingress(
            owner,
            &spec.domain,
            effective.ingress_class.as_deref(),
            effective.tls_mode,
            effective.deletion_policy,
        )),
    }
}
