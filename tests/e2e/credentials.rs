//! Bad input: named, with the next step, within two seconds; what runs goes on.

use std::time::Duration;

use anyhow::{Context, ensure};
use crokodial_crds::condition::ConditionType;
use crokodial_e2e::cluster::Stage;
use serde_json::{Value, json};

use crate::http::Site;
use crate::world::World;

const STAGING: Stage = Stage::Staging;

/// What is promised, and the time a request to the API server takes.
const SOON: Duration = Duration::from_secs(3);

/// An edit of staging's spec, what it must be answered with, and how to take it back.
struct Case {
    edit: Value,
    back: Value,
    type_: ConditionType,
    reason: &'static str,
    within: Duration,
}

fn cases(image: &str) -> Vec<Case> {
    let reference =
        |name: &str, key: Value| json!({"mongo": {"uriSecretRef": {"name": name, "key": key}}});
    let mongo = |edit, reason| Case {
        edit,
        back: reference("mongo", Value::Null),
        type_: ConditionType::CredentialsValid,
        reason,
        within: SOON,
    };
    let absent = image.replace("/dialer:", "/no-such-app:");
    vec![
        mongo(reference("absent", Value::Null), "SecretNotFound"),
        mongo(reference("mongo", json!("ABSENT")), "KeyNotFound"),
        mongo(reference("dialer", json!("JWT_SECRET")), "BadUri"),
        Case {
            edit: json!({"image": absent}),
            back: json!({"image": image}),
            type_: ConditionType::ImageResolved,
            reason: "ImageNotFound",
            within: Duration::from_secs(11),
        },
        Case {
            edit: json!({"route": {"ingressClassName": "absent"}}),
            back: json!({"route": null}),
            type_: ConditionType::RouteAccepted,
            reason: "ControllerMissing",
            within: SOON,
        },
        Case {
            edit: json!({"config": {"configMapRefs": [{"name": "absent"}]}}),
            back: json!({"config": {"configMapRefs": null}}),
            type_: ConditionType::ConfigSecretsValid,
            reason: "ConfigMapNotFound",
            within: SOON,
        },
    ]
}

pub async fn bad_references(world: &World) -> anyhow::Result<()> {
    let image = world.environment(STAGING).await?.spec.image;
    let (pods, releases) = (
        world.pods(STAGING).await?,
        world.releases(STAGING).await?.len(),
    );
    let site = Site::https(world, STAGING.domain())?;
    for case in cases(image.as_deref().unwrap_or_default()) {
        world.edit(STAGING, case.edit.clone()).await?;
        let staging = (STAGING, STAGING.as_str());
        let told = world
            .condition(staging, case.type_, case.within, |c| {
                c.reason == case.reason
            })
            .await
            .with_context(|| format!("after {}", case.edit))?;
        ensure!(
            told.message.contains("Next ("),
            "no next step in {}",
            told.message
        );
        ensure!(
            site.get("/api/health").await?.status == 200,
            "{} stopped the site",
            case.edit
        );
        world.edit(STAGING, case.back).await?;
        world.ready(STAGING).await?;
    }
    ensure!(
        world.pods(STAGING).await? == pods,
        "a bad reference restarted a pod"
    );
    ensure!(
        world.releases(STAGING).await?.len() == releases,
        "a bad reference made a release"
    );
    Ok(())
}

/// Edits that the API server itself refuses, with words of the refusal.
pub async fn schema(world: &World) -> anyhow::Result<()> {
    let refused = [
        (
            json!({"stage": "prod"}),
            "create a second CrokodialEnvironment",
        ),
        (
            json!({"domain": "https://crokodial.test"}),
            "without https://",
        ),
        (
            json!({"config": {"env": [{"name": "PORT", "value": "1"}]}}),
            "runtime.port",
        ),
        (json!({"rollout": {"bake": "a while"}}), "such as 10m"),
        (json!({"runtime": {"drain": "50s"}}), "terminationGrace"),
    ];
    for (edit, words) in refused {
        let error = world
            .edit(STAGING, edit.clone())
            .await
            .err()
            .with_context(|| format!("{edit} was accepted"))?;
        let said = format!("{error:#}");
        ensure!(said.contains(words), "{edit} was refused with {said}");
    }
    let latest = world
        .edit(
            Stage::Prod,
            json!({"image": "registry.crokodial.test:5000/crokodial/dialer:latest"}),
        )
        .await;
    let said = format!("{:#}", latest.err().context("prod accepted latest")?);
    ensure!(said.contains("tag other than latest"), "{said}");
    Ok(())
}
