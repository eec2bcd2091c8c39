//! Tests that sites survive an upgrade and a removal of the operator and the removal of the environment, and that the
//! operator does not take over objects that it did not create.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, ensure};
use crokodial_cluster::Stage;
use crokodial_cluster::deploy::helm;
use crokodial_cluster::deploy::images::Image;
use crokodial_cluster::wait::until;
use crokodial_crds::CrokodialEnvironment;
use crokodial_crds::condition::ConditionType;
use k8s_openapi::api::core::v1::{Pod, Service, ServicePort, ServiceSpec};
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::leader;
use crate::support::images;
use crate::support::world::World;
use crokodial_cluster::edge::site::Site;

const PROD: Stage = Stage::Prod;
const STAGING: Stage = Stage::Staging;
/// Timeout for a problem to be reported in an environment's status, and for an environment to be deleted.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(5);

/// Checks that an environment with prod's domain is rejected, and also one with the name of a Service that the operator
/// did not create. Prod's site and the Service must stay unchanged.
pub async fn taken(world: &World) -> anyhow::Result<()> {
    let services: Api<Service> = Api::namespaced(world.client.clone(), &STAGING.namespace());
    let environments = world.environments(STAGING);
    let mut spec = world.environment(STAGING).await?.spec;
    spec.domain = PROD.domain().to_owned();
    let second = CrokodialEnvironment::new("second", spec.clone());
    environments.create(&PostParams::default(), &second).await?;
    let host = world
        .condition(
            (STAGING, "second"),
            ConditionType::RouteAccepted,
            VERDICT_TIMEOUT,
            |c| c.reason == "HostTaken",
        )
        .await;
    let foreign = services
        .create(&PostParams::default(), &foreign_service("third"))
        .await?;
    environments
        .create(
            &PostParams::default(),
            &CrokodialEnvironment::new("third", spec),
        )
        .await?;
    let name = world
        .condition(
            (STAGING, "third"),
            ConditionType::RouteAccepted,
            VERDICT_TIMEOUT,
            |c| c.reason == "NameConflict",
        )
        .await;
    let untouched = services.get("third").await?.resource_version() == foreign.resource_version();
    for name in ["second", "third"] {
        environments.delete(name, &DeleteParams::default()).await?;
    }
    services.delete("third", &DeleteParams::default()).await?;
    host.context("the domain of prod")?;
    name.context("the foreign Service")?;
    ensure!(untouched, "the foreign Service was changed");
    ensure!(
        Site::https(world, PROD.domain())?
            .get("/api/health")
            .await?
            .status
            == 200,
        "prod stopped answering"
    );
    Ok(())
}

