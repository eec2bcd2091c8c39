//! Writes one child object, if it differs from its wanted state.

use crokodial_crds::names::Children as Names;
use crokodial_crds::{CrokodialEnvironment, Reason};
use k8s_openapi::api::apps::v1::Deployment;
use kube::runtime::events::EventType;
use serde_json::{Value, json};

use super::comparison::{self, Comparison};
use super::drift;
use crate::context::Context;
use crate::environment::model::children::{Child, ChildKind, ChildRow, MANAGER};
use crate::environment::model::owner::Owner;
use crate::environment::model::refused::{RefusedWrites, WriteStep};
use crate::kube_io::object::Object;
use crate::kube_io::{Basis, IoError};

/// Context for writing the child objects of one environment.
pub(super) struct ChildWriter<'a> {
    pub(super) ctx: &'a Context,
    pub(super) environment: &'a CrokodialEnvironment,
    pub(super) owner: &'a Owner,
}

impl ChildWriter<'_> {
    /// Carries out the action for one child object. Notes a refused write in `refused`.
    pub(super) async fn child(
        &self,
        row: ChildRow<'_>,
        refused: &mut RefusedWrites,
    ) -> Result<(), IoError> {
        let ours = |object: &&Object| self.owner.labelled(object.metadata());
        let exists = row.live.filter(ours).is_some() && *row.wanted != Child::Remove;
        let environment = (self.owner.namespace.as_str(), self.owner.name.as_str());
        let object = self.object(row.kind);
        // A child that is absent now is forgotten only after `write` has asked for it.
        if exists || *row.wanted == Child::Remove {
            self.ctx.children.note(environment, &object, exists);
        }
        match row.wanted {
            Child::Apply(wanted) => self.write(row.kind, wanted, row.live, refused).await,
            Child::Remove => self.remove(row.kind, row.live, refused).await,
            Child::Keep => Ok(()),
        }
    }

    async fn write(
        &self,
        kind: ChildKind,
        wanted: &Value,
        live: Option<&Object>,
        refused: &mut RefusedWrites,
    ) -> Result<(), IoError> {
        let wanted = drift::stamp(wanted.clone());
        let found = live.and_then(Object::to_value);
        let compare = |found: &Value| Comparison::of(kind, found, &wanted);
        let comparison = found.as_ref().map(compare);
        let applied = &self.ctx.applied;
        let last = |found: &Value| comparison::is_last_answer(found, &wanted, applied);
        if comparison.as_ref().is_some_and(Comparison::is_as_wanted)
            || found.as_ref().is_some_and(last)
        {
            return Ok(());
        }
        let (step, object) = (WriteStep::Child(kind), self.object(kind));
        if live.is_some_and(|live| !self.owner.labelled(live.metadata())) {
            let cause = "an object of this name exists and was not made by this operator";
            refused.add(step, &object, Reason::NameConflict, cause);
            return Ok(());
        }
        if self.rolls(kind, found.as_ref(), &wanted) && refused.must_wait(step, &object) {
            return self.scale(kind, live, &wanted, refused).await;
        }
        let added = comparison
            .as_ref()
            .is_some_and(Comparison::has_added_fields);
        let written = match (live, &found) {
            (Some(live), Some(found)) if added => self.replace(kind, &wanted, live, found).await,
            (Some(live), Some(found)) => {
                let basis = Basis::Seen(live.metadata());
                match self.apply(kind, &wanted, basis).await {
                    // A field of somebody else may exclude one of ours.
                    Err(error) if error.is_invalid() => {
                        self.replace(kind, &wanted, live, found).await
                    }
                    other => other,
                }
            }
            _ => self.apply(kind, &wanted, Basis::Absent).await,
        };
        let Some(written) = refused.note(step, &object, written)? else {
            return Ok(());
        };
        let written = written.to_value().unwrap_or_default();
        match (&found, comparison) {
            (Some(found), Some(comparison)) if drift::differ(found, &written) => {
                self.report_change(kind, &comparison).await;
            }
            (None, _) => self.report_deletion(kind).await,
            _ => {}
        }
        if !Comparison::of(kind, &written, &wanted).is_as_wanted() {
            let answer = drift::hash(&drift::own_part(&written));
            self.ctx.applied.put(drift::hash(&wanted), answer);
        }
        Ok(())
    }

    async fn apply(
        &self,
        kind: ChildKind,
        wanted: &Value,
        basis: Basis<'_>,
    ) -> Result<Object, IoError> {
        let name = self.name(kind);
        let place = (self.owner.namespace.as_str(), name.as_str());
        kind.api()
            .apply(&self.ctx.io, place, MANAGER, wanted, basis)
            .await
    }

    /// Replaces the operator's part of the object, which a server-side apply cannot repair, and then applies the wanted
    /// state, so that the operator owns its fields. If a field cannot be changed, deletes the object and creates it
    /// again.
    async fn replace(
        &self,
        kind: ChildKind,
        wanted: &Value,
        live: &Object,
        found: &Value,
    ) -> Result<Object, IoError> {
        let (api, io) = (kind.api(), &self.ctx.io);
        let patch = comparison::replacement(kind, found, wanted);
        let patched = api.merge(io, live.metadata(), MANAGER, &patch).await;
        match patched {
            Err(error) if error.refusal().is_some_and(|r| r.immutable) => {
                api.delete(io, live.metadata()).await?;
                self.apply(kind, wanted, Basis::Absent).await
            }
            Err(error) => Err(error),
            Ok(patched) => {
                self.apply(kind, wanted, Basis::Seen(patched.metadata()))
                    .await
            }
        }
    }

    /// Returns false if the write only scales the Deployment of the serving pods, which relies on no other write.
    fn rolls(&self, kind: ChildKind, found: Option<&Value>, wanted: &Value) -> bool {
        let template = |object: &Value| object["spec"]["template"].clone();
        let same = |found: &Value| drift::covers(&template(found), &template(wanted));
        kind != ChildKind::Deployment || !found.is_some_and(same)
    }

    /// Gives the Deployment of the serving pods its number of replicas while its pod template must not change.
    async fn scale(
        &self,
        kind: ChildKind,
        live: Option<&Object>,
        wanted: &Value,
        refused: &mut RefusedWrites,
    ) -> Result<(), IoError> {
        let deployment = live.and_then(Object::typed::<Deployment>);
        let Some(live) = deployment.filter(|_| kind == ChildKind::Deployment) else {
            return Ok(());
        };
        let replicas = &wanted["spec"]["replicas"];
        if json!(live.spec.as_ref().and_then(|s| s.replicas)) == *replicas {
            return Ok(());
        }
        let patch = json!({"spec": {"replicas": replicas}});
        let io = &self.ctx.io;
        let scaled = io
            .merge::<Deployment>(&live.metadata, MANAGER, &patch)
            .await;
        refused.note(WriteStep::Child(kind), &self.object(kind), scaled)?;
        Ok(())
    }

    /// Publishes an Event that names who changed a child object, and which fields.
    async fn report_change(&self, kind: ChildKind, comparison: &Comparison) {
        let Some(who) = comparison.culprits() else {
            return;
        };
        let advice = if comparison.is_autoscaled() {
            "; an autoscaler must scale the CrokodialEnvironment instead"
        } else {
            ""
        };
        let object = self.object(kind);
        let note = format!("{object} was changed by {who} and was put back{advice}");
        self.publish(kind, "ChildChanged", &note).await;
    }

    /// Publishes an Event about a child object that had existed and was created again.
    async fn report_deletion(&self, kind: ChildKind) {
        let (namespace, environment) = (&self.owner.namespace, self.owner.name.as_str());
        let object = self.object(kind);
        if self.ctx.children.knows((namespace, environment), &object) {
            let note = format!("{object} was deleted and was created again");
            self.publish(kind, "ChildDeleted", &note).await;
        }
    }

    async fn publish(&self, kind: ChildKind, reason: &str, note: &str) {
        let child = kind
            .api()
            .reference(&self.owner.namespace, &self.name(kind));
        self.ctx
            .event_on(
                self.environment,
                Some(child),
                EventType::Warning,
                reason,
                note,
            )
            .await;
    }

    async fn remove(
        &self,
        kind: ChildKind,
        live: Option<&Object>,
        refused: &mut RefusedWrites,
    ) -> Result<(), IoError> {
        let Some(ours) = live.filter(|object| self.owner.labelled(object.metadata())) else {
            return Ok(());
        };
        let deleted = kind.api().delete(&self.ctx.io, ours.metadata()).await;
        refused.note(WriteStep::Child(kind), &self.object(kind), deleted)?;
        Ok(())
    }

    fn name(&self, kind: ChildKind) -> String {
        kind.name(Names::of(&self.owner.name))
    }

    /// Returns kind and name of the child object, for messages.
    fn object(&self, kind: ChildKind) -> String {
        format!("{} {}", kind.api().kind(), self.name(kind))
    }
}
