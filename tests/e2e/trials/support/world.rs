//! The cluster on which trials run. It is created at the first use and removed after the last trial.

use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use crokodial_cluster::deploy::{self, pods};
use crokodial_cluster::edge::Edge;
use crokodial_cluster::mongo::Accounts;
use crokodial_cluster::options::checkout_root;
use crokodial_cluster::wait::until;
use crokodial_cluster::{Cluster, Options, Ports, Progress, Stage};
use crokodial_crds::condition::{self, ConditionType};
use crokodial_crds::{CrokodialEnvironment, CrokodialRelease};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::Value;

static WORLD: OnceLock<Result<World, String>> = OnceLock::new();

/// Cluster with the deployed product, shared by all trials.
pub struct World {
    runtime: tokio::runtime::Runtime,
    /// The local cluster.
    pub cluster: Cluster,
    /// Client of the API server.
    pub client: Client,
    /// Image of the operator in the cluster's registry.
    pub operator: deploy::images::Pushed,
    /// Certificate of the CA that signs the sites' certificates, in PEM format.
    pub ca: String,
    /// Output for progress messages.
    pub progress: Progress,
}

impl Edge for World {
    fn ports(&self) -> Ports {
        self.cluster.ports()
    }

    fn authority(&self) -> &str {
        &self.ca
    }
}

