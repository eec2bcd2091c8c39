//! Watches of one namespace, whose events trigger reconciles of its environments.

use std::fmt::Debug;
use std::sync::Arc;

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
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{self, ObjectRef, Store, reflector};
use kube::runtime::{Controller, WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::guarded::Guarded;
use super::known_environments::KnownEnvironments;
use super::model::children::ChildKind;
use super::watch_backoff::{NoBackoff, WatchBackoff};
use crate::context::Context;
use crate::release::gate::EnvironmentRef;

/// Timeout of a watch request in seconds. Reopening the watch regularly replaces a connection that broke without an
/// error.
const WATCH_TIMEOUT: u32 = 40;

/// Number of objects that a watch requests at once at its start. The metadata of one object can have some 300 kB.
const WATCH_PAGE: u32 = 50;

/// Namespace to watch, and the client for its watches.
#[derive(Clone)]
pub struct Watched {
    /// Name of the namespace.
    pub namespace: String,
    /// Client with a dedicated connection, because each watch permanently occupies an HTTP/2 stream.
    pub client: Client,
}

impl Watched {
    /// Watches only the metadata of objects, so that a watch of Secrets does not receive their values.
    fn metadata<K>(
        &self,
        config: watcher::Config,
    ) -> impl Stream<Item = watcher::Result<PartialObjectMeta<K>>> + Send + 'static
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        K: Clone + Debug + DeserializeOwned + Send + 'static,
    {
        self.events::<PartialObjectMeta<K>>(config)
            .touched_objects()
    }

    /// Watches objects. After an error, this watch waits for some seconds and begins anew; no other watch waits. The
    /// first error is logged, and that the watch works again.
    fn events<K>(
        &self,
        config: watcher::Config,
    ) -> impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send + 'static
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        K: Clone + Debug + DeserializeOwned + Send + 'static,
    {
        let namespace = self.namespace.clone();
        let kind = K::kind(&());
        let mut failing = false;
        watcher(
            Api::<K>::namespaced(self.client.clone(), &namespace),
            config,
        )
        .inspect(move |event| match event {
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(%namespace, %kind, %error, "a watch failed and is retried");
            }
            // Precedes a list, which may fail.
            Ok(watcher::Event::Init) => {}
            Ok(_) if failing => {
                failing = false;
                tracing::info!(%namespace, %kind, "a watch that failed works again");
            }
            _ => {}
        })
        .backoff(WatchBackoff::default())
    }
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

/// Returns a controller with all watches of a namespace.
pub(super) fn controller(ctx: &Arc<Context>, watched: &Watched) -> Controller<Guarded> {
    let namespace = watched.namespace.as_str();
    let (store, writer) = reflector::store();
    let kept = watched.events(all()).modify(forget_managers);
    let kept = reflector(writer, kept)
        .inspect(forget_deleted(ctx.clone(), namespace.to_owned()))
        .applied_objects();
    let controller = Controller::for_stream(kept, store.clone()).trigger_backoff(NoBackoff);
    let (secrets, maps) = (store.clone(), store.clone());
    let changes = ctx.release_changes.clone();
    let controller = controller
        .reconcile_on(called(ctx, namespace))
        .reconcile_on(promoted(ctx, store));
    let controller = child::<Job>(controller, watched);
    let controller = child::<Pod>(controller, watched);
    ChildKind::all()
        .fold(controller, |controller, kind| {
            children(controller, watched, kind)
        })
        .watches_stream(
            watched.metadata::<CrokodialRelease>(ours()),
            move |release| {
                if let Some(changed) = place_of(&release.metadata) {
                    changes.notify(changed);
                }
                owner_of(&release.metadata)
            },
        )
        .watches_stream(watched.metadata::<Secret>(all()), move |s| {
            referring(&secrets, &s, names_secret)
        })
        .watches_stream(watched.metadata::<ConfigMap>(all()), move |m| {
            referring(&maps, &m, names_config_map)
        })
}

/// Returns a function that drops the state of environments which the events of the watch show to be deleted. Without it,
/// their former addresses would be probed until the operator restarts.
fn forget_deleted(
    ctx: Arc<Context>,
    namespace: String,
) -> impl FnMut(&Result<watcher::Event<Guarded>, watcher::Error>) {
    let mut known = KnownEnvironments::default();
    move |event| {
        for name in event.iter().flat_map(|event| known.gone(event)) {
            ctx.forget(&namespace, &name);
        }
    }
}

/// Adds the watch for one kind of child object, unless another watch already covers it.
fn children(
    controller: Controller<Guarded>,
    watched: &Watched,
    kind: ChildKind,
) -> Controller<Guarded> {
    match kind {
        ChildKind::ServiceAccount => child::<ServiceAccount>(controller, watched),
        ChildKind::NetworkPolicy => child::<NetworkPolicy>(controller, watched),
        ChildKind::Service => child::<Service>(controller, watched),
        ChildKind::Deployment => child::<Deployment>(controller, watched),
        ChildKind::DisruptionBudget => child::<PodDisruptionBudget>(controller, watched),
        ChildKind::Ingress => child::<Ingress>(controller, watched),
        // Covered by the watches of `NetworkPolicy` and `Deployment`.
        ChildKind::CandidatePolicy | ChildKind::Candidate => controller,
        // Covered by the watch of all Secrets, which is there for those that specs refer to.
        ChildKind::Proven
        | ChildKind::MongoActive
        | ChildKind::ConfigActive
        | ChildKind::ConfigCandidate
        | ChildKind::Certificate => controller,
    }
}

/// Adds a watch for objects of type `K` that the operator manages. A change triggers a reconcile of the environment
/// that the object's label names.
fn child<K>(controller: Controller<Guarded>, watched: &Watched) -> Controller<Guarded>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    K: Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    controller.watches_stream(watched.metadata::<K>(ours()), |child| {
        owner_of(&child.metadata)
    })
}

