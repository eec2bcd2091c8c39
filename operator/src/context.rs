//! Shared by all reconciles: the API, the settings, the clock, and answers from outside.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crokodial_crds::names::Digest;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use kube::runtime::events::{Event, EventType, Recorder};

use crate::clock::Clock;
use crate::config::defaults::Defaults;
use crate::edge::{Edge, Measured};
use crate::fingerprint::Key;
use crate::kube_io::KubeIo;
use crate::lookups::Lookups;
use crate::memory::{AppliedCache, PendingWarnings, ResumeTimes};
use crate::metrics::Metrics;
use crate::news::News;
use crate::registry::{Existence, Images, RegistryAuth, ResolveError};
use crate::smoke::{Smoke, SmokeResult, SmokeTarget};
use crate::uptime::Probes;
use crate::wake::Wakes;

/// Maximum length of an Event's note in characters; the API server accepts 1 kB.
const MAX_NOTE: usize = 1000;

/// Settings of the chart.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Namespaces whose environments are run.
    pub watch_namespaces: Vec<String>,
    /// Namespace of the operator and of its own Secrets.
    pub operator_namespace: String,
    /// True when ingress classes may be read.
    pub read_ingress_classes: bool,
    /// Defaults of the spec.
    pub defaults: Defaults,
}

/// Key of a resolution: environment, image, retry nonce, credentials.
pub type Resolution = (String, String, String, Vec<RegistryAuth>);

/// Services outside the Kubernetes API.
pub struct Outside {
    /// Registries.
    pub images: Arc<dyn Images>,
    /// Edge of the cluster.
    pub edge: Arc<dyn Edge>,
    /// Probing of sites.
    pub probes: Arc<dyn Probes>,
    /// Candidate pods.
    pub smoke: Arc<dyn Smoke>,
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outside").finish_non_exhaustive()
    }
}

/// Shared by all reconciles.
pub struct Context {
    /// Kubernetes API.
    pub io: KubeIo,
    /// Settings of the chart.
    pub settings: Settings,
    /// Registries.
    pub images: Arc<dyn Images>,
    /// Edge of the cluster.
    pub edge: Arc<dyn Edge>,
    /// Probing of sites.
    pub probes: Arc<dyn Probes>,
    /// Candidate pods.
    pub smoke: Arc<dyn Smoke>,
    /// Metrics.
    pub metrics: Metrics,
    /// Digests by image.
    pub resolutions: Lookups<Resolution, Result<Digest, ResolveError>>,
    /// Existence of digests, by image, digest and credentials.
    pub existences: Lookups<(String, String, Vec<RegistryAuth>), Existence>,
    /// Measurements at the edge, by address and domain.
    pub measurements: Lookups<(String, String), Measured>,
    /// Smoke runs, by the pod's UID and the target.
    pub smokes: Lookups<(String, SmokeTarget), SmokeResult>,
    /// Requeues an environment whose answer has come.
    pub wakes: Wakes,
    /// Changes of releases, for the environments that are promoted from them.
    pub news: News,
    /// Results of server-side applies.
    pub applied: AppliedCache,
    /// Troubles without an Event yet.
    pub warnings: PendingWarnings,
    /// Times at which suspended environments were resumed.
    pub resumed: ResumeTimes,
    /// Stored key of fingerprints, once it was read.
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
    /// Puts the parts together. One recorder per process: it counts repeated Events.
    pub fn new(
        io: KubeIo,
        settings: Settings,
        outside: Outside,
        wakes: Wakes,
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
            wakes,
            news: News::default(),
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

    /// Time since which this replica leads, or since which the process runs where it is the only one. Deadlines count from
    /// there.
    pub fn since(&self) -> Timestamp {
        self.io.fence().since().unwrap_or(self.began)
    }

    /// Publishes an Event. One that cannot be published is logged and dropped: Events are no record.
    pub async fn event<K: Resource<DynamicType = ()>>(
        &self,
        about: &K,
        type_: EventType,
        reason: &str,
        note: &str,
    ) {
        self.event_on(about, None, type_, reason, note).await;
    }

    /// Publishes an Event that names a second object. The recorder folds Events that differ in their note only into one, so
    /// those about different objects must name them.
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
