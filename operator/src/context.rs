//! State shared by all reconciles: API client, settings, clock, caches, metrics, and clients of services outside the
//! cluster.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crokodial_crds::names::Digest;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use kube::runtime::events::{Event, EventType, Recorder};

use crate::clock::Clock;
use crate::config::defaults::Defaults;
use crate::edge::{Edge, PlainHttpAnswer};
use crate::fingerprint::Key;
use crate::kube_io::KubeIo;
use crate::lookups::Lookups;
use crate::memory::{AppliedCache, PendingWarnings, ResumeTimes};
use crate::metrics::Metrics;
use crate::registry::{Existence, Images, RegistryAuth, ResolveError};
use crate::release_changes::ReleaseChanges;
use crate::requeue::RequeueTrigger;
use crate::smoke::{Smoke, SmokeResult, SmokeTarget};
use crate::uptime::Probes;

/// Maximum length of an Event's note in characters; the API server accepts 1 kB.
const MAX_NOTE: usize = 1000;

/// Settings from the Helm chart.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Namespaces whose environments the operator reconciles.
    pub watch_namespaces: Vec<String>,
    /// Namespace of the operator, which also holds its own Secrets.
    pub operator_namespace: String,
    /// True when the operator may read IngressClasses, which needs a ClusterRole.
    pub read_ingress_classes: bool,
    /// Defaults for fields that an environment's spec leaves out.
    pub defaults: Defaults,
}

/// Cache key of a resolved image: UID of the environment, image reference, `rollout.retry`, registry credentials.
pub type Resolution = (String, String, String, Vec<RegistryAuth>);

/// Clients of everything outside the Kubernetes API.
pub struct Outside {
    /// Client of container registries.
    pub images: Arc<dyn Images>,
    /// Client of the cluster's edge (the Ingress controller).
    pub edge: Arc<dyn Edge>,
    /// Prober of the environments' sites.
    pub probes: Arc<dyn Probes>,
    /// Runner of smoke checks against candidate pods.
    pub smoke: Arc<dyn Smoke>,
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outside").finish_non_exhaustive()
    }
}

/// State shared by all reconciles.
pub struct Context {
    /// Calls to the Kubernetes API.
    pub io: KubeIo,
    /// Settings from the Helm chart.
    pub settings: Settings,
    /// Client of container registries.
    pub images: Arc<dyn Images>,
    /// Client of the cluster's edge (the Ingress controller).
    pub edge: Arc<dyn Edge>,
    /// Prober of the environments' sites.
    pub probes: Arc<dyn Probes>,
    /// Runner of smoke checks against candidate pods.
    pub smoke: Arc<dyn Smoke>,
    /// Metrics of the operator.
    pub metrics: Metrics,
    /// Digests of images, as resolved by registries.
    pub resolutions: Lookups<Resolution, Result<Digest, ResolveError>>,
    /// Whether digests still exist in their registries, by image, digest and credentials.
    pub existences: Lookups<(String, String, Vec<RegistryAuth>), Existence>,
    /// Answers to plain HTTP requests at the edge, by address and domain.
    pub measurements: Lookups<(String, String), PlainHttpAnswer>,
    /// Results of smoke runs, by UID of the candidate pod and target.
    pub smokes: Lookups<(String, SmokeTarget), SmokeResult>,
    /// Triggers a reconcile of an environment when an asynchronous result arrives.
    pub requeue: RequeueTrigger,
    /// Notifies environments when releases change in the environment that they are promoted from.
    pub release_changes: ReleaseChanges,
    /// Hashes of what server-side applies resulted in, to recognise values that the API server rewrites.
    pub applied: AppliedCache,
    /// Conditions whose warning Event is delayed because they may recover.
    pub warnings: PendingWarnings,
    /// Times at which suspended environments were last seen suspended.
    pub resumed: ResumeTimes,
    /// Key of fingerprints; set once the stored Secret has been read or created.
    pub key: OnceLock<Key>,
    began: Timestamp,
    clock: Clock,
    recorder: Recorder,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Context {
    /// Creates the context. It has the only Event recorder of the process, because the recorder counts repeated Events.
    pub fn new(
        io: KubeIo,
        settings: Settings,
        outside: Outside,
        requeue: RequeueTrigger,
        metrics: Metrics,
        clock: Clock,
    ) -> Self {
        let Outside {
            images,
            edge,
            probes,
            smoke,
        } = outside;
        let recorder = Recorder::new(io.writes(), "crokodial-operator".into());
        Self {
            io,
            settings,
            images,
            edge,
            probes,
            smoke,
            metrics,
            recorder,
            resolutions: Lookups::default(),
            existences: Lookups::default(),
            measurements: Lookups::default(),
            smokes: Lookups::default(),
            requeue,
            release_changes: ReleaseChanges::default(),
            applied: AppliedCache::default(),
            warnings: PendingWarnings::default(),
            resumed: ResumeTimes::default(),
            key: OnceLock::new(),
            began: clock.now(),
            clock,
        }
    }

    /// Current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Time at which this replica became leader, or at which the process started where there is no leader election. No
    /// deadline starts before it.
    pub fn since(&self) -> Timestamp {
        self.io.fence().since().unwrap_or(self.began)
    }

    /// Publishes an Event. A failure is only logged, because nothing depends on Events.
    pub async fn event<K: Resource<DynamicType = ()>>(
        &self,
        about: &K,
        type_: EventType,
        reason: &str,
        note: &str,
    ) {
        self.event_on(about, None, type_, reason, note).await;
    }

    /// Publishes an Event that also names a `secondary` object. The recorder merges Events that differ only in their
    /// note, so Events about different objects must name them here.
    pub async fn event_on<K: Resource<DynamicType = ()>>(
        &self,
        about: &K,
        secondary: Option<ObjectReference>,
        type_: EventType,
        reason: &str,
        note: &str,
    ) {
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note.chars().take(MAX_NOTE).collect()),
            action: "Reconcile".to_owned(),
            secondary,
        };
        let about = about.object_ref(&());
        match tokio::time::timeout(
            Duration::from_secs(5),
            self.recorder.publish(&event, &about),
        )
        .await
        {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(reason, %error, "an Event could not be published"),
            Err(_) => tracing::warn!(reason, "an Event was not published within 5 s"),
        }
    }
}
