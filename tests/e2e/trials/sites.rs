//! Tests of what `make up` deploys, such as the sites and the output of `kubectl get`.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use crokodial_cluster::Stage;
use crokodial_cluster::deploy;
use crokodial_crds::condition::ConditionType;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, ResourceExt};

use crate::support::world::World;
use crokodial_cluster::edge::site::Site;

/// Checks that both sites answer over HTTPS with a trusted certificate, and that the certificate is rejected for
/// another domain.
pub async fn answer(world: &World) -> anyhow::Result<()> {
    for stage in Stage::ALL {
        let answer = Site::https(world, stage.domain())?
            .get("/api/health")
            .await?;
        ensure!(
            answer.status == 200,
            "{}: {} {}",
            stage.domain(),
            answer.status,
            answer.text()
        );
        let health = answer.json()?;
        ensure!(health["version"] == deploy::images::VERSION, "{health}");
    }
    // The client must reject the certificate for another domain.
    let other = Site::https(world, "other.test")?.get("/").await;
    ensure!(
        other.is_err(),
        "a certificate for another name was accepted"
    );
    Ok(())
}

/// Checks that HTTP requests are redirected to HTTPS, and that the operator reports this in the condition
/// `HttpsForced`.
pub async fn redirect(world: &World) -> anyhow::Result<()> {
    for stage in Stage::ALL {
        let answer = Site::http(world, stage.domain()).get("/").await?;
        let location = answer
            .headers
            .get("location")
            .context("no Location")?
            .to_str()?;
        ensure!(
            (301..=308).contains(&answer.status) && location.starts_with("https://"),
            "{answer:?}"
        );
        let within = Duration::from_secs(90);
        world
            .condition(
                (stage, stage.as_str()),
                ConditionType::HttpsForced,
                within,
                |c| c.status == "True",
            )
            .await?;
    }
    Ok(())
}

/// Checks that every script, style sheet, icon and image that the start page of prod's site refers to exists.
pub async fn assets(world: &World) -> anyhow::Result<()> {
    let site = Site::https(world, Stage::Prod.domain())?;
    let page = site.get("/").await?;
    ensure!(page.status == 200, "/ answers {}", page.status);
    let html = page.text();
    let named: Vec<&str> = html
        .split(['"', '\''])
        .filter(|part| part.starts_with('/') && part.contains('.'))
        .collect();
    ensure!(
        named.len() >= 2,
        "the page names {} assets: {html}",
        named.len()
    );
    for path in named {
        let asset = site.get(path).await?;
        ensure!(asset.status == 200, "{path} answers {}", asset.status);
        ensure!(!asset.body.is_empty(), "{path} is empty");
    }
    let missing = site.get("/assets/not-there-00000000.js").await?;
    ensure!(
        missing.status == 404,
        "a missing asset answers {}",
        missing.status
    );
    Ok(())
}

/// Checks that the output of `kubectl get` has the documented columns.
pub async fn columns(world: &World) -> anyhow::Result<()> {
    let table = world.kubectl(&["get", "cenv,crel", "-n", &Stage::Prod.namespace()])?;
    for column in [
        "STAGE", "RELEASE", "SERVING", "IMAGE", "READY", "PHASE", "RESTARTS", "AGE", "Good", "True",
    ] {
        ensure!(table.contains(column), "no {column} in\n{table}");
    }
    let wide = world.kubectl(&[
        "get",
        "cenv,crel",
        "-o",
        "wide",
        "-n",
        &Stage::Prod.namespace(),
    ])?;
    for text in ["REASON", "MESSAGE", "is good and serving", "the bake ended"] {
        ensure!(wide.contains(text), "no {text:?} in\n{wide}");
    }
    world.kubectl(&["get", "crokodial", "-A"])?;
    Ok(())
}

/// Returns the resource versions of both environments, the names and restarts of their pods, and the generation of the
/// operator's Deployment, as text to compare.
async fn versions(world: &World) -> anyhow::Result<Vec<String>> {
    let mut versions = Vec::new();
    for stage in Stage::ALL {
        versions.push(format!(
            "{:?}",
            world.environment(stage).await?.resource_version()
        ));
        versions.push(format!("{:?}", world.pods(stage).await?));
    }
    let operators: Api<Deployment> = Api::namespaced(world.client.clone(), deploy::helm::NAMESPACE);
    versions.push(format!(
        "{:?}",
        operators
            .get("crokodial-operator")
            .await?
            .metadata
            .generation
    ));
    Ok(versions)
}

/// Checks that a second `cluster deploy` changes neither the environments nor the operator's Deployment, and restarts
/// no pod.
pub async fn idempotent(world: &World) -> anyhow::Result<()> {
    let before = versions(world).await?;
    deploy::deploy(&world.cluster, &world.progress).await?;
    let after = versions(world).await?;
    if before != after {
        bail!("a second deploy changed something:\n{before:#?}\n{after:#?}");
    }
    Ok(())
}
