//! An environment of the tests' own, beside staging and with secrets of its own, that runs the simulated application: what goes
//! wrong in it goes wrong nowhere else, and what is done to staging does not reach it.

use std::time::Duration;

use anyhow::{Context, ensure};
use crokodial_crds::{CrokodialEnvironment, CrokodialRelease, ReleasePhase};
use crokodial_e2e::cluster::layout::MONGO;
use crokodial_e2e::cluster::{Stage, wait::until};
use crokodial_e2e::deploy::environments;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::http::Site;
use crate::world::World;

const STAGING: Stage = Stage::Staging;
/// What it reads: the database's URI and the dialer's own values.
const SECRETS: [&str; 2] = ["lab-mongo", "lab-dialer"];
const DOMAIN: &str = "lab.crokodial.test";

/// The environment, until [`Lab::close`].
pub struct Lab<'a> {
    world: &'a World,
}

impl<'a> Lab<'a> {
    /// Its name.
    pub const NAME: &'static str = "lab";

    /// With a first good release of `image`, two pods, and this bake.
    pub async fn open(world: &'a World, image: &str, bake: &str) -> anyhow::Result<Self> {
        Self::open_on(world, MONGO, image, bake).await
    }

    /// The same, with another way to the database: host and port.
    pub async fn open_on(
        world: &'a World,
        mongo: &str,
        image: &str,
        bake: &str,
    ) -> anyhow::Result<Self> {
        Self::remove(world).await?;
        let uri = world.mongo_uri(STAGING)?.replace(MONGO, mongo);
        let namespace = STAGING.namespace();
        environments::secrets(&world.client, &namespace, "lab-", &uri).await?;
        let mut spec = environments::environment(STAGING)?.spec;
        spec.domain = DOMAIN.to_owned();
        spec.runtime.replicas = Some(2);
        spec.runtime.drain = Some("3s".to_owned());
        // The simulated application knows no SIGTERM.
        spec.runtime.termination_grace = Some("6s".to_owned());
        let mut made = serde_json::to_value(CrokodialEnvironment::new(Self::NAME, spec))?;
        made["spec"]["image"] = json!(image);
        made["spec"]["mongo"] = json!({"uriSecretRef": {"name": SECRETS[0]}});
        made["spec"]["config"]["secretRefs"] = json!([{"name": SECRETS[1]}]);
        made["spec"]["rollout"] = json!({"bake": "5s", "progressDeadline": "60s"});
        let made = serde_json::from_value(made)?;
        let environments = world.environments(STAGING);
        environments.create(&PostParams::default(), &made).await?;
        let lab = Self { world };
        lab.until(1, &[ReleasePhase::Good]).await?;
        lab.edit(json!({"rollout": {"bake": bake}})).await?;
        Ok(lab)
    }

    /// Merges into its spec.
    pub async fn edit(&self, spec: serde_json::Value) -> anyhow::Result<()> {
        let patch = Patch::Merge(json!({ "spec": spec }));
        let environments = self.world.environments(STAGING);
        environments
            .patch(Self::NAME, &PatchParams::default(), &patch)
            .await?;
        Ok(())
    }

    /// Its releases, oldest first.
    pub async fn releases(&self) -> anyhow::Result<Vec<CrokodialRelease>> {
        self.world.releases_of(STAGING, Self::NAME).await
    }

    /// Waits until a release is in one of these phases.
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
                let release = found.context("it was not made yet")?;
                let status = release.status.clone().unwrap_or_default();
                let told = status.message.unwrap_or_default();
                ensure!(
                    phases.contains(&status.phase),
                    "{} {}: {told}",
                    status.phase.as_str(),
                    status.reason.unwrap_or_default()
                );
                Ok(release)
            },
        )
        .await
    }

    /// The site.
    pub fn site(&self) -> anyhow::Result<Site> {
        Site::https(self.world, DOMAIN)
    }

    /// Its status now.
    pub async fn status(&self) -> anyhow::Result<crokodial_crds::EnvironmentStatus> {
        let found = self.world.environments(STAGING).get(Self::NAME).await?;
        Ok(found.status.unwrap_or_default())
    }

    /// Removes it with all that was made for it.
    pub async fn close(self) -> anyhow::Result<()> {
        Self::remove(self.world).await
    }

    /// What a test that failed may have left is gone, too.
    pub async fn remove(world: &World) -> anyhow::Result<()> {
        let environments = world.environments(STAGING);
        if environments.get_opt(Self::NAME).await?.is_some() {
            environments
                .delete(Self::NAME, &DeleteParams::default())
                .await?;
        }
        let within = Duration::from_secs(120);
        until(&world.progress, "the end of lab", within, || async {
            let left = world.releases_of(STAGING, Self::NAME).await?;
            ensure!(left.is_empty(), "its releases are still there");
            let load = [
                "-n",
                &STAGING.namespace(),
                "get",
                "deploy,pod",
                "-o",
                "name",
            ];
            let of_lab =
                world.kubectl(&[&load[..], &["-l", "crokodial.com/environment=lab"]].concat())?;
            ensure!(of_lab.is_empty(), "{of_lab}");
            Ok(())
        })
        .await?;
        let secrets = world.secrets(STAGING);
        for name in SECRETS {
            if secrets.get_opt(name).await?.is_some() {
                secrets.delete(name, &DeleteParams::default()).await?;
            }
        }
        Ok(())
    }

    /// Waits until it is known how fast a release answers.
    pub async fn measured(&self, number: i64) -> anyhow::Result<i32> {
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
