//! Creation of the environments `staging` and `prod` by `make up`. Existing environments are not changed.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use crokodial_crds::condition::{self, ConditionType};
use crokodial_crds::{CrokodialEnvironment, EnvironmentSpec};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use rand::Rng as _;
use rand::distr::Alphanumeric;
use serde_json::{Value, json};

use super::{helm, images};
use crate::layout::{NODE_IP, REGISTRY};
use crate::mongo::Accounts;
use crate::wait::until;
use crate::{Cluster, Progress, Stage};

/// Timeout for an environment to become Ready. A first rollout takes a few seconds; the rest is a margin for a busy
/// machine.
const READY_TIMEOUT: Duration = Duration::from_secs(240);

/// Creates the Secrets and environments of both stages unless they exist.
///
/// # Errors
/// When the database accounts do not exist yet, or the API server rejects an object.
pub async fn ensure(cluster: &Cluster, client: &Client, progress: &Progress) -> anyhow::Result<()> {
    let accounts = Accounts::read(&cluster.layout)?
        .context("the Mongo accounts are missing: run `make up` again")?;
    for stage in Stage::ALL {
        let namespace = stage.namespace();
        secrets(client, &namespace, "", &accounts.uri(stage)).await?;
        if create(client, &namespace, environment(stage)?).await? {
            progress.say(&format!("created environment {}", stage.as_str()));
        }
    }
    Ok(())
}

/// Creates the Secrets `mongo` and `dialer` of an environment unless they exist. `prefix` is put before their names,
/// and `uri` is the MongoDB connection string.
///
/// # Errors
/// When the API server rejects a Secret.
pub async fn secrets(
    client: &Client,
    namespace: &str,
    prefix: &str,
    uri: &str,
) -> anyhow::Result<()> {
    let mongo = secret(&format!("{prefix}mongo"), "MONGODB_URI", uri);
    create(client, namespace, mongo).await?;
    let key: String = rand::rng()
        .sample_iter(Alphanumeric)
        .take(48)
        .map(char::from)
        .collect();
    let mut dialer = secret(&format!("{prefix}dialer"), "JWT_SECRET", &key);
    let ring = format!("k1:{}", BASE64_STANDARD.encode(rand::random::<[u8; 32]>()));
    let values = dialer.string_data.get_or_insert_default();
    values.insert("ENCRYPTION_KEYS".to_owned(), ring);
    create(client, namespace, dialer).await?;
    Ok(())
}

/// Returns the environment that `make up` creates for `stage`. It has a short bake and, in prod, a short soak. Anyone
/// can register as a user of its dialer.
///
/// # Errors
/// When the JSON literal in this function is not a valid spec, which only a programming error can cause.
pub fn environment(stage: Stage) -> anyhow::Result<CrokodialEnvironment> {
    let mut spec = json!({
        "stage": stage.as_str(),
        "image": format!("{REGISTRY}/crokodial/dialer:{}", images::VERSION),
        "domain": stage.domain(),
        "mongo": {"uriSecretRef": {"name": "mongo"}},
        "config": {
            "secretRefs": [{"name": "dialer"}],
            "env": [
                {"name": "REGISTRATION", "value": "open"},
                // The dialer sees all visitors at the node's address, because Traefik connects from there. Without
                // this variable all visitors would share one limit of failed sign-ins.
                {"name": "TRUSTED_PROXIES", "value": NODE_IP},
            ],
        },
        "rollout": {"bake": "15s"},
    });
    if stage == Stage::Prod {
        let staging =
            json!({"name": Stage::Staging.as_str(), "namespace": Stage::Staging.namespace()});
        spec["promotion"] = json!({"from": staging, "soak": "10s"});
    }
    let spec: EnvironmentSpec =
        serde_json::from_value(spec).context("the overlay's environment")?;
    Ok(CrokodialEnvironment::new(stage.as_str(), spec))
}

/// Returns an item for `promotion.freezes` that is in effect at `now`, and the end of that freeze. The end is the
/// start of a minute, at least 10 s and at most 70 s after `now`.
///
/// # Errors
/// When the start or end of the freeze is outside the range of [`Timestamp`].
pub fn freeze_until_a_minute(now: Timestamp) -> anyhow::Result<(Value, Timestamp)> {
    let minute = |second: i64| Timestamp::from_second(second - second.rem_euclid(60));
    let shown = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M").to_string();
    let (start, end) = (minute(now.as_second() - 60)?, minute(now.as_second() + 70)?);
    let freeze = json!({"start": shown(start), "end": shown(end), "timeZone": "UTC", "reason": "a holiday of the tests"});
    Ok((freeze, end))
}

fn secret(name: &str, key: &str, value: &str) -> Secret {
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        string_data: Some(BTreeMap::from([(key.to_owned(), value.to_owned())])),
        ..Secret::default()
    }
}

/// Creates an object unless it exists. Returns true if it was created.
async fn create<K>(client: &Client, namespace: &str, object: K) -> anyhow::Result<bool>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::Serialize
        + serde::de::DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    match api.create(&PostParams::default(), &object).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(false),
        Err(error) => Err(error).with_context(|| {
            format!(
                "creating {} {}",
                K::kind(&()),
                object.meta().name.as_deref().unwrap_or_default()
            )
        }),
    }
}

/// Waits until the environment of `stage` is Ready. While waiting, reports the reason why it is not.
///
/// # Errors
/// When the environment is not Ready within 240 s; the error contains the reason, such as the message of the condition
/// `Ready`.
pub async fn wait_ready(client: &Client, stage: Stage, progress: &Progress) -> anyhow::Result<()> {
    let api: Api<CrokodialEnvironment> = Api::namespaced(client.clone(), &stage.namespace());
    until(
        progress,
        &format!("environment {}", stage.as_str()),
        READY_TIMEOUT,
        || async {
            let found = api
                .get(stage.as_str())
                .await
                .context("reading the environment")?;
            let status = found.status.unwrap_or_default();
            let ready = condition::find(&status.conditions, ConditionType::Ready);
            let current = status.observed_generation == found.metadata.generation;
            match ready {
                Some(ready) if current && ready.status == "True" => Ok(()),
                Some(ready) => bail!("{}: {}", ready.reason, ready.message),
                None => bail!("the operator has not answered yet"),
            }
        },
    )
    .await
}

/// Returns the certificate, in PEM, of the operator's certificate authority, which signs the certificates of the local
/// sites.
///
/// # Errors
/// When the operator has not created the authority yet.
pub async fn local_ca(client: &Client) -> anyhow::Result<String> {
    let api: Api<Secret> = Api::namespaced(client.clone(), helm::NAMESPACE);
    let secret = api
        .get("crokodial-ca")
        .await
        .context("reading secret crokodial-ca")?;
    let bytes = secret
        .data
        .and_then(|mut data| data.remove("ca.crt"))
        .context("crokodial-ca has no ca.crt")?;
    String::from_utf8(bytes.0).context("crokodial-ca is not text")
}
