//! Tests that bad input in a spec is reported within seconds, together with the next step, and does not affect running
//! pods.

use std::time::Duration;

use anyhow::{Context, ensure};
use crokodial_cluster::Stage;
use crokodial_crds::condition::ConditionType;
use serde_json::{Value, json};

use crate::support::world::World;
use crokodial_cluster::edge::site::Site;

const STAGING: Stage = Stage::Staging;

/// Timeout for a problem to be reported in the status: the promised two seconds, and one second for the test's requests
/// to the API server.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(3);

/// Bad edit of staging's spec, the edit that reverts it, and the condition and reason that must report the bad edit
/// within the time `within`.
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
        within: VERDICT_TIMEOUT,
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
            reason: "IngressClassNotFound",
            within: VERDICT_TIMEOUT,
        },
        Case {
            edit: json!({"config": {"configMapRefs": [{"name": "absent"}]}}),
            back: json!({"config": {"configMapRefs": null}}),
            type_: ConditionType::ConfigSecretsValid,
            reason: "ConfigMapNotFound",
            within: VERDICT_TIMEOUT,
        },
    ]
}

/// Checks that each bad reference in [`cases`] is reported, while the site answers and no pod restarts.
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
        let reported = world
            .condition(staging, case.type_, case.within, |c| {
                c.reason == case.reason
            })
            .await
            .with_context(|| format!("after {}", case.edit))?;
        ensure!(
            reported.message.contains("Next ("),
            "no next step in {}",
            reported.message
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

/// Checks that the schema rejects each bad edit with the expected part of the error message.
pub async fn schema(world: &World) -> anyhow::Result<()> {
    let rejected = [
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
    for (edit, words) in rejected {
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
