//! Children as values: one kind per file, no I/O, no clock.

pub mod candidate;
pub mod network_policy;
pub mod pod_template;
pub mod release_job;
pub mod route;
pub mod secrets;
pub mod workload;

use std::marker::PhantomData;

use crokodial_crds::names::Children as Names;
use crokodial_crds::{EnvironmentSpec, RouteKind, TlsMode};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use super::certificate::Certificate;
use super::config_trial::{self, Slot};
use super::credentials::Active;
use super::decide::Step;
use super::effective::Effective;
use super::observe::Observed;
use super::owner::Owner;
use super::trials::{self, ReleaseJobState};
use super::validate::Valid;
use crate::release::machine::Run;

/// Made by the builders, not yet sent.
#[derive(Clone, Copy, Debug)]
pub struct Prepared;

/// Sent and answered.
#[derive(Clone, Copy, Debug)]
pub struct Applied;

/// What is to be done about one child.
#[derive(Clone, PartialEq)]
pub enum Child {
    /// Bring it to this state.
    Apply(Value),
    /// Leave it as it is: what it should be is not known, or may not be changed now.
    Keep,
    /// Remove it, if it is ours.
    Remove,
}

/// A Secret may be in it: only what is to be done is printed.
impl std::fmt::Debug for Child {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Apply(_) => "Apply",
            Self::Keep => "Keep",
            Self::Remove => "Remove",
        })
    }
}

/// What is to be done about one Job. A Job cannot be changed.
#[derive(Clone, Debug, PartialEq)]
pub enum JobChange {
    /// Make it.
    Create(Box<Job>),
    /// Delete exactly this one.
    Delete(Box<ObjectMeta>),
}

/// All children of an environment. `apply` takes it apart without `..`, so a kind that nobody applies does not
/// compile.
#[derive(Clone, Debug)]
pub struct Desired<S> {
    /// Identity of the pods; mounts no token.
    pub service_account: Child,
    /// What may reach the pods, and what they may reach.
    pub network_policy: Child,
    /// The Mongo URI that pods read.
    pub mongo_active: Child,
    /// The values of `secretRefs` that pods read.
    pub config_active: Child,
    /// Values of `secretRefs` that are tried, or were and do not work.
    pub config_candidate: Child,
    /// What may reach the pods that get no traffic.
    pub candidate_policy: Child,
    /// The pod that proves a release or values.
    pub candidate: Child,
    /// Release phases.
    pub release_jobs: Vec<JobChange>,
    /// The pods.
    pub deployment: Child,
    /// Their stable address.
    pub service: Child,
    /// Keeps a drain from taking all of them.
    pub disruption_budget: Child,
    /// The certificate and its key.
    pub certificate: Child,
    /// The way in.
    pub ingress: Child,
    /// Prepared or Applied.
    pub state: PhantomData<S>,
}

/// The children as they are now.
#[derive(Clone, Default)]
pub struct Children {
    /// `<env>`
    pub service_account: Option<ServiceAccount>,
    /// `<env>`
    pub network_policy: Option<NetworkPolicy>,
    /// `<env>-mongo-active`
    pub mongo_active: Option<Secret>,
    /// `<env>-config-active`
    pub config_active: Option<Secret>,
    /// `<env>-config-candidate`
    pub config_candidate: Option<Secret>,
    /// `<env>-candidate`
    pub candidate_policy: Option<NetworkPolicy>,
    /// `<env>-candidate`
    pub candidate: Option<Deployment>,
    /// `<env>-release-<N>`, those that are ours.
    pub release_jobs: Vec<Job>,
    /// `<env>`
    pub deployment: Option<Deployment>,
    /// `<env>`
    pub service: Option<Service>,
    /// `<env>`
    pub disruption_budget: Option<PodDisruptionBudget>,
    /// `<env>-tls`
    pub certificate: Option<Secret>,
    /// `<env>`
    pub ingress: Option<Ingress>,
}

/// Secrets stand in here, so nothing of it is printed.
impl std::fmt::Debug for Children {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Children").finish_non_exhaustive()
    }
}

/// What the builders need. All of it is validated.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// Identity.
    pub owner: &'a Owner,
    /// The spec as written.
    pub spec: &'a EnvironmentSpec,
    /// The spec with defaults.
    pub effective: &'a Effective,
    /// What validation found.
    pub valid: &'a Valid,
    /// What was decided.
    pub step: &'a Step,
    /// What was observed.
    pub seen: &'a Observed,
    /// The certificate.
    pub certificate: &'a Certificate,
    /// Where the operator's pods are.
    pub operator_namespace: &'a str,
    /// Time, as far as trials need it.
    pub clock: config_trial::Clock,
}

/// Builds every child.
pub fn build(plan: Plan<'_>) -> Desired<Prepared> {
    let Plan {
        owner,
        spec,
        effective,
        valid,
        ..
    } = plan;
    let policy = effective.deletion_policy;
    let names = Names::of(&owner.name);
    if valid.conflict.is_some() {
        return nothing();
    }
    Desired {
        service_account: Child::Apply(workload::service_account(owner, spec, effective)),
        network_policy: Child::Apply(network_policy::build(owner, effective.port, policy)),
        mongo_active: active(plan, &names.mongo_active(), &valid.mongo),
        config_active: active(plan, &names.config_active(), &valid.config.active),
        config_candidate: match &valid.config.staged {
            Some(staged) => Child::Apply(secrets::staged(owner, staged)),
            None => Child::Remove,
        },
        candidate_policy: Child::Apply(candidate::network_policy(owner, plan.operator_namespace)),
        candidate: candidate(plan),
        release_jobs: release_jobs(plan),
        deployment: deployment(plan),
        service: Child::Apply(workload::service(owner, policy)),
        disruption_budget: if effective.replicas > 1 {
            Child::Apply(workload::disruption_budget(owner, policy))
        } else {
            Child::Remove
        },
        certificate: certificate(plan, &names.tls()),
        ingress: ingress(plan),
        state: PhantomData,
    }
}

