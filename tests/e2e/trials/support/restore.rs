//! Restores the objects that a failed test claimed, so that later tests are not affected.

use std::collections::BTreeMap;

use anyhow::Context;
use crokodial_cluster::Stage;
use crokodial_cluster::deploy::helm;
use crokodial_crds::EnvironmentSpec;
use crokodial_e2e::schedule::{Claim, Environment, Isolation};
use k8s_openapi::ByteString;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use crate::leader;
use crate::pins;
use crate::support::scratch::ScratchEnvironment;
use crate::support::world::World;

/// Names of the Secrets that a user writes for an environment.
const SECRETS: [&str; 2] = ["mongo", "dialer"];

/// Specs of the environments of the claimed stages, and data of the Secrets that users write for them, as they were
/// before a test.
pub struct SavedState {
    stages: Vec<SavedStage>,
    claim: Claim,
}

struct SavedStage {
    stage: Stage,
    spec: EnvironmentSpec,
    secrets: Vec<(&'static str, BTreeMap<String, ByteString>)>,
}

impl SavedState {
    /// Waits until no serving pod of the claimed stages is terminating, then saves the objects that the test claims.
    /// Other objects may be in use by other tests.
    pub async fn of(world: &World, claim: Claim) -> anyhow::Result<Self> {
        let mut stages = Vec::new();
        let all = [
            (Environment::Staging, Stage::Staging),
            (Environment::Prod, Stage::Prod),
        ];
        let claimed = all
            .into_iter()
            .filter(|(environment, _)| claim.environments.contains(environment));
        for (_, stage) in claimed {
            world.wait_for_terminating_pods(stage).await?;
            let spec = world.environment(stage).await?.spec;
            let api = world.secrets(stage);
            let mut found = Vec::new();
            for name in SECRETS {
                let data = api.get(name).await?.data.unwrap_or_default();
                found.push((name, data));
            }
            stages.push(SavedStage {
                stage,
                spec,
                secrets: found,
            });
        }
        Ok(Self { stages, claim })
    }

    /// Writes the saved objects back, unpins releases and waits until the environments are Ready. If the whole cluster
    /// was claimed, first reinstalls the operator. If the environment `scratch` was claimed, removes it.
    pub async fn restore(self, world: &World) -> anyhow::Result<()> {
        if self.claim.isolation == Isolation::WholeCluster {
            leader::replicas(world, 2)?;
            helm::install(&world.cluster, &world.operator, &[])?;
            leader::settled(world).await?;
        }
        for saved in &self.stages {
            for (name, data) in &saved.secrets {
                let patch = Patch::Merge(json!({ "data": data }));
                let api = world.secrets(saved.stage);
                api.patch(name, &PatchParams::default(), &patch).await?;
            }
            unpin(world, saved.stage).await?;
            saved.write(world).await?;
        }
        if self.claim.environments.contains(&Environment::Scratch) {
            ScratchEnvironment::remove(world).await?;
        }
        for saved in &self.stages {
            world.ready(saved.stage).await?;
        }
        Ok(())
    }
}

impl SavedStage {
    async fn write(&self, world: &World) -> anyhow::Result<()> {
        let (api, name) = (world.environments(self.stage), self.stage.as_str());
        let mut wanted = crokodial_crds::CrokodialEnvironment::new(name, self.spec.clone());
        let Some(found) = api.get_opt(name).await? else {
            api.create(&PostParams::default(), &wanted).await?;
            return Ok(());
        };
        wanted.metadata = found.metadata;
        api.replace(name, &PostParams::default(), &wanted)
            .await
            .context("writing the environment as it was")?;
        Ok(())
    }
}

async fn unpin(world: &World, stage: Stage) -> anyhow::Result<()> {
    for release in world.releases(stage).await? {
        if release.spec.pin {
            pins::set_pin(world, stage, &release.name_any(), false)?;
        }
    }
    Ok(())
}
