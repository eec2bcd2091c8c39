//! Brings the children to what was built. The only step of the pipeline that writes them.

use std::marker::PhantomData;

use crokodial_crds::CrokodialEnvironment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::EventType;
use serde_json::Value;

use super::build::{Applied, Child, Children, Desired, JobChange, Prepared};
use super::drift;
use super::owner::Owner;
use crate::context::Context;
use crate::kube_io::{Basis, IoError, Writable};

/// Field manager of the children.
pub const MANAGER: &str = "crokodial-environment";

/// Applies everything. The order has reasons: accounts and policies before pods, the Secrets that pods read
/// before the pods, the certificate before the route that names it.
pub async fn apply(
    ctx: &Context,
    environment: &CrokodialEnvironment,
    owner: &Owner,
    desired: Desired<Prepared>,
    live: &Children,
) -> Result<Desired<Applied>, IoError> {
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
    let scribe = Scribe {
        ctx,
        environment,
        owner,
    };
    Ok(Desired {
        service_account: scribe
            .child(service_account, live.service_account.as_ref())
            .await?,
        network_policy: scribe
            .child(network_policy, live.network_policy.as_ref())
            .await?,
        mongo_active: scribe
            .child(mongo_active, live.mongo_active.as_ref())
            .await?,
        config_active: scribe
            .child(config_active, live.config_active.as_ref())
            .await?,
        config_candidate: scribe
            .child(config_candidate, live.config_candidate.as_ref())
            .await?,
        candidate_policy: scribe
            .child(candidate_policy, live.candidate_policy.as_ref())
            .await?,
        candidate: scribe.child(candidate, live.candidate.as_ref()).await?,
        release_jobs: scribe.jobs(release_jobs).await?,
        service: scribe.child(service, live.service.as_ref()).await?,
        deployment: scribe.child(deployment, live.deployment.as_ref()).await?,
        disruption_budget: scribe
            .child(disruption_budget, live.disruption_budget.as_ref())
            .await?,
        certificate: scribe.child(certificate, live.certificate.as_ref()).await?,
        ingress: scribe.child(ingress, live.ingress.as_ref()).await?,
        state: PhantomData,
    })
}

struct Scribe<'a> {
    ctx: &'a Context,
    environment: &'a CrokodialEnvironment,
    owner: &'a Owner,
}

impl Scribe<'_> {
    async fn child<K: Writable>(&self, child: Child, live: Option<&K>) -> Result<Child, IoError> {
        match child {
            Child::Apply(wanted) => self.write::<K>(wanted, live).await.map(Child::Apply),
            Child::Remove => self.remove(live).await.map(|()| Child::Remove),
            Child::Keep => Ok(Child::Keep),
        }
    }

    async fn jobs(&self, changes: Vec<JobChange>) -> Result<Vec<JobChange>, IoError> {
        let (io, namespace) = (&self.ctx.io, self.owner.namespace.as_str());
        for change in &changes {
            match change {
                JobChange::Create(job) => {
                    io.create(namespace, MANAGER, &**job).await?;
                }
                JobChange::Delete(seen) => io.delete::<Job>(seen).await?,
            }
        }
        Ok(changes)
    }

    async fn write<K: Writable>(&self, wanted: Value, live: Option<&K>) -> Result<Value, IoError> {
        let wanted = drift::stamp(wanted);
        let found = live.and_then(|object| serde_json::to_value(object).ok());
        if found
            .as_ref()
            .is_some_and(|found| self.is_as_wanted(found, &wanted))
        {
            return Ok(wanted);
        }
        let name = wanted
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let basis = live.map_or(Basis::Absent, |object| Basis::Seen(object.meta()));
        let applied = self
            .ctx
            .io
            .apply::<K>((&self.owner.namespace, &name), MANAGER, &wanted, basis)
            .await?;
        if let Some(found) = &found {
            self.report::<K>(&name, found, &wanted).await;
        }
        self.remember(&wanted, serde_json::to_value(&applied).ok());
        Ok(wanted)
    }

    /// As wanted, or as the API server made it of exactly this wish (it rewrites quantities such as `1000m`).
    fn is_as_wanted(&self, found: &Value, wanted: &Value) -> bool {
        drift::covers(found, wanted)
            || self
                .ctx
                .written
                .is(&drift::hash(wanted), &drift::hash(&own_part(found)))
    }

    fn remember(&self, wanted: &Value, applied: Option<Value>) {
        let Some(applied) = applied.filter(|a| !drift::covers(a, wanted)) else {
            return;
        };
        self.ctx
            .written
            .put(drift::hash(wanted), drift::hash(&own_part(&applied)));
    }

    /// Says who changed a child. A wish that changed itself is no drift: the stamp differs then.
    async fn report<K: Writable>(&self, name: &str, found: &Value, wanted: &Value) {
        let stamp = |object: &Value| object["metadata"]["annotations"][drift::APPLIED].clone();
        if stamp(found) != stamp(wanted) {
            return;
        }
        let who =
            drift::last_foreign_manager(found, MANAGER).unwrap_or_else(|| "somebody".to_owned());
        let note = format!(
            "{} {name} was changed by {who} and was put back",
            K::kind(&())
        );
        let child = ObjectReference {
            api_version: Some(K::api_version(&()).into_owned()),
            kind: Some(K::kind(&()).into_owned()),
            name: Some(name.to_owned()),
            namespace: Some(self.owner.namespace.clone()),
            ..ObjectReference::default()
        };
        self.ctx
            .event_on(
                self.environment,
                Some(child),
                EventType::Warning,
                "ChildChanged",
                &note,
            )
            .await;
    }

    async fn remove<K: Writable>(&self, live: Option<&K>) -> Result<(), IoError> {
        let Some(ours) = live.filter(|object| self.owner.owns(*object)) else {
            return Ok(());
        };
        self.ctx.io.delete::<K>(ours.meta()).await
    }
}

/// What users and we write, without what the server and controllers keep up to date.
fn own_part(object: &Value) -> Value {
    let mut own = object.clone();
    if let Some(fields) = own.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = own.get_mut("metadata").and_then(Value::as_object_mut) {
        for kept in [
            "managedFields",
            "resourceVersion",
            "generation",
            "creationTimestamp",
            "annotations",
        ] {
            metadata.remove(kept);
        }
    }
    own
}