fn nothing() -> Desired<Prepared> {
    Desired {
        service_account: Child::Keep,
        network_policy: Child::Keep,
        mongo_active: Child::Keep,
        config_active: Child::Keep,
        config_candidate: Child::Keep,
        candidate_policy: Child::Keep,
        candidate: Child::Keep,
        release_jobs: Vec::new(),
        deployment: Child::Keep,
        service: Child::Keep,
        disruption_budget: Child::Keep,
        certificate: Child::Keep,
        ingress: Child::Keep,
        state: PhantomData,
    }
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

/// The one pod outside the Service, for whoever has it.
fn candidate(plan: Plan<'_>) -> Child {
    let Plan {
        owner,
        valid,
        step,
        seen,
        ..
    } = plan;
    let slot = config_trial::slot(step.decision.candidate, &valid.config, seen, plan.clock);
    let (release, generation, config) = match slot {
        Slot::Free => return Child::Remove,
        Slot::Release(release) => (release, valid.config.active.generation, None),
        Slot::Config(staged) => (staged.release, staged.generation, Some(staged.generation)),
    };
    let Some(snapshot) = seen.frozen.get(&release) else {
        return Child::Remove;
    };
    let trying = candidate::Trying {
        template: &snapshot.frozen.template,
        credentials: format!("{}.{generation}", valid.mongo.generation),
        config,
    };
    Child::Apply(candidate::deployment(owner, &trying))
}

/// The wanted release phase is begun once; one that came to no verdict is made anew. Of those that nobody waits for,
/// the newest stays as long as it is at its end, so that its log can be read.
fn release_jobs(plan: Plan<'_>) -> Vec<JobChange> {
    let (seen, wanted) = (plan.seen, plan.step.decision.release_phase);
    let live = &seen.children.release_jobs;
    let newest = live.iter().filter_map(trials::release_of).max();
    let over = |number: i64| match seen.trials.jobs.get(&number) {
        Some(ReleaseJobState::Platform { over, .. }) => *over,
        Some(ReleaseJobState::Running) | None => false,
        Some(ReleaseJobState::Succeeded | ReleaseJobState::Failed(_)) => true,
    };
    let barren = |number: i64| {
        over(number)
            && matches!(
                seen.trials.jobs.get(&number),
                Some(ReleaseJobState::Platform { .. })
            )
    };
    let gone = live.iter().filter(|job| {
        let number = trials::release_of(job).unwrap_or(0);
        if wanted == Some(number) {
            barren(number)
        } else {
            !over(number) || Some(number) != newest || wanted.is_some()
        }
    });
    let mut changes: Vec<JobChange> = gone
        .map(|job| JobChange::Delete(Box::new(job.metadata.clone())))
        .collect();
    let made = wanted.filter(|n| !live.iter().any(|job| trials::release_of(job) == Some(*n)));
    changes.extend(
        made.and_then(|number| release_job(plan, number))
            .map(JobChange::Create),
    );
    changes
}

fn release_job(plan: Plan<'_>, number: i64) -> Option<Box<Job>> {
    let frozen = &plan.seen.frozen.get(&number)?.frozen;
    let command = frozen.release_phase.as_ref()?;
    let credentials = credentials(plan.valid);
    let job = release_job::build(plan.owner, number, &frozen.template, command, &credentials);
    serde_json::from_value(job).ok().map(Box::new)
}

/// Counters of what the pods that serve read.
fn credentials(valid: &Valid) -> String {
    format!(
        "{}.{}",
        valid.mongo.generation, valid.config.active.generation
    )
}

fn deployment(plan: Plan<'_>) -> Child {
    let Plan {
        owner,
        effective,
        valid,
        step,
        seen,
        ..
    } = plan;
    let (number, replicas) = match step.decision.run {
        Run::Release(number) => (number, effective.replicas),
        Run::Zero(number) => (number, 0),
        Run::Keep => return Child::Keep,
    };
    let Some(snapshot) = seen.frozen.get(&number) else {
        return Child::Keep;
    };
    let running = workload::Running {
        template: &snapshot.frozen.template,
        replicas,
        credentials: credentials(valid),
        largest_release: step.spent.max(number),
    };
    Child::Apply(workload::deployment(owner, effective, &running))
}

fn certificate(plan: Plan<'_>, name: &str) -> Child {
    let policy = plan.effective.deletion_policy;
    match &plan.certificate.issued {
        Some(leaf) => Child::Apply(secrets::certificate(plan.owner, name, leaf, policy)),
        // The same content again: labels and owner references follow the environment and its policy.
        None => live_certificate(plan, name).map_or(Child::Keep, Child::Apply),
    }
}

fn live_certificate(plan: Plan<'_>, name: &str) -> Option<Value> {
    let live = plan.seen.children.certificate.as_ref()?;
    let data = live.data.as_ref()?;
    let wanted = plan.effective.tls_mode == TlsMode::SelfSigned;
    let policy = plan.effective.deletion_policy;
    wanted.then(|| secrets::kept_certificate(plan.owner, name, data, policy))
}

fn ingress(plan: Plan<'_>) -> Child {
    let Plan {
        owner,
        spec,
        effective,
        valid,
        ..
    } = plan;
    if effective.route == RouteKind::None {
        return Child::Remove;
    }
    if !valid.route.write {
        return Child::Keep;
    }
    let class = effective.ingress_class.as_deref();
    Child::Apply(route::ingress(
        owner,
        &spec.domain,
        class,
        effective.tls_mode,
        effective.deletion_policy,
    ))
}
