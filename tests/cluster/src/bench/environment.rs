//! Setup of the environment `bench`, on which most benchmarks run, and helpers that several benchmarks use.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use crokodial_crds::CrokodialEnvironment;
use crokodial_crds::condition::{self, ConditionType};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::deploy::environments;
use crate::deploy::images::{self, Image, VERSION};
use crate::edge::Edge;
use crate::mongo::Accounts;
use crate::wait::until;
use crate::{Cluster, Ports, Progress, Stage};

/// Name of the benchmark environment.
pub(super) const NAME: &str = "bench";
/// Domain of the benchmark environment.
pub(super) const DOMAIN: &str = "bench.crokodial.test";
/// Name of the Secret that contains the benchmark environment's MongoDB connection string.
const SECRET: &str = "bench-mongo";
pub(super) const STAGE: Stage = Stage::Staging;
/// Timeout for the benchmark environment to become ready or be deleted, and for each event awaited with [`poll`].
const READY_TIMEOUT: Duration = Duration::from_secs(180);

/// Time between two polls for an event whose time is measured. It is short compared with the measured durations, and
/// the baseline measurements use the same value.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Handle to the benchmark environment `bench`, with which benchmarks change and observe it.
pub(super) struct Bench<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) client: Client,
    ca: String,
    /// References of two images: the image of the first release, and another image to roll out.
    pub(super) images: [String; 2],
}

impl Edge for Bench<'_> {
    fn ports(&self) -> Ports {
        self.cluster.ports()
    }

    fn authority(&self) -> &str {
        &self.ca
    }
}

impl<'a> Bench<'a> {
    /// Creates the environment `bench` and waits until its condition `Ready` is True.
    pub(super) async fn create(cluster: &'a Cluster, progress: &Progress) -> anyhow::Result<Self> {
        let dialer = |tag| images::push(cluster, Image::Dialer, tag, &[], progress);
        let images = [
            dialer(VERSION).await?.reference,
            dialer("bench").await?.reference,
        ];
        let client = cluster.client().await?;
        let ca = environments::local_ca(&client).await?;
        let bench = Self {
            cluster,
            client,
            ca,
            images,
        };
        // An interrupted run may have left the environment.
        bench.remove(progress).await?;
        bench.rotate(&bench.uri()?).await?;
        let own = json!({
            "domain": DOMAIN,
            "mongo": {"uriSecretRef": {"name": SECRET}},
            "runtime": {"replicas": 2},
            "rollout": {"bake": "5s"},
        });
        let environment = overlay(STAGE, NAME, &own)?;
        bench
            .environments()
            .create(&PostParams::default(), &environment)
            .await
            .context("creating the environment that is measured")?;
        bench.ready(progress).await?;
        Ok(bench)
    }

    /// Deletes the environment, its Secret and the plain Deployment used for comparison. Waits until the environment
    /// and its Deployment are gone.
    pub(super) async fn remove(&self, progress: &Progress) -> anyhow::Result<()> {
        delete(&self.deployments(), super::rollout::PLAIN).await?;
        delete(&self.environments(), NAME).await?;
        delete(&self.secrets(), SECRET).await?;
        let (environments, deployments) = (self.environments(), self.deployments());
        until(progress, "the end of bench", READY_TIMEOUT, || async {
            ensure!(environments.get_opt(NAME).await?.is_none(), "it is there");
            ensure!(
                deployments.get_opt(NAME).await?.is_none(),
                "its Deployment is there"
            );
            Ok(())
        })
        .await
    }

    pub(super) fn environments(&self) -> Api<CrokodialEnvironment> {
        Api::namespaced(self.client.clone(), &STAGE.namespace())
    }

