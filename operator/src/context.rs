//! State that all reconciles share, including the API client, settings, caches and metrics, and clients for services
//! outside the Kubernetes API.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use kube::runtime::events::{Event, EventType, Recorder};
use sha2::{Digest as _, Sha256};

use crate::clock::Clock;
use crate::config::defaults::Defaults;
use crate::edge::{Edge, PlainHttpAnswer};
use crate::fingerprint::Key;
use crate::kube_io::KubeIo;
use crate::lookups::Lookups;
use crate::memory::{
    AppliedCache, ConfirmedHosts, KnownObjects, PendingWarnings, Reconciling, RefusedSince,
    ResumeTimes, StaleRounds,
};
use crate::metrics::Metrics;
use crate::registry::{Existence, Images, TagLookup};
use crate::release_changes::ReleaseChanges;
use crate::requeue::RequeueTrigger;
use crate::smoke::{Smoke, SmokeResult, SmokeTarget};
use crate::tenants::Tenants;
use crate::uptime::Probes;

/// Maximum length of an Event's note in bytes. The API server accepts at most 1024 bytes.
const MAX_NOTE: usize = 1000;

/// Settings of the operator, from its command line.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Namespaces whose environments the operator reconciles.
    pub watch_namespaces: Vec<String>,
    /// Named tenants, of which each has some of the watched namespaces.
    pub tenants: Tenants,
    /// Namespace in which the operator runs and stores its own Secrets.
    pub operator_namespace: String,
    /// True if the operator may read IngressClasses, which requires a ClusterRole.
    pub read_ingress_classes: bool,
    /// Defaults for fields that an environment's spec does not set.
    pub defaults: Defaults,
}

impl Settings {
    /// Returns the watched namespaces of the same tenant as `namespace`.
    pub fn peers<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a str> {
        let watched = self.watch_namespaces.iter().map(String::as_str);
        watched.filter(move |other| self.tenants.same(namespace, other))
    }
}

/// Cache key of a resolved image: UID of the environment, image reference, value of `rollout.retry`, and hash of the
/// registry credentials.
pub type Resolution = (String, String, String, [u8; 32]);

/// Clients of services outside the Kubernetes API.
pub struct Outside {
    /// Client of container registries.
    pub images: Arc<dyn Images>,
    /// Client for requests to the cluster's edge (the ingress controller).
    pub edge: Arc<dyn Edge>,
    /// Prober of the environments' sites, which measures their uptime.
    pub probes: Arc<dyn Probes>,
    /// Runner of smoke checks against candidate pods.
    pub smoke: Arc<dyn Smoke>,
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outside").finish_non_exhaustive()
    }
}

