//! A test that failed leaves the world to the next one as it found it: one failure is one failure.

use std::collections::BTreeMap;

use anyhow::Context;
use crokodial_crds::EnvironmentSpec;
use crokodial_e2e::cluster::Stage;
use crokodial_e2e::deploy::helm;
use crokodial_e2e::turns::{Claim, Manner, Place};
use k8s_openapi::ByteString;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use crate::lab::Lab;
use crate::leader;
use crate::pins;
use crate::world::World;

/// The secrets that users write, by the names of `make up`.
const SECRETS: [&str; 2] = ["mongo", "dialer"];

/// What users had written before a test.
pub struct Undo {
    stages: Vec<Before>,
    claim: Claim,
}

struct Before {
    stage: Stage,
    spec: EnvironmentSpec,
    secrets: Vec<(&'static str, BTreeMap<String, ByteString>)>,
}

impl Undo {
    /// Looks at what is there now, once it is at rest, of what the test has for itself: the rest is another one's.
    pub async fn of(world: &World, claim: Claim) -> anyhow::Result<Self> {
        let mut stages = Vec::new();
        let all = [(Place::Staging, Stage::Staging), (Place::Prod, Stage::Prod)];
        let claimed = all.into_iter().filter(|(p, _)| claim.places.contains(p));
        for (_, stage) in claimed {
            world.at_rest(stage).await?;
            let spec = world.environment(stage).await?.spec;
            let api = world.secrets(stage);
            let mut found = Vec::new();
            for name in SECRETS {
                let data = api.get(name).await?.data.unwrap_or_default();
                found.push((name, data));
            }
            stages.push(Before {
                stage,
                spec,
                secrets: found,
            });
        }
        Ok(Self { stages, claim })
    }

    /// Writes it again, unpins, and waits until all is ready.
    pub async fn undo(self, world: &World) -> anyhow::Result<()> {
        if self.claim.manner == Manner::Alone {
            leader::replicas(world, 2)?;
            helm::install(&world.cluster, &world.operator, &[])?;
            leader::settled(world).await?;
        }
        for before in &self.stages {
            for (name, data) in &before.secrets {
                let patch = Patch::Merge(json!({ "data": data }));
                let api = world.secrets(before.stage);
                api.patch(name, &PatchParams::default(), &patch).await?;
            }
            unpin(world, before.stage).await?;
            before.write(world).await?;
        }
        if self.claim.places.contains(&Place::Lab) {
            Lab::remove(world).await?;
        }
        for before in &self.stages {
            world.ready(before.stage).await?;
        }
        Ok(())
    }
}

impl Before {
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
