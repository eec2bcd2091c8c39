//! The environment `scratch` in the namespace of staging. It has separate Secrets and usually runs the simulated
//! application, so that staging and scratch do not affect each other.

use std::time::Duration;

use anyhow::{Context, ensure};
use crokodial_cluster::deploy::environments;
use crokodial_cluster::layout::MONGO;
use crokodial_cluster::{Stage, wait::until};
use crokodial_crds::{CrokodialEnvironment, CrokodialRelease, ReleasePhase};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::support::world::World;
use crokodial_cluster::edge::site::Site;

const STAGING: Stage = Stage::Staging;
/// Names of the Secrets of the environment: the database's connection string and the application's configuration.
pub const SECRETS: [&str; 2] = ["scratch-mongo", "scratch-dialer"];
const DOMAIN: &str = "scratch.crokodial.test";

/// The environment `scratch`. Call [`ScratchEnvironment::close`] to remove it; dropping this value does not remove it.
pub struct ScratchEnvironment<'a> {
    world: &'a World,
}

impl<'a> ScratchEnvironment<'a> {
    /// Name of the environment.
    pub const NAME: &'static str = "scratch";

    /// Creates the environment with two pods and waits until its first release, which runs `image`, is good. Then sets
    /// the duration of later bakes to `bake`.
    pub async fn open(world: &'a World, image: &str, bake: &str) -> anyhow::Result<Self> {
        Self::open_on(world, MONGO, image, bake).await
    }

    /// Like [`Self::open`], but with the database at the address `mongo` (`host:port`).
    pub async fn open_on(
        world: &'a World,
        mongo: &str,
        image: &str,
        bake: &str,
    ) -> anyhow::Result<Self> {
        let scratch = Self::create_on(world, mongo, image).await?;
        scratch.until(1, &[ReleasePhase::Good]).await?;
        scratch.edit(json!({"rollout": {"bake": bake}})).await?;
        Ok(scratch)
    }

    /// Creates the environment with two pods and a bake of 5 s. Does not wait for its first release, which runs
    /// `image`.
    pub async fn create(world: &'a World, image: &str) -> anyhow::Result<Self> {
        Self::create_on(world, MONGO, image).await
    }

    async fn create_on(world: &'a World, mongo: &str, image: &str) -> anyhow::Result<Self> {
        Self::remove(world).await?;
        let uri = world.mongo_uri(STAGING)?.replace(MONGO, mongo);
        let namespace = STAGING.namespace();
        environments::secrets(&world.client, &namespace, "scratch-", &uri).await?;
        let mut spec = environments::environment(STAGING)?.spec;
        spec.domain = DOMAIN.to_owned();
        spec.runtime.replicas = Some(2);
        spec.runtime.drain = Some("3s".to_owned());
        // Short, because the simulated application ignores SIGTERM.
        spec.runtime.termination_grace = Some("6s".to_owned());
        let mut made = serde_json::to_value(CrokodialEnvironment::new(Self::NAME, spec))?;
        made["spec"]["image"] = json!(image);
        made["spec"]["mongo"] = json!({"uriSecretRef": {"name": SECRETS[0]}});
        made["spec"]["config"]["secretRefs"] = json!([{"name": SECRETS[1]}]);
        made["spec"]["rollout"] = json!({"bake": "5s", "progressDeadline": "60s"});
        let made = serde_json::from_value(made)?;
        let environments = world.environments(STAGING);
        environments.create(&PostParams::default(), &made).await?;
        Ok(Self { world })
    }

    /// Returns the environment, which must exist.
    pub fn of(world: &'a World) -> Self {
        Self { world }
    }

    /// Applies a merge patch to the environment's spec.
    pub async fn edit(&self, spec: serde_json::Value) -> anyhow::Result<()> {
        let patch = Patch::Merge(json!({ "spec": spec }));
        let environments = self.world.environments(STAGING);
        environments
            .patch(Self::NAME, &PatchParams::default(), &patch)
            .await?;
        Ok(())
    }

    /// Returns the environment's releases, oldest first.
    pub async fn releases(&self) -> anyhow::Result<Vec<CrokodialRelease>> {
        self.world.releases_of(STAGING, Self::NAME).await
    }

    /// Waits until the release `number` is in one of these phases, and returns it.
    pub async fn until(
        &self,
        number: i64,
        phases: &[ReleasePhase],
    ) -> anyhow::Result<CrokodialRelease> {
        let what = format!("release {number} of {}", Self::NAME);
        until(
            &self.world.progress,
            &what,
            Duration::from_secs(240),
            || async {
                let releases = self.releases().await?;
                let found = releases.into_iter().find(|r| r.spec.number == number);
                let release = found.context("it does not exist yet")?;
                let status = release.status.clone().unwrap_or_default();
                let message = status.message.unwrap_or_default();
                ensure!(
                    phases.contains(&status.phase),
                    "{} {}: {message}",
                    status.phase.as_str(),
                    status.reason.unwrap_or_default()
                );
                Ok(release)
            },
        )
        .await
    }

    /// Returns a client for the environment's site.
    pub fn site(&self) -> anyhow::Result<Site> {
        Site::https(self.world, DOMAIN)
    }

    /// Returns the environment's current status.
    pub async fn status(&self) -> anyhow::Result<crokodial_crds::EnvironmentStatus> {
        let found = self.world.environments(STAGING).get(Self::NAME).await?;
        Ok(found.status.unwrap_or_default())
    }

    /// Removes the environment and its Secrets.
    pub async fn close(self) -> anyhow::Result<()> {
        Self::remove(self.world).await
    }

    /// Removes the environment and its Secrets, if they exist.
    pub async fn remove(world: &World) -> anyhow::Result<()> {
        let environments = world.environments(STAGING);
        if environments.get_opt(Self::NAME).await?.is_some() {
            environments
                .delete(Self::NAME, &DeleteParams::default())
                .await?;
        }
        let within = Duration::from_secs(120);
        until(
            &world.progress,
            "the removal of scratch",
            within,
            || async {
                let left = world.releases_of(STAGING, Self::NAME).await?;
                ensure!(left.is_empty(), "its releases are still there");
                let arguments = [
                    "-n",
                    &STAGING.namespace(),
                    "get",
                    "deploy,pod",
                    "-o",
                    "name",
                ];
                let left = world.kubectl(
                    &[&arguments[..], &["-l", "crokodial.com/environment=scratch"]].concat(),
                )?;
                ensure!(left.is_empty(), "{left}");
                Ok(())
            },
        )
        .await?;
        let secrets = world.secrets(STAGING);
        for name in SECRETS {
            if secrets.get_opt(name).await?.is_some() {
                secrets.delete(name, &DeleteParams::default()).await?;
            }
        }
        Ok(())
    }

    /// Waits until the operator has recorded the latency of the release `number`. Returns the 95th percentile in
    /// milliseconds.
    pub async fn latency(&self, number: i64) -> anyhow::Result<i32> {
        let within = Duration::from_secs(120);
        until(&self.world.progress, "its latency", within, || async {
            let releases = self.releases().await?;
            let found = releases.into_iter().find(|r| r.spec.number == number);
            let status = found.and_then(|r| r.status).unwrap_or_default();
            status.latency_p95_ms.context("not measured yet")
        })
        .await
    }
}