    pub(super) fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), &STAGE.namespace())
    }

    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &STAGE.namespace())
    }

    /// Returns a valid connection string for the database of staging, which `bench` also uses.
    pub(super) fn uri(&self) -> anyhow::Result<String> {
        let accounts = Accounts::read(&self.cluster.layout)?;
        let accounts = accounts.context("the Mongo accounts are missing: run `make up` again")?;
        Ok(accounts.uri(STAGE))
    }

    /// Writes `uri` to the Secret from which the environment `bench` gets its connection string.
    pub(super) async fn rotate(&self, uri: &str) -> anyhow::Result<()> {
        let secret = json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": SECRET}, "stringData": {"MONGODB_URI": uri}});
        let params = PatchParams::apply("crokodial-bench").force();
        let patch = Patch::Apply(&secret);
        self.secrets()
            .patch(SECRET, &params, &patch)
            .await
            .context("writing the connection string")?;
        Ok(())
    }

    /// Applies a JSON merge patch to the environment `bench`.
    pub(super) async fn patch(&self, patch: &Value) -> anyhow::Result<()> {
        self.environments()
            .patch(NAME, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .context("editing the environment that is measured")?;
        Ok(())
    }

    pub(super) async fn ready(&self, progress: &Progress) -> anyhow::Result<()> {
        until(progress, "environment bench", READY_TIMEOUT, || {
            self.holds(ConditionType::Ready)
        })
        .await
    }

    /// Succeeds if the condition `type_` is True for the newest spec of the environment `bench`. Otherwise returns an
    /// error, so that [`poll`] tries again.
    async fn holds(&self, type_: ConditionType) -> anyhow::Result<()> {
        holds(&self.environments(), NAME, type_, |c| c.status == "True").await
    }

    /// Succeeds if the condition `type_` has the given reason for the newest spec of the environment `bench`.
    /// Otherwise returns an error, so that [`poll`] tries again.
    pub(super) async fn has_reason(
        &self,
        type_: ConditionType,
        reason: &str,
    ) -> anyhow::Result<()> {
        holds(&self.environments(), NAME, type_, |c| c.reason == reason).await
    }

    /// Sets the image of the environment `bench` and returns the time until its condition `RolledOut` is True.
    pub(super) async fn roll(&self, image: &str) -> anyhow::Result<Duration> {
        let began = Instant::now();
        self.patch(&json!({"spec": {"image": image}})).await?;
        poll("the roll-out", || self.holds(ConditionType::RolledOut)).await?;
        Ok(began.elapsed())
    }
}

/// Deletes an object. Also succeeds if the object does not exist.
pub(super) async fn delete<K>(api: &Api<K>, name: &str) -> anyhow::Result<()>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    match api.delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.map(drop).with_context(|| format!("removing {name}")),
    }
}

/// Succeeds if the condition `type_` satisfies `wanted` and was computed for the newest spec of the environment
/// `name`. Otherwise returns an error, so that [`poll`] tries again.
pub(super) async fn holds(
    environments: &Api<CrokodialEnvironment>,
    name: &str,
    type_: ConditionType,
    wanted: impl Fn(&Condition) -> bool,
) -> anyhow::Result<()> {
    let found = environments.get(name).await?;
    let status = found.status.unwrap_or_default();
    match condition::find(&status.conditions, type_) {
        Some(c) if status.observed_generation != found.metadata.generation => {
            bail!("an older spec: {}", c.message)
        }
        Some(c) if wanted(c) => Ok(()),
        Some(c) => bail!("{}: {}", c.reason, c.message),
        None => bail!("not told yet"),
    }
}

/// Returns the environment that `make up` creates for `stage`, renamed to `name`, with the values of `more` merged
/// into its spec.
pub(super) fn overlay(
    stage: Stage,
    name: &str,
    more: &Value,
) -> anyhow::Result<CrokodialEnvironment> {
    let spec = serde_json::to_value(environments::environment(stage)?.spec)?;
    let spec = serde_json::from_value(merged(spec, more))?;
    Ok(CrokodialEnvironment::new(name, spec))
}

/// Calls `attempt` every [`POLL_INTERVAL`] until it succeeds. After [`READY_TIMEOUT`], returns the error of the last
/// attempt.
pub(super) async fn poll<T, F>(what: &str, mut attempt: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let began = Instant::now();
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if began.elapsed() > READY_TIMEOUT => {
                return Err(
                    error.context(format!("waited {} s for {what}", READY_TIMEOUT.as_secs()))
                );
            }
            Err(_) => tokio::time::sleep(POLL_INTERVAL).await,
        }
    }
}

/// Returns `base` with the objects of `patch` merged into it recursively. Other values in `patch` replace those in
/// `base`.
fn merged(mut base: Value, patch: &Value) -> Value {
    if let (Some(base), Some(patch)) = (base.as_object_mut(), patch.as_object()) {
        for (key, value) in patch {
            let old = base.remove(key).unwrap_or(Value::Null);
            base.insert(key.clone(), merged(old, value));
        }
        return Value::Object(base.clone());
    }
    patch.clone()
}
