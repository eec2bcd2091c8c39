//! API calls of the leader election. The elector reads, watches and writes the Lease, and opens and closes the fence.
//!
//! A waiting replica watches the Lease, so it notices a handover within milliseconds and causes almost no load on the
//! API server.

use std::collections::BTreeMap;
use std::time::Duration;

use crokodial_crds::names::{LABEL_MANAGED_BY, MANAGED_BY};
use futures::StreamExt;
use futures::stream::{BoxStream, TryStreamExt, once};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams, WatchEvent, WatchParams};
use kube::{Client, Error};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::fence::Fence;
use super::state::{Candidate, LeaseAction, LeaseRecord, ObservedLease, Timing, WriteOutcome};
use crate::metrics::{Metrics, Verb, WrittenKind};

/// Name of the Lease in the operator's namespace. The Role in the Helm chart refers to this name.
pub const LEASE: &str = "crokodial-operator";

/// Field manager of the elector's writes to the Lease.
const MANAGER: &str = "crokodial-leader";

/// Maximum duration of a watch in seconds. The watch is then reopened, so that a proxy does not close it first.
const WATCH_TIMEOUT_SECONDS: u32 = 240;

/// Callbacks by which the elector notifies the rest of the operator.
pub trait LeadershipCallbacks: Send + 'static {
    /// Called with true when this replica begins to lead, and with false when it stops leading or shuts down.
    fn leads(&mut self, leads: bool);
    /// Called with a description if the Lease cannot be read or written, for example because a permission is missing.
    /// Called with `None` when access to the Lease works again.
    fn trouble(&mut self, trouble: Option<String>);
}

/// Participant in the leader election on behalf of one replica.
pub struct Elector<C> {
    api: Api<Lease>,
    candidate: Candidate,
    timing: Timing,
    fence: Fence,
    metrics: Metrics,
    callbacks: C,
    /// Metadata of the Lease as last seen. Each update writes it back, so that labels set by other clients are kept.
    metadata: ObjectMeta,
    watch: Option<BoxStream<'static, kube::Result<WatchEvent<Lease>>>>,
    trouble: Option<String>,
}

impl<C> std::fmt::Debug for Elector<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Elector")
            .field("candidate", &self.candidate)
            .finish_non_exhaustive()
    }
}

impl<C: LeadershipCallbacks> Elector<C> {
    /// Returns an elector that does not lead yet. Its identity is `name` (the pod name) with a random suffix, so a
    /// restarted container has a new identity.
    pub fn new(
        client: Client,
        namespace: &str,
        name: &str,
        timing: Timing,
        fence: Fence,
        metrics: Metrics,
        callbacks: C,
    ) -> Self {
        let identity = format!("{name}_{:08x}", rand::random::<u32>());
        Self {
            api: Api::namespaced(client, namespace),
            candidate: Candidate::new(identity, timing),
            timing,
            fence,
            metrics,
            callbacks,
            metadata: fresh(namespace),
            watch: None,
            trouble: None,
        }
    }

