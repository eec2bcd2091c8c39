//! Writes what the reconcile built and decided, including the operator's own Secrets, child objects, release records,
//! and checks of the Mongo URI.

pub mod authority;
pub mod credential_check;
pub mod drift;
mod foreign_data;
pub mod records;
pub mod snapshots;
pub mod withhold;

use crokodial_crds::CrokodialEnvironment;
use crokodial_crds::names::Children as Names;
use k8s_openapi::api::batch::v1::Job;
use kube::runtime::events::EventType;
use serde_json::Value;

use super::model::annotations::APPLIED;
use super::model::children::{Child, ChildKind, ChildRow, Children, Desired, JobChange, MANAGER};
use super::model::owner::Owner;
use crate::context::Context;
use crate::kube_io::object::Object;
use crate::kube_io::{Basis, IoError};

/// Creates, updates and deletes the child objects in the order of [`ChildKind`]. Release phase Jobs are created and
/// deleted just before the Service is applied.
pub async fn apply(
    ctx: &Context,
    environment: &CrokodialEnvironment,
    owner: &Owner,
    desired: &Desired,
    live: &Children,
) -> Result<(), IoError> {
    let writer = ChildWriter {
        ctx,
        environment,
        owner,
    };
    for row in desired.rows(live) {
        // Everything that a release phase needs has been applied before this, and no new pod serves yet.
        if row.kind == ChildKind::Service {
            writer.jobs(&desired.release_jobs).await?;
        }
        writer.child(row).await?;
    }
    Ok(())
}

/// Context for writing the child objects of one environment.
struct ChildWriter<'a> {
    ctx: &'a Context,
    environment: &'a CrokodialEnvironment,
    owner: &'a Owner,
}

impl ChildWriter<'_> {
    async fn child(&self, row: ChildRow<'_>) -> Result<(), IoError> {
        match row.wanted {
            Child::Apply(wanted) => self.write(row.kind, wanted, row.live).await,
            Child::Remove => self.remove(row.kind, row.live).await,
            Child::Keep => Ok(()),
        }
    }

    async fn jobs(&self, changes: &[JobChange]) -> Result<(), IoError> {
        let (io, namespace) = (&self.ctx.io, self.owner.namespace.as_str());
        for change in changes {
            match change {
                JobChange::Create(job) => {
                    io.create(namespace, MANAGER, &**job).await?;
                }
                JobChange::Delete(job) => io.delete::<Job>(job).await?,
            }
        }
        Ok(())
    }

    async fn write(
        &self,
        kind: ChildKind,
        wanted: &Value,
        live: Option<&Object>,
    ) -> Result<(), IoError> {
        let wanted = drift::stamp(wanted.clone());
        let found = live.and_then(Object::to_value);
        let as_wanted = |found| self.is_as_wanted(found, &wanted);
        let foreign = found
            .as_ref()
            .map(|found| foreign_data::keys(found, &wanted));
        let foreign = foreign.unwrap_or_default();
        if foreign.is_empty() && found.as_ref().is_some_and(as_wanted) {
            return Ok(());
        }
        let (namespace, name) = (
            self.owner.namespace.as_str(),
            kind.name(Names::of(&self.owner.name)),
        );
        let without;
        let live = match live.filter(|_| !foreign.is_empty()) {
            Some(object) => {
                let (io, patch) = (&self.ctx.io, foreign_data::removal(&foreign));
                let patched = kind.api().merge(io, object.metadata(), MANAGER, &patch);
                without = patched.await?;
                Some(&without)
            }
            None => live,
        };
        let basis = live.map_or(Basis::Absent, |object| Basis::Seen(object.metadata()));
        let applied = kind
            .api()
            .apply(&self.ctx.io, (namespace, &name), MANAGER, &wanted, basis)
            .await?;
        if let Some(found) = &found {
            self.report(kind, &name, found, &wanted).await;
        }
        self.remember(&wanted, applied.to_value());
        Ok(())
    }

    /// True if the object matches the wanted state. It also matches if it equals the API server's last result for the
    /// same request, because the API server rewrites quantities such as `1000m`.
    fn is_as_wanted(&self, found: &Value, wanted: &Value) -> bool {
        drift::covers(found, wanted)
            || self
                .ctx
                .applied
                .is(&drift::hash(wanted), &drift::hash(&own_part(found)))
    }

    fn remember(&self, wanted: &Value, applied: Option<Value>) {
        let Some(applied) = applied.filter(|a| !drift::covers(a, wanted)) else {
            return;
        };
        self.ctx
            .applied
            .put(drift::hash(wanted), drift::hash(&own_part(&applied)));
    }

    /// Publishes an Event that names who changed a child object. Does nothing if the wanted state itself has changed,
    /// which the hash in the annotation [`APPLIED`] shows.
    async fn report(&self, kind: ChildKind, name: &str, found: &Value, wanted: &Value) {
        let stamp = |object: &Value| object["metadata"]["annotations"][APPLIED].clone();
        if stamp(found) != stamp(wanted) {
            return;
        }
        let who =
            drift::last_foreign_manager(found, MANAGER).unwrap_or_else(|| "somebody".to_owned());
        let note = format!(
            "{} {name} was changed by {who} and was put back",
            kind.api().kind()
        );
        let child = kind.api().reference(&self.owner.namespace, name);
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

    async fn remove(&self, kind: ChildKind, live: Option<&Object>) -> Result<(), IoError> {
        match live.filter(|object| self.owner.labelled(object.metadata())) {
            Some(ours) => kind.api().delete(&self.ctx.io, ours.metadata()).await,
            None => Ok(()),
        }
    }
}

/// Returns the object without its status, and without these metadata fields: annotations, managed fields, resource
/// version, generation and creation time.
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
