//! Watches only: what wakes a reconcile. All deciding is elsewhere.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use crokodial_crds::names::{LABEL_ENVIRONMENT, LABEL_MANAGED_BY, MANAGED_BY};
use crokodial_crds::{CrokodialEnvironment, CrokodialRelease};
use futures::{Stream, StreamExt, stream};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::controller::Error::ReconcilerFailed;
use kube::runtime::controller::{Action, Config};
use kube::runtime::events::EventType;
use kube::runtime::reflector::{self, ObjectRef, Store, reflector};
use kube::runtime::{Controller, WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::Error;
use crate::context::Context;
use crate::metrics::{FailureClass, Reconciled};
use crate::release::gate::Place;

/// A watch that says nothing for this long is opened anew: a connection that died silently is noticed.
const WATCH_SECONDS: u32 = 40;

/// From a write that was refused because something else had changed to the next look.
const STALE: Duration = Duration::from_millis(100);

/// An environment as the watch hands it over: one that cannot be decoded is a value, so the others go on.
type Guarded = DeserializeGuard<CrokodialEnvironment>;

/// One namespace and the client that watches it.
pub struct Watched {
    /// Its name.
    pub namespace: String,
    /// With a connection of its own, for watches hold their streams for good.
    pub client: Client,
}

impl Watched {
    /// Only metadata crosses the wire: values of Secrets stay where they are.
    fn metadata<K>(&self) -> Api<PartialObjectMeta<K>>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

/// Runs the environments of one namespace until `stop`. All of them are looked at whenever `terms` changes: when this
/// replica begins to lead.
pub async fn run(
    ctx: Arc<Context>,
    watched: Watched,
    concurrency: u16,
    terms: watch::Receiver<u64>,
    stop: CancellationToken,
) {
    let begun = stream::unfold(terms, |mut terms| async move {
        terms.changed().await.ok()?;
        Some(((), terms))
    });
    let controller = watches(&ctx, &watched)
        .reconcile_all_on(begun)
        .with_config(Config::default().concurrency(concurrency))
        .graceful_shutdown_on(async move { stop.cancelled().await });
    controller
        .run(reconcile, on_error, ctx)
        .for_each(|outcome| async {
            match outcome {
                Ok(_) => {}
                Err(ReconcilerFailed(error, environment)) => {
                    let step = error.step();
                    tracing::warn!(step, %error, %environment, "a reconcile failed");
                }
                Err(error) => tracing::warn!(%error, "a watch or a reconcile failed"),
            }
        })
        .await;
}

fn watches(ctx: &Context, watched: &Watched) -> Controller<Guarded> {
    let namespace = watched.namespace.as_str();
    let environments = Api::<Guarded>::namespaced(watched.client.clone(), namespace);
    let (store, writer) = reflector::store();
    let kept = watcher(environments, all()).modify(forget_managers);
    let kept = reflector(writer, kept).applied_objects();
    let controller = Controller::for_stream(kept, store.clone());
    let (secrets, maps) = (store.clone(), store.clone());
    let news = ctx.news.clone();
    let controller = controller
        .reconcile_on(called(ctx, namespace))
        .reconcile_on(promoted(ctx, store));
    let controller = child::<Deployment>(controller, watched);
    let controller = child::<Job>(controller, watched);
    let controller = child::<Pod>(controller, watched);
    let controller = child::<Service>(controller, watched);
    let controller = child::<ServiceAccount>(controller, watched);
    let controller = child::<NetworkPolicy>(controller, watched);
    let controller = child::<PodDisruptionBudget>(controller, watched);
    let controller = child::<Ingress>(controller, watched);
    controller
        .watches(
            watched.metadata::<CrokodialRelease>(),
            ours(),
            move |release| {
                if let Some(changed) = place_of(&release.metadata) {
                    news.tell(changed);
                }
                owner_of(&release.metadata)
            },
        )
        .watches(watched.metadata::<Secret>(), all(), move |s| {
            referring(&secrets, &s, names_secret)
        })
        .watches(watched.metadata::<ConfigMap>(), all(), move |m| {
            referring(&maps, &m, names_config_map)
        })
}

/// Wakes the environment that a child of this kind names in its label.
fn child<K>(controller: Controller<Guarded>, watched: &Watched) -> Controller<Guarded>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    K: Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    controller.watches(watched.metadata::<K>(), ours(), |child| {
        owner_of(&child.metadata)
    })
}

fn all() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS)
}

/// What carries the operator's label.
fn ours() -> watcher::Config {
    all().labels(&format!("{LABEL_MANAGED_BY}={MANAGED_BY}"))
}

/// Who set which field is half of an object and nothing here asks for it.
fn forget_managers(guarded: &mut Guarded) {
    if let Ok(environment) = &mut guarded.0 {
        environment.metadata.managed_fields = None;
    }
}

/// Environments that are called from beside their reconcile; what is promoted from them is told, for a probe's
/// verdict may be what called.
fn called(ctx: &Context, namespace: &str) -> impl Stream<Item = ObjectRef<Guarded>> + Send + use<> {
    let news = ctx.news.clone();
    ctx.wakes
        .of(namespace)
        .map(move |called: ObjectRef<Guarded>| {
            news.tell(Place {
                namespace: called.namespace.clone().unwrap_or_default(),
                name: called.name.clone(),
            });
            called
        })
}