    /// Takes part in the election until `stop` is cancelled, then releases the Lease.
    pub async fn run(mut self, stop: CancellationToken) {
        tracing::info!(
            identity = self.candidate.identity(),
            lease = LEASE,
            "waiting to lead"
        );
        while !stop.is_cancelled() {
            self.publish();
            let step = self.candidate.next(Instant::now(), Timestamp::now());
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = self.take(step) => {}
            }
        }
        self.hand_over().await;
    }

    async fn take(&mut self, step: LeaseAction) {
        match step {
            LeaseAction::Wait(until) => self.wait(until).await,
            LeaseAction::Read => self.read().await,
            LeaseAction::Create(_) | LeaseAction::Update(_) => self.write(step).await,
        }
    }

    /// Opens the fence if the candidate has a grant that has begun, and closes it otherwise. Reports changes to the
    /// callbacks.
    fn publish(&mut self) {
        let now = Instant::now();
        self.candidate.expire(now);
        match self.candidate.grant().filter(|grant| grant.from <= now) {
            Some(grant) => {
                if self.fence.open(grant, Timestamp::now()) {
                    tracing::info!("leading");
                    self.callbacks.leads(true);
                }
            }
            None => {
                if self.fence.close() {
                    tracing::warn!(
                        "not leading any more: the lease was not renewed in time, or somebody else has it"
                    );
                    self.callbacks.leads(false);
                }
            }
        }
    }

    /// Waits for the first of these: the time `until`, the start or end of the grant, or a change of the Lease.
    async fn wait(&mut self, until: Instant) {
        let now = Instant::now();
        let grant = self.candidate.grant();
        let turns = grant.map(|g| if now < g.from { g.from } else { g.until });
        let until = turns.map_or(until, |turn| turn.min(until));
        if grant.is_some() {
            self.watch = None;
        }
        let Some(watch) = &mut self.watch else {
            return sleep_until(until).await;
        };
        let event = tokio::select! {
            () = sleep_until(until) => return,
            event = watch.next() => event,
        };
        let now = Instant::now();
        match event {
            Some(Ok(WatchEvent::Added(lease) | WatchEvent::Modified(lease))) => {
                let found = self.found(lease);
                self.candidate.watched(Some(found), now);
            }
            Some(Ok(WatchEvent::Bookmark(_))) => {}
            Some(Ok(WatchEvent::Deleted(_))) => {
                self.watch = None;
                self.candidate.watched(None, now);
            }
            // The watch timed out, its resourceVersion was too old, or the connection broke. The Lease is read again
            // and watched from there.
            Some(Ok(WatchEvent::Error(_)) | Err(_)) | None => {
                self.watch = None;
                self.candidate.watched(None, now);
                self.candidate.pause(now, rand::random());
            }
        }
    }

    async fn read(&mut self) {
        let answer = timeout_at(self.deadline(), self.api.get_opt(LEASE))
            .await
            .ok();
        let now = Instant::now();
        match answer {
            Some(Ok(found)) => {
                self.report(None);
                let found = found.map(|lease| self.found(lease));
                self.watch = found.as_ref().map(|found| self.follow(&found.version));
                self.candidate.read(found, now);
            }
            other => {
                self.report(Some(describe(other.and_then(Result::err))));
                self.candidate.pause(now, rand::random());
            }
        }
    }

    fn follow(&self, version: &str) -> BoxStream<'static, kube::Result<WatchEvent<Lease>>> {
        let (api, version) = (self.api.clone(), version.to_owned());
        let params = WatchParams::default()
            .fields(&format!("metadata.name={LEASE}"))
            .timeout(WATCH_TIMEOUT_SECONDS);
        once(async move { api.watch(&params, &version).await })
            .try_flatten()
            .boxed()
    }

    async fn write(&mut self, step: LeaseAction) {
        let sent = Instant::now();
        self.candidate.sending();
        let answer = self.send(&step).await;
        let now = Instant::now();
        let answer = match answer {
            Some(Ok(lease)) => {
                self.report(None);
                WriteOutcome::Done(self.found(lease))
            }
            Some(Err(Error::Api(status))) if matches!(status.code, 404 | 409) => {
                WriteOutcome::Changed
            }
            other => {
                self.report(Some(describe(other.and_then(Result::err))));
                WriteOutcome::Unknown
            }
        };
        self.candidate.wrote(sent, answer, now, rand::random());
    }

    /// Sends the create or update request in `step`. Returns `None` if there is no response in time.
    async fn send(&mut self, step: &LeaseAction) -> Option<kube::Result<Lease>> {
        let params = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        let end = self.deadline();
        match step {
            LeaseAction::Create(record) => {
                self.metrics.api_write(Verb::Create, WrittenKind::Lease);
                let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
                let lease = lease(fresh(namespace), record);
                timeout_at(end, self.api.create(&params, &lease)).await.ok()
            }
            LeaseAction::Update(ObservedLease {
                record, version, ..
            }) => {
                self.metrics.api_write(Verb::Replace, WrittenKind::Lease);
                let mut lease = lease(self.metadata.clone(), record);
                lease.metadata.resource_version = Some(version.clone());
                timeout_at(end, self.api.replace(LEASE, &params, &lease))
                    .await
                    .ok()
            }
            LeaseAction::Wait(_) | LeaseAction::Read => None,
        }
    }

    /// Returns the deadline of an API call that starts now: its timeout, but not later than the end of the grant.
    fn deadline(&self) -> Instant {
        let latest = Instant::now() + self.timing.attempt();
        let grant = self.candidate.grant();
        grant.map_or(latest, |grant| grant.until.min(latest))
    }

    fn found(&mut self, lease: Lease) -> ObservedLease {
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let uid = lease.metadata.uid.clone().unwrap_or_default();
        let record = record(lease.spec.unwrap_or_default());
        self.metadata = ObjectMeta {
            managed_fields: None,
            ..lease.metadata
        };
        ObservedLease {
            record,
            version,
            uid,
        }
    }

    fn report(&mut self, trouble: Option<String>) {
        if trouble == self.trouble {
            return;
        }
        if let Some(trouble) = &trouble {
            tracing::warn!(
                trouble,
                lease = LEASE,
                "the lease cannot be read or written"
            );
        }
        self.trouble.clone_from(&trouble);
        self.callbacks.trouble(trouble);
    }

    /// Closes the fence, waits until no write can take effect any more, and releases the Lease. If the wait exceeds the
    /// lease duration, the Lease is left to expire instead.
    async fn hand_over(mut self) {
        let led = self.fence.close();
        self.callbacks.leads(false);
        let quiet = self.fence.quiet(self.timing.margin());
        if timeout(self.timing.lease(), quiet).await.is_err() {
            return tracing::warn!("a write has no answer yet: the lease is left to run out");
        }
        let end = Instant::now() + self.timing.attempt();
        let released = timeout_at(end, self.release()).await;
        tracing::info!(led, released = released.is_ok(), "handed over");
    }

    async fn release(&mut self) {
        if self.candidate.doubts() {
            // A write without a response may have been applied, so the Lease is read first.
            self.read().await;
        }
        while let Some(free) = self.candidate.release(Instant::now(), Timestamp::now()) {
            match self.send(&LeaseAction::Update(free)).await {
                Some(Err(Error::Api(status))) if matches!(status.code, 404 | 409) => {}
                Some(Ok(_)) => return,
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
            self.read().await;
        }
    }
}

