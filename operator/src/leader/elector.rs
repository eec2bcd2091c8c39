//! The calls of the election: reads, watches and writes the Lease, and opens and closes the fence.
//!
//! Who waits watches: a release is seen within milliseconds, and the API server does nothing between two renewals.
//! Polling as fast as that would be four reads a second from its storage for ever.

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

use super::LEASE;
use super::fence::Fence;
use super::state::{Answer, Candidate, Found, Record, Step, Timing};
use crate::metrics::{Metrics, Verb, Written};

/// Field manager of the Lease.
const MANAGER: &str = "crokodial-leader";

/// A watch is opened anew after this, so that no proxy between cuts it first.
const WATCH_SECONDS: u32 = 240;

/// Who hears that a term began or ended, and what keeps this replica from taking part.
pub trait News: Send + 'static {
    /// The fence opened, or closed.
    fn leads(&mut self, leads: bool);
    /// The Lease cannot be used, e.g. for lack of rights; `None`: it can.
    fn trouble(&mut self, trouble: Option<String>);
}

/// One replica's part in the election.
pub struct Elector<N> {
    api: Api<Lease>,
    candidate: Candidate,
    timing: Timing,
    fence: Fence,
    metrics: Metrics,
    news: N,
    /// The Lease's metadata as last seen: a person's labels stay.
    metadata: ObjectMeta,
    watch: Option<BoxStream<'static, kube::Result<WatchEvent<Lease>>>>,
    trouble: Option<String>,
}

impl<N> std::fmt::Debug for Elector<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Elector")
            .field("candidate", &self.candidate)
            .finish_non_exhaustive()
    }
}

impl<N: News> Elector<N> {
    /// `name` is the pod's; a random part is added, so that a restarted container is somebody else.
    pub fn new(
        client: Client,
        namespace: &str,
        name: &str,
        timing: Timing,
        fence: Fence,
        metrics: Metrics,
        news: N,
    ) -> Self {
        let identity = format!("{name}_{:08x}", rand::random::<u32>());
        Self {
            api: Api::namespaced(client, namespace),
            candidate: Candidate::new(identity, timing),
            timing,
            fence,
            metrics,
            news,
            metadata: fresh(namespace),
            watch: None,
            trouble: None,
        }
    }

    /// Takes part until `stop`, then hands over.
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

    async fn take(&mut self, step: Step) {
        match step {
            Step::Wait(until) => self.wait(until).await,
            Step::Read => self.read().await,
            Step::Create(_) | Step::Update(_) => self.write(step).await,
        }
    }

    /// Opens the fence while there is a grant, closes it otherwise, and says so.
    fn publish(&mut self) {
        let now = Instant::now();
        self.candidate.expire(now);
        match self.candidate.grant().filter(|grant| grant.from <= now) {
            Some(grant) => {
                if self.fence.open(grant, Timestamp::now()) {
                    tracing::info!("leading");
                    self.news.leads(true);
                }
            }
            None => {
                if self.fence.close() {
                    tracing::warn!(
                        "not leading any more: the lease was not renewed in time, or somebody else has it"
                    );
                    self.news.leads(false);
                }
            }
        }
    }

    /// Until the moment, the grant's beginning or end, or news of the lease.
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
            // Its time was over, the version too old, or the connection broke: read, and watch from there.
            Some(Ok(WatchEvent::Error(_)) | Err(_)) | None => {
                self.watch = None;
                self.candidate.watched(None, now);
                self.candidate.pause(now, rand::random());
            }
        }
    }

    async fn read(&mut self) {
        let answer = timeout_at(self.latest(), self.api.get_opt(LEASE))
            .await
            .ok();
        let now = Instant::now();
        match answer {
            Some(Ok(found)) => {
                self.say(None);
                let found = found.map(|lease| self.found(lease));
                self.watch = found.as_ref().map(|found| self.follow(&found.version));
                self.candidate.read(found, now);
            }
            other => {
                self.say(Some(describe(other.and_then(Result::err))));
                self.candidate.pause(now, rand::random());
            }
        }
    }

    fn follow(&self, version: &str) -> BoxStream<'static, kube::Result<WatchEvent<Lease>>> {
        let (api, version) = (self.api.clone(), version.to_owned());
        let params = WatchParams::default()
            .fields(&format!("metadata.name={LEASE}"))
            .timeout(WATCH_SECONDS);
        once(async move { api.watch(&params, &version).await })
            .try_flatten()
            .boxed()
    }

    async fn write(&mut self, step: Step) {
        let sent = Instant::now();
        self.candidate.sending();
        let answer = self.send(&step).await;
        let now = Instant::now();
        let answer = match answer {
            Some(Ok(lease)) => {
                self.say(None);
                Answer::Done(self.found(lease))
            }
            Some(Err(Error::Api(status))) if matches!(status.code, 404 | 409) => Answer::Changed,
            other => {
                self.say(Some(describe(other.and_then(Result::err))));
                Answer::Unknown
            }
        };
        self.candidate.wrote(sent, answer, now, rand::random());
    }

    /// `None`: no answer in time.
    async fn send(&mut self, step: &Step) -> Option<kube::Result<Lease>> {
        let params = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        let end = self.latest();
        match step {
            Step::Create(record) => {
                self.metrics.api_write(Verb::Create, Written::Lease);
                let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
                let lease = lease(fresh(namespace), record);
                timeout_at(end, self.api.create(&params, &lease)).await.ok()
            }
            Step::Update(Found {
                record, version, ..
            }) => {
                self.metrics.api_write(Verb::Replace, Written::Lease);
                let mut lease = lease(self.metadata.clone(), record);
                lease.metadata.resource_version = Some(version.clone());
                timeout_at(end, self.api.replace(LEASE, &params, &lease))
                    .await
                    .ok()
            }
            Step::Wait(_) | Step::Read => None,
        }
    }

    /// No call is waited for longer than it may take, nor beyond the grant.
    fn latest(&self) -> Instant {
        let latest = Instant::now() + self.timing.attempt();
        let grant = self.candidate.grant();
        grant.map_or(latest, |grant| grant.until.min(latest))
    }

    fn found(&mut self, lease: Lease) -> Found {
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let uid = lease.metadata.uid.clone().unwrap_or_default();
        let record = record(lease.spec.unwrap_or_default());
        self.metadata = ObjectMeta {
            managed_fields: None,
            ..lease.metadata
        };
        Found {
            record,
            version,
            uid,
        }
    }

    fn say(&mut self, trouble: Option<String>) {
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
        self.news.trouble(trouble);
    }

    /// No write goes any more; when those on their way have ended, the lease is free. One whose end is not known keeps
    /// it until it runs out by itself.
    async fn hand_over(mut self) {
        let led = self.fence.close();
        self.news.leads(false);
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
            // A write that was cut off may have been done.
            self.read().await;
        }
        while let Some(free) = self.candidate.release(Instant::now(), Timestamp::now()) {
            match self.send(&Step::Update(free)).await {
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

fn lease(metadata: ObjectMeta, record: &Record) -> Lease {
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

fn record(spec: LeaseSpec) -> Record {
    let time = |time: Option<MicroTime>| time.map_or(Timestamp::UNIX_EPOCH, |t| t.0);
    Record {
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