/// Environments that are promoted from one of which there is news.
fn promoted(
    ctx: &Context,
    store: Store<Guarded>,
) -> impl Stream<Item = ObjectRef<Guarded>> + Send + use<> {
    ctx.news
        .listen()
        .flat_map(move |source| stream::iter(dependents(&store, source.as_ref())))
}

/// The environments that are promoted from `source`; from any, where that is not known.
fn dependents(store: &Store<Guarded>, source: Option<&Place>) -> Vec<ObjectRef<Guarded>> {
    let environments = store.state();
    let decoded = environments.iter().filter_map(|e| e.0.as_ref().ok());
    let concerned = decoded.filter_map(|e| {
        let own = e.namespace().unwrap_or_default();
        let from = Place::of(e.spec.promotion.as_ref()?, &own);
        let concerned = source.is_none_or(|s| *s == from);
        concerned.then(|| ObjectRef::new(&e.name_any()).within(&own))
    });
    concerned.collect()
}

/// The environments that refer to an object by name, and the one whose child it is.
fn referring<K>(
    store: &Store<Guarded>,
    object: &PartialObjectMeta<K>,
    names: fn(&CrokodialEnvironment, &str) -> bool,
) -> Vec<ObjectRef<Guarded>> {
    let name = object.metadata.name.clone().unwrap_or_default();
    let environments = store.state();
    let referring = environments
        .iter()
        .filter_map(|e| e.0.as_ref().ok())
        .filter(|e| names(e, &name));
    let mut found: Vec<ObjectRef<Guarded>> = referring
        .map(|e| ObjectRef::new(&e.name_any()).within(&e.namespace().unwrap_or_default()))
        .collect();
    found.extend(owner_of(&object.metadata));
    found
}

/// The environment that a release's name names: labels may be edited.
fn place_of(release: &ObjectMeta) -> Option<Place> {
    let (name, _) = release.name.as_deref()?.rsplit_once('-')?;
    Some(Place {
        namespace: release.namespace.clone()?,
        name: name.to_owned(),
    })
}

/// The environment that a child's label names.
fn owner_of(child: &ObjectMeta) -> Option<ObjectRef<Guarded>> {
    let name = child.labels.as_ref()?.get(LABEL_ENVIRONMENT)?;
    Some(ObjectRef::new(name).within(child.namespace.as_deref().unwrap_or_default()))
}

fn names_secret(environment: &CrokodialEnvironment, name: &str) -> bool {
    let spec = &environment.spec;
    let others = spec
        .config
        .secret_refs
        .iter()
        .chain(&spec.image_pull_secrets);
    spec.mongo.uri_secret_ref.name == name || others.into_iter().any(|r| r.name == name)
}

fn names_config_map(environment: &CrokodialEnvironment, name: &str) -> bool {
    environment
        .spec
        .config
        .config_map_refs
        .iter()
        .any(|r| r.name == name)
}

#[tracing::instrument(skip_all, fields(namespace = guarded.namespace(), environment = guarded.name_any()))]
async fn reconcile(guarded: Arc<Guarded>, ctx: Arc<Context>) -> Result<Action, Error> {
    let leading = ctx.io.fence().clone();
    let result = leading.while_leading(look(guarded, ctx)).await;
    // Who waits has its watches open and does nothing else: when it leads, everything is looked at.
    result.unwrap_or_else(|_| Ok(Action::await_change()))
}

async fn look(guarded: Arc<Guarded>, ctx: Arc<Context>) -> Result<Action, Error> {
    let timer = ctx
        .metrics
        .start_reconcile(Reconciled::CrokodialEnvironment);
    if let Err(invalid) = &guarded.0 {
        ctx.metrics.undecodable(Reconciled::CrokodialEnvironment);
        tracing::error!(error = %invalid.error, "the resource cannot be decoded");
        let note = format!(
            "the resource cannot be read and is left alone: {}. Next (user): correct it.",
            invalid.error
        );
        ctx.event(&*guarded, EventType::Warning, "Undecodable", &note)
            .await;
        return Ok(Action::await_change());
    }
    let result = super::reconcile(
        &ctx,
        &guarded.namespace().unwrap_or_default(),
        &guarded.name_any(),
    )
    .await;
    drop(timer);
    if result.as_ref().is_err_and(Error::is_stale) {
        return Ok(Action::requeue(STALE));
    }
    if let Err(error) = &result {
        ctx.metrics
            .reconcile_failed(Reconciled::CrokodialEnvironment, error.class());
        if error.class() == FailureClass::Invalid {
            let note = format!("{error}. Next (user): correct it.");
            ctx.event(&*guarded, EventType::Warning, "InvalidSpec", &note)
                .await;
        }
    }
    result
}

/// What a person must mend waits for the edit; the rest is tried again soon. The queue does not grow a back-off
/// of its own, so the wait is one that an API server in trouble can bear from fifty environments.
#[allow(clippy::needless_pass_by_value)] // The controller's signature.
fn on_error(_: Arc<Guarded>, error: &Error, _: Arc<Context>) -> Action {
    match error.class() {
        FailureClass::Invalid => Action::requeue(Duration::from_secs(300)),
        FailureClass::Retry | FailureClass::Deadline => Action::requeue(Duration::from_secs(5)),
    }
}