fn all() -> watcher::Config {
    watcher::Config::default()
        .timeout(WATCH_TIMEOUT)
        .page_size(WATCH_PAGE)
}

/// Returns the watch configuration for objects with the operator's `managed-by` label.
fn ours() -> watcher::Config {
    all().labels(&format!("{LABEL_MANAGED_BY}={MANAGED_BY}"))
}

/// Drops `managedFields`, which can be large and are not used here.
fn forget_managers(guarded: &mut Guarded) {
    if let Ok(environment) = &mut guarded.0 {
        environment.metadata.managed_fields = None;
    }
}

/// Streams the environments whose reconcile was requested by other code, for example because a probe verdict changed.
/// Environments that promote images from the requested environment are notified too, because the verdict also affects
/// them.
fn called(ctx: &Context, namespace: &str) -> impl Stream<Item = ObjectRef<Guarded>> + Send + use<> {
    let changes = ctx.release_changes.clone();
    ctx.requeue
        .requests(namespace)
        .map(move |called: ObjectRef<Guarded>| {
            changes.notify(EnvironmentRef {
                namespace: called.namespace.clone().unwrap_or_default(),
                name: called.name.clone(),
            });
            called
        })
}

/// Streams the environments that must be reconciled because releases or probe results have changed in the environment
/// whose images they promote.
fn promoted(
    ctx: &Context,
    store: Store<Guarded>,
) -> impl Stream<Item = ObjectRef<Guarded>> + Send + use<> {
    ctx.release_changes
        .subscribe()
        .flat_map(move |source| stream::iter(dependents(&store, source.as_ref())))
}

/// Returns the environments that promote images from `source`. If `source` is `None`, returns every environment that
/// has a promotion.
fn dependents(store: &Store<Guarded>, source: Option<&EnvironmentRef>) -> Vec<ObjectRef<Guarded>> {
    let environments = store.state();
    let decoded = environments.iter().filter_map(|e| e.0.as_ref().ok());
    let concerned = decoded.filter_map(|e| {
        let own = e.namespace().unwrap_or_default();
        let from = EnvironmentRef::of(e.spec.promotion.as_ref()?, &own);
        let concerned = source.is_none_or(|s| *s == from);
        concerned.then(|| ObjectRef::new(&e.name_any()).within(&own))
    });
    concerned.collect()
}

/// Returns the environments to reconcile when `object` changes: those whose spec refers to it by name, and the one that
/// its label names.
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

/// Returns the environment of a release. It is derived from the release's name, because labels can be edited.
fn place_of(release: &ObjectMeta) -> Option<EnvironmentRef> {
    let (name, _) = release.name.as_deref()?.rsplit_once('-')?;
    Some(EnvironmentRef {
        namespace: release.namespace.clone()?,
        name: name.to_owned(),
    })
}

/// Returns the environment that the label of a child object names.
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
