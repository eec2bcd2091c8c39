//! What every reconcile shares: the API, the settings, the clock, and answers from outside.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crokodial_crds::names::Digest;
use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use kube::runtime::events::{Event, EventType, Recorder};
use tokio::sync::OnceCell;

use crate::edge::Measured;
use crate::environment::effective::Defaults;
use crate::environment::events::Lasting;
use crate::environment::images::Images;
use crate::environment::isolation::Key;
use crate::environment::lookups::Lookups;
use crate::kube_io::KubeIo;
use crate::metrics::Metrics;
use crate::registry::{Existence, RegistryAuth, ResolveError};
use crate::release_changes::ReleaseChanges;
use crate::requeue::RequeueTrigger;
use crate::smoke::{SmokePlan, SmokeResult, SmokeTarget};
use crate::uptime::Probes;

/// An Event's note may hold 1 kB.
const MOST_NOTE: usize = 1000;

/// Where the time comes from. Tests own it.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's.
    System,
    /// A test's.
    Fixed(Arc<Mutex<Timestamp>>),
}

impl Clock {
    /// Now.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Fixed(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// What the chart configures.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Namespaces whose environments are run. Others are invisible.
    pub watch_namespaces: Vec<String>,
    /// Where the CA is kept.
    pub operator_namespace: String,
    /// Ingress classes may be read.
    pub read_ingress_classes: bool,
    /// Defaults of the spec.
    pub defaults: Defaults,
}

/// Measures at the edge.
pub trait Edge: Send + Sync {
    /// What `http://<domain>/` at `address` answers.
    fn https_forced(&self, address: String, domain: String) -> BoxFuture<'static, Measured>;
}

/// Asks a candidate pod for its pages.
pub trait Smoke: Send + Sync {
    /// Runs a plan against one pod.
    fn run(&self, target: SmokeTarget, plan: SmokePlan) -> BoxFuture<'static, SmokeResult>;
}

/// Key of a resolution: environment, image, retry nonce, credentials.
pub type Resolution = (String, String, String, Vec<RegistryAuth>);

/// What answers from outside the Kubernetes API.
pub struct Outside {
    /// Registries.
    pub images: Arc<dyn Images>,
    /// The edge.
    pub edge: Arc<dyn Edge>,
    /// Whether sites answer.
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
    /// The API.
    pub io: KubeIo,
    /// Configuration.
    pub settings: Settings,
    /// Registries.
    pub images: Arc<dyn Images>,
    /// The edge.
    pub edge: Arc<dyn Edge>,
    /// Whether sites answer.
    pub probes: Arc<dyn Probes>,
    /// Candidate pods.
    pub smoke: Arc<dyn Smoke>,
    /// Counters.
    pub metrics: Metrics,
    /// Digests asked for.
    pub resolutions: Lookups<Resolution, Result<Digest, ResolveError>>,
    /// Digests whose existence was asked for: image, digest, credentials.
    pub existences: Lookups<(String, String, Vec<RegistryAuth>), Existence>,
    /// Measurements at the edge: address, domain.
    pub measurements: Lookups<(String, String), Measured>,
    /// What candidate pods answered: the pod's UID, and how it was asked.
    pub smokes: Lookups<(String, SmokeTarget), SmokeResult>,
    /// Calls environments whose answers have come.
    pub wakes: RequeueTrigger,
    /// News of releases, for environments that are promoted from.
    pub news: ReleaseChanges,
    /// What the API server made of our wishes.
    pub written: Written,
    /// Troubles that Events do not tell of yet.
    pub lasting: Lasting,
    /// Since when it looks after each environment without a break.
    pub attention: Attention,
    /// The key of fingerprints, once it was read.
    pub key: OnceCell<Key>,
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
    /// Puts it together. One recorder per process: it counts repeats.
    pub fn new(
        io: KubeIo,
        settings: Settings,
        outside: Outside,
        wakes: RequeueTrigger,
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
            news: ReleaseChanges::default(),
            written: Written::default(),
            lasting: Lasting::default(),
            attention: Attention::default(),
            key: OnceCell::new(),
            began: clock.now(),
            clock,
        }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Since when this replica leads, or this process runs where there is no other: deadlines count from there.
    pub fn since(&self) -> Timestamp {
        self.io.fence().since().unwrap_or(self.began)
    }

    /// Publishes an Event. One that cannot be published is logged and forgotten: Events are no record.
    pub async fn event<K: Resource<DynamicType = ()>>(
        &self,
        about: &K,
        type_: EventType,
        reason: &str,
        note: &str,
    ) {
        self.event_on(about, None, type_, reason, note).await;
    }

    /// The same, naming a second object. The recorder folds Events that differ in their note only into one, so
    /// those that tell of different objects must name them.
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
            note: Some(note.chars().take(MOST_NOTE).collect()),
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

/// Since when each environment is looked after: a suspended one is not, and its releases' time stands still.
#[derive(Debug, Default)]
pub struct Attention(Mutex<HashMap<String, Timestamp>>);

impl Attention {
    /// Since when the environment of this UID is looked after; now, while it is not.
    pub fn since(&self, uid: &str, suspended: bool, now: Timestamp) -> Timestamp {
        let mut resumed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if suspended {
            resumed.insert(uid.to_owned(), now);
        }
        resumed.get(uid).copied().unwrap_or(Timestamp::MIN)
    }
}

/// What the API server made of a wish, by the hash of the wish.
#[derive(Debug, Default)]
pub struct Written(Mutex<HashMap<String, String>>);

impl Written {
    /// Remembers.
    pub fn put(&self, wish: String, result: String) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Wishes are few: a dozen children an environment. Beyond this something else is wrong; start over.
        if known.len() > 10_000 {
            known.clear();
        }
        known.insert(wish, result);
    }

    /// True when `result` is what came of `wish`.
    pub fn is(&self, wish: &str, result: &str) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(wish)
            .is_some_and(|known| known == result)
    }
}