/// State that all reconciles share.
pub struct Context {
    /// Client of the Kubernetes API.
    pub io: KubeIo,
    /// Settings of the operator, from its command line.
    pub settings: Settings,
    /// Client of container registries.
    pub images: Arc<dyn Images>,
    /// Client for requests to the cluster's edge (the ingress controller).
    pub edge: Arc<dyn Edge>,
    /// Prober of the environments' sites, which measures their uptime.
    pub probes: Arc<dyn Probes>,
    /// Runner of smoke checks against candidate pods.
    pub smoke: Arc<dyn Smoke>,
    /// Metrics of the operator.
    pub metrics: Metrics,
    /// Cache of the digests or errors that lookups of image references at registries returned.
    pub resolutions: Lookups<Resolution, TagLookup>,
    /// Cache of checks that an image digest still exists in its registry. The key is namespace, image, digest and hash of
    /// the registry credentials.
    pub existences: Lookups<(String, String, String, [u8; 32]), Existence>,
    /// Cache of responses to plain HTTP requests at the edge, by address and domain.
    pub measurements: Lookups<(String, String), PlainHttpAnswer>,
    /// Cache of smoke check results, by UID of the candidate pod and target.
    pub smokes: Lookups<(String, SmokeTarget), SmokeResult>,
    /// Trigger that requests a reconcile of an environment when an asynchronous result is available.
    pub requeue: RequeueTrigger,
    /// Notifications of changed releases, for environments that promote from the changed environment.
    pub release_changes: ReleaseChanges,
    /// Cache of server-side apply results. It shows whether a difference is only a value that the API server rewrites.
    pub applied: AppliedCache,
    /// Hosts that were found to be an environment's.
    pub confirmed_hosts: ConfirmedHosts,
    /// Warnings whose Events are delayed, because the condition may recover.
    pub warnings: PendingWarnings,
    /// Child objects that each environment is known to have.
    pub children: KnownObjects,
    /// Time since which writes of each environment are refused.
    pub refused: RefusedSince,
    /// Reconciles that ended early because an object had changed since it was read.
    pub stale: StaleRounds,
    /// Time at which each environment was last observed as suspended.
    pub resumed: ResumeTimes,
    /// Reconciles in progress, to notice a deletion in the course of one.
    pub reconciling: Reconciling,
    /// Key for fingerprints. It is unset until the Secret that stores it has been read or created.
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
    /// Creates the context. It contains the only Event recorder of the process, because the recorder counts repeated
    /// Events.
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
            confirmed_hosts: ConfirmedHosts::default(),
            warnings: PendingWarnings::default(),
            children: KnownObjects::default(),
            refused: RefusedSince::default(),
            stale: StaleRounds::default(),
            resumed: ResumeTimes::default(),
            reconciling: Reconciling::default(),
            key: OnceLock::new(),
            began: clock.now(),
            clock,
        }
    }

    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the time at which this replica last became leader, or the start of the process if it has not become
    /// leader or there is no leader election. Deadlines are never counted from an earlier time.
    pub fn since(&self) -> Timestamp {
        self.io.fence().since().unwrap_or(self.began)
    }

    /// Drops the state of an environment that no longer exists, and stops its probes.
    pub fn forget(&self, namespace: &str, name: &str) {
        self.probes.forget(namespace, name);
        self.warnings.forget(namespace, name);
        self.confirmed_hosts.forget(namespace, name);
        self.children.forget(namespace, name);
        self.refused.forget(namespace, name);
        self.stale.forget(namespace, name);
        self.resumed.forget(namespace, name);
        self.reconciling.deleted(namespace, name);
    }

    /// Publishes an Event about the object `about`. A failure is only logged, because nothing depends on Events.
    pub async fn event<K: Resource<DynamicType = ()>>(
        &self,
        about: &K,
        type_: EventType,
        reason: &str,
        note: &str,
    ) {
        self.event_on(about, None, type_, reason, note).await;
    }

    /// Publishes an Event about the object `about` that also refers to a `secondary` object. The recorder merges Events
    /// that differ only in their note, and keeps the first note. So the action contains a hash of the note: only Events
    /// with the same note are merged.
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
            note: Some(shortened(note).to_owned()),
            action: action(note),
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

/// Returns the action of an Event with this note.
fn action(note: &str) -> String {
    let mut hash = hex::encode(Sha256::digest(note));
    hash.truncate(8);
    format!("Reconcile-{hash}")
}

/// Returns the start of a note that fits into an Event.
fn shortened(note: &str) -> &str {
    &note[..note.floor_char_boundary(MAX_NOTE)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_events_with_the_same_note_are_merged() {
        assert_eq!(action("release 1 is good"), action("release 1 is good"));
        assert_ne!(action("release 1 is good"), action("release 4 is good"));
        assert!(action("x").len() < 128);
    }

    #[test]
    fn a_note_is_cut_by_its_bytes_and_between_characters() {
        assert_eq!(shortened("release 2 failed"), "release 2 failed");
        assert_eq!(shortened(&"x".repeat(2000)).len(), MAX_NOTE);
        let three_bytes_each = "\u{20ac}".repeat(2000);
        assert_eq!(shortened(&three_bytes_each), "\u{20ac}".repeat(333));
    }
}