fn foreign_service(name: &str) -> Service {
    let port = ServicePort {
        port: 80,
        ..ServicePort::default()
    };
    Service {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        spec: Some(ServiceSpec {
            ports: Some(vec![port]),
            selector: Some(BTreeMap::from([("app".to_owned(), "theirs".to_owned())])),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// Pods and number of releases of prod before a test. They must be the same after it.
struct Before {
    pods: Vec<(String, i32)>,
    releases: usize,
}

impl Before {
    async fn of(world: &World) -> anyhow::Result<Self> {
        Ok(Self {
            pods: world.pods(PROD).await?,
            releases: world.releases(PROD).await?.len(),
        })
    }

    async fn unchanged(&self, world: &World) -> anyhow::Result<()> {
        let pods = world.pods(PROD).await?;
        ensure!(
            pods == self.pods,
            "a pod was restarted: {:?} {pods:?}",
            self.pods
        );
        ensure!(
            world.releases(PROD).await?.len() == self.releases,
            "a release was made"
        );
        Ok(())
    }
}

/// Checks that prod keeps serving while the operator is uninstalled, and that a new installation adopts prod's objects.
pub async fn reinstall(world: &World) -> anyhow::Result<()> {
    let before = Before::of(world).await?;
    helm::uninstall(&world.cluster)?;
    let site = Site::https(world, PROD.domain())?;
    ensure!(
        site.get("/api/health").await?.status == 200,
        "prod stopped answering without the operator"
    );
    ensure!(
        world.environment(PROD).await?.spec.domain == PROD.domain(),
        "the resource went with the chart"
    );
    helm::install(&world.cluster, &world.operator, &[])?;
    leader::settled(world).await?;
    adopted(world).await?;
    before.unchanged(world).await
}

/// Deletes prod's environment and creates it again. The pods must keep running.
pub async fn recreate(world: &World) -> anyhow::Result<()> {
    let before = Before::of(world).await?;
    let old = world.environment(PROD).await?;
    let api = world.environments(PROD);
    api.delete(PROD.as_str(), &DeleteParams::default()).await?;
    until(
        &world.progress,
        "the resource's end",
        VERDICT_TIMEOUT,
        || async {
            ensure!(
                api.get_opt(PROD.as_str()).await?.is_none(),
                "it is still there"
            );
            Ok(())
        },
    )
    .await?;
    ensure!(
        Site::https(world, PROD.domain())?
            .get("/api/health")
            .await?
            .status
            == 200,
        "prod stopped answering"
    );
    api.create(
        &PostParams::default(),
        &CrokodialEnvironment::new(PROD.as_str(), old.spec),
    )
    .await?;
    adopted(world).await?;
    before.unchanged(world).await
}

/// Replaces the operator by a version that renders another pod template. Existing and new pods of a release must keep
/// the template with which the release was created.
pub async fn upgrade(world: &World) -> anyhow::Result<()> {
    let (pods, releases) = (world.pods(PROD).await?, world.releases(PROD).await?.len());
    let features = ["simulated-template-change"];
    let changed = images::push(world, Image::Operator, "changed", &features).await?;
    helm::install(&world.cluster, &changed, &[])?;
    // Waits until the old operators are gone, so that only the new ones can act on the following edit.
    leader::settled(world).await?;
    world
        .edit(PROD, json!({"runtime": {"replicas": 3}}))
        .await?;
    let scaled = settled(world, 3).await?;
    ensure!(
        pods.iter().all(|pod| scaled.contains(pod)),
        "a pod was restarted: {pods:?} {scaled:?}"
    );
    ensure!(
        templates(world).await?.len() == 1,
        "the new pod has another template"
    );
    world
        .edit(PROD, json!({"runtime": {"replicas": 2}}))
        .await?;
    settled(world, 2).await?;
    ensure!(
        world.releases(PROD).await?.len() == releases,
        "the upgrade made a release"
    );
    helm::install(&world.cluster, &world.operator, &[])?;
    leader::settled(world).await?;
    adopted(world).await
}

/// Waits until prod has `wanted` pods. Returns the name and number of restarts of each pod.
async fn settled(world: &World, wanted: usize) -> anyhow::Result<Vec<(String, i32)>> {
    let within = Duration::from_secs(90);
    until(&world.progress, "the scaling", within, || async {
        let pods = world.pods(PROD).await?;
        ensure!(pods.len() == wanted, "{} pods of {wanted}", pods.len());
        Ok(pods)
    })
    .await
}

/// Returns the distinct values of the label `pod-template-hash` of prod's pods.
async fn templates(world: &World) -> anyhow::Result<BTreeSet<String>> {
    let api: Api<Pod> = Api::namespaced(world.client.clone(), &PROD.namespace());
    let pods = api.list(&ListParams::default()).await?;
    let hash = |pod: &Pod| pod.labels().get("pod-template-hash").cloned();
    Ok(pods.iter().filter_map(hash).collect())
}

/// Waits until prod is Ready and its condition `HttpsForced` is True, which shows that the operator has checked the
/// site.
async fn adopted(world: &World) -> anyhow::Result<()> {
    world.ready(PROD).await?;
    let within = Duration::from_secs(90);
    world
        .condition(
            (PROD, PROD.as_str()),
            ConditionType::HttpsForced,
            within,
            |c| c.status == "True",
        )
        .await?;
    Ok(())
}
