//! Children as values: one kind per file, no I/O, no clock.

pub mod network_policy;
pub mod pod_template;
pub mod route;
pub mod secrets;
pub mod workload;

use std::marker::PhantomData;

use crokodial_crds::names::Children as Names;
use crokodial_crds::{EnvironmentSpec, RouteKind, TlsMode};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde_json::Value;

use super::certificate::Certificate;
use super::credentials::Active;
use super::decide::Step;
use super::effective::Effective;
use super::observe::Observed;
use super::owner::Owner;
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
        config_active: active(plan, &names.config_active(), &valid.config),
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
            Child::Apply(secrets::active(
                plan.owner,
                name,
                data,
                active.generation,
                policy,
            ))
        }
        None => Child::Keep,
    }
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
        credentials: format!("{}.{}", valid.mongo.generation, valid.config.generation),
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