impl World {
    /// Returns the cluster. The first call creates it; other calls wait until it is created.
    pub fn get() -> anyhow::Result<&'static Self> {
        let made = WORLD.get_or_init(|| Self::make().map_err(|error| format!("{error:#}")));
        made.as_ref()
            .map_err(|error| anyhow::anyhow!("no cluster to test on: {error}"))
    }

    fn options() -> anyhow::Result<Options> {
        Options::for_tests(&checkout_root()?.join("target/e2e"))
    }

    fn make() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let progress = Progress::shown();
        let made = runtime.block_on(async {
            let cluster = Cluster::up(&Self::options()?, &progress).await?;
            deploy::deploy(&cluster, &progress).await?;
            let operator =
                deploy::images::ensure(&cluster, deploy::images::Image::Operator, &progress)
                    .await?;
            let client = cluster.client().await?;
            let ca = deploy::environments::local_ca(&client).await?;
            anyhow::Ok((cluster, operator, client, ca))
        });
        let (cluster, operator, client, ca) = made?;
        let world = Self {
            runtime,
            cluster,
            client,
            operator,
            ca,
            progress,
        };
        // Most trials roll out prod without a promotion from staging; the trial of the gate sets `promotion` itself.
        world.block_on(world.edit(Stage::Prod, serde_json::json!({"promotion": null})))?;
        Ok(world)
    }

    /// Removes the cluster, unless `E2E_KEEP` is set.
    pub fn tear_down() {
        if WORLD.get().is_none() || std::env::var_os("E2E_KEEP").is_some() {
            return;
        }
        let down = Self::options()
            .and_then(|o| Cluster::open(&o))
            .and_then(|c| c.down(&Progress::shown()));
        if let Err(error) = down {
            eprintln!("the cluster could not be removed: {error:#}");
        }
    }

    /// Runs a future to completion on the shared runtime.
    pub fn block_on<F: Future>(&self, test: F) -> F::Output {
        self.runtime.block_on(test)
    }

    /// Returns the API of the environments in the namespace of a stage.
    pub fn environments(&self, stage: Stage) -> Api<CrokodialEnvironment> {
        Api::namespaced(self.client.clone(), &stage.namespace())
    }

    /// Returns the API of the Secrets in the namespace of a stage.
    pub fn secrets(&self, stage: Stage) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &stage.namespace())
    }

    /// Returns the connection string by which pods connect to the database of a stage.
    pub fn mongo_uri(&self, stage: Stage) -> anyhow::Result<String> {
        let accounts = Accounts::read(&self.cluster.layout)?.context("the Mongo accounts")?;
        Ok(accounts.uri(stage))
    }

    /// Returns the current state of the environment of a stage.
    pub async fn environment(&self, stage: Stage) -> anyhow::Result<CrokodialEnvironment> {
        self.environments(stage)
            .get(stage.as_str())
            .await
            .context("reading the environment")
    }

    /// Returns the releases of a stage's environment, oldest first.
    pub async fn releases(&self, stage: Stage) -> anyhow::Result<Vec<CrokodialRelease>> {
        self.releases_of(stage, stage.as_str()).await
    }

    /// Returns the releases of an environment in the namespace of a stage, oldest first.
    pub async fn releases_of(
        &self,
        stage: Stage,
        environment: &str,
    ) -> anyhow::Result<Vec<CrokodialRelease>> {
        let api: Api<CrokodialRelease> = Api::namespaced(self.client.clone(), &stage.namespace());
        let mut releases = api.list(&ListParams::default()).await?.items;
        releases.retain(|release| release.spec.environment == environment);
        releases.sort_by_key(|r| r.spec.number);
        Ok(releases)
    }

    /// Returns the name and number of restarts of each serving pod of a stage's environment.
    pub async fn pods(&self, stage: Stage) -> anyhow::Result<Vec<(String, i32)>> {
        let found = pods::of(&self.client, &stage.namespace(), stage.as_str(), "web").await?;
        Ok(found.into_iter().map(|p| (p.name, p.restarts)).collect())
    }

    /// Waits until no serving pod of a stage is terminating, so that a test sees only changes that it causes.
    pub async fn wait_for_terminating_pods(&self, stage: Stage) -> anyhow::Result<()> {
        let within = Duration::from_secs(90);
        until(&self.progress, "terminating pods", within, || async {
            let found = pods::of(&self.client, &stage.namespace(), stage.as_str(), "web").await?;
            let left: Vec<_> = found.iter().filter(|pod| pod.terminating).collect();
            ensure!(left.is_empty(), "{left:?}");
            Ok(())
        })
        .await
    }

    /// Applies a merge patch to the spec of a stage's environment.
    pub async fn edit(&self, stage: Stage, spec: Value) -> anyhow::Result<()> {
        let patch = Patch::Merge(serde_json::json!({ "spec": spec }));
        self.environments(stage)
            .patch(stage.as_str(), &PatchParams::default(), &patch)
            .await?;
        Ok(())
    }

    /// Waits until a condition of an environment satisfies `wanted`, and returns it. The condition must have been
    /// computed for the newest spec.
    pub async fn condition(
        &self,
        (stage, name): (Stage, &str),
        type_: ConditionType,
        within: Duration,
        wanted: impl Fn(&Condition) -> bool,
    ) -> anyhow::Result<Condition> {
        until(
            &self.progress,
            &format!("{} of {name}", type_.as_str()),
            within,
            || async {
                let found = self.environments(stage).get(name).await?;
                let generation = found.metadata.generation;
                let status = found.status.unwrap_or_default();
                let condition = condition::find(&status.conditions, type_).cloned();
                match condition {
                    Some(c) if c.observed_generation == generation && wanted(&c) => Ok(c),
                    Some(c) => bail!("{} {}: {}", c.status, c.reason, c.message),
                    None => bail!("not reported yet"),
                }
            },
        )
        .await
    }

    /// Waits until the condition `Ready` of a stage's environment is True.
    pub async fn ready(&self, stage: Stage) -> anyhow::Result<()> {
        let within = Duration::from_secs(180);
        self.condition((stage, stage.as_str()), ConditionType::Ready, within, |c| {
            c.status == "True"
        })
        .await?;
        Ok(())
    }

    /// Runs kubectl against the cluster and returns its output.
    pub fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(self.cluster.layout.binary("kubectl"));
        let output = command
            .env("KUBECONFIG", self.cluster.kubeconfig())
            .args(arguments)
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!(
                "kubectl {}: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(text)
    }

    /// Writes objects, Events and logs of the cluster to a folder in `target/dumps` that is named after `test`, for
    /// debugging a failure.
    pub fn dump(&self, test: &str) {
        let folder = self
            .cluster
            .checkout
            .join("target/dumps")
            .join(test.replace([' ', ','], "-"));
        let wanted: [(&str, &[&str]); 5] = [
            (
                "resources.yaml",
                &[
                    "get",
                    "cenv,crel,deploy,rs,jobs,pods,svc,ingress",
                    "-A",
                    "-o",
                    "yaml",
                ],
            ),
            (
                "events.txt",
                &["get", "events", "-A", "--sort-by=.lastTimestamp"],
            ),
            (
                "table.txt",
                &["get", "cenv,crel,deploy,pods,ingress", "-A", "-o", "wide"],
            ),
            (
                "operator.log",
                &[
                    "-n",
                    "crokodial-system",
                    "logs",
                    "-l",
                    "app.kubernetes.io/name=crokodial-operator",
                    "--prefix",
                    "--tail=2000",
                ],
            ),
            (
                "prod.log",
                &[
                    "-n",
                    "crokodial-prod",
                    "logs",
                    "-l",
                    "crokodial.com/environment=prod",
                    "--tail=200",
                ],
            ),
        ];
        let _ = std::fs::create_dir_all(&folder);
        for (file, arguments) in wanted {
            let text = self
                .kubectl(arguments)
                .unwrap_or_else(|error| format!("{error:#}"));
            let _ = std::fs::write(folder.join(file), text);
        }
        eprintln!("what the cluster looked like: {}", folder.display());
    }
}