fn fresh(namespace: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(LEASE.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(BTreeMap::from([(
            LABEL_MANAGED_BY.to_owned(),
            MANAGED_BY.to_owned(),
        )])),
        ..ObjectMeta::default()
    }
}

fn lease(metadata: ObjectMeta, record: &LeaseRecord) -> Lease {
    Lease {
        metadata,
        spec: Some(LeaseSpec {
            holder_identity: Some(record.holder.clone()),
            lease_duration_seconds: Some(record.seconds),
            acquire_time: Some(MicroTime(record.acquired)),
            renew_time: Some(MicroTime(record.renewed)),
            lease_transitions: Some(record.transitions),
            ..LeaseSpec::default()
        }),
    }
}

fn record(spec: LeaseSpec) -> LeaseRecord {
    let time = |time: Option<MicroTime>| time.map_or(Timestamp::UNIX_EPOCH, |t| t.0);
    LeaseRecord {
        holder: spec.holder_identity.unwrap_or_default(),
        seconds: spec.lease_duration_seconds.unwrap_or_default(),
        acquired: time(spec.acquire_time),
        renewed: time(spec.renew_time),
        transitions: spec.lease_transitions.unwrap_or_default(),
    }
}

fn describe(error: Option<Error>) -> String {
    match error {
        Some(Error::Api(status)) if status.code == 403 => format!(
            "the right to get, watch, create and update lease {LEASE} in the operator's namespace: the chart's Role for that namespace has it"
        ),
        Some(Error::Api(status)) => format!("lease {LEASE}: {} ({})", status.reason, status.code),
        Some(other) => format!("lease {LEASE}: {other}"),
        None => format!("lease {LEASE}: no answer from the API server"),
    }
}
