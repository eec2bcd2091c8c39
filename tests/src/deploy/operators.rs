//! The operators that run: who leads, and what each of them wrote. The API server's audit log says so.

use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use nix::unistd::Pid;
use serde_json::Value;

use super::helm;
use crate::cluster::wait::until;
use crate::cluster::{Cluster, Progress, leftovers};

const PROGRAM: &str = "/crokodial-operator";
const LEASE: &str = "crokodial-operator";

/// The Deployment that the chart makes, as kubectl takes it.
pub const DEPLOYMENT: &str = "deploy/crokodial-operator";
/// How long the lease is, by the chart's default.
pub const LEASE_LENGTH: Duration = Duration::from_secs(5);
/// What a takeover may take beside the lease.
pub const HANDOVER: Duration = Duration::from_millis(500);

/// A write of an operator's, by the audit log.
#[derive(Debug)]
pub struct Write {
    /// Who asked.
    pub pod: String,
    /// When the API server had the request.
    pub received: Timestamp,
    /// When it had answered.
    pub ended: Timestamp,
    /// Its answer's status code.
    pub code: i64,
    /// `patch deployments//staging`.
    pub what: String,
}

impl Write {
    fn of(line: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(line).ok()?;
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        let time = |pointer: &str| text(pointer)?.parse().ok();
        let on = ["resource", "subresource", "name"]
            .map(|part| text(&format!("/objectRef/{part}")).unwrap_or_default());
        Some(Self {
            pod: text("/user/extra/authentication.kubernetes.io~1pod-name/0")?.to_owned(),
            received: time("/requestReceivedTimestamp")?,
            ended: time("/stageTimestamp")?,
            code: event.pointer("/responseStatus/code")?.as_i64()?,
            what: format!("{} {}", text("/verb")?, on.join("/")),
        })
    }

    /// How long after `since` the API server had the request.
    #[must_use]
    pub fn after(&self, since: Timestamp) -> Duration {
        Duration::try_from(self.received.duration_since(since)).unwrap_or_default()
    }

    /// Whether it is of the Lease.
    #[must_use]
    pub fn is_of_lease(&self) -> bool {
        self.what.contains(" leases/")
    }

    /// Whether the API server did it.
    #[must_use]
    pub fn accepted(&self) -> bool {
        (200..300).contains(&self.code)
    }
}

/// What the operators wrote and had answered since.
///
/// # Errors
/// When the audit log cannot be read.
pub fn writes(cluster: &Cluster, since: Timestamp) -> anyhow::Result<Vec<Write>> {
    let path = cluster.layout.audit_log();
    let log = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut found: Vec<Write> = log.lines().filter_map(Write::of).collect();
    found.retain(|write| write.ended >= since);
    found.sort_by_key(|write| write.received);
    Ok(found)
}

/// The first write since, other than of the Lease, by another pod than `old`.
///
/// # Errors
/// While there is none.
pub fn first_of_others(cluster: &Cluster, old: &str, since: Timestamp) -> anyhow::Result<Write> {
    let mut others = writes(cluster, since)?;
    others.retain(|w| w.pod != old && !w.is_of_lease() && w.accepted());
    ensure!(!others.is_empty(), "no write yet");
    Ok(others.swap_remove(0))
}

/// The Lease as it stands.
///
/// # Errors
/// When it cannot be read.
pub async fn lease(client: &Client) -> anyhow::Result<LeaseSpec> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), helm::NAMESPACE);
    Ok(leases.get(LEASE).await?.spec.unwrap_or_default())
}

/// The holder's identity, and its pod.
///
/// # Errors
/// When nobody does.
pub async fn leader(client: &Client) -> anyhow::Result<(String, String)> {
    let holder = lease(client).await?.holder_identity.unwrap_or_default();
    let pod = holder
        .rsplit_once('_')
        .context("nobody leads")?
        .0
        .to_owned();
    Ok((holder, pod))
}

/// The process of an operator's pod, on the host.
///
/// # Errors
/// When there is none.
pub fn process(cluster: &Cluster, pod: &str) -> anyhow::Result<Pid> {
    let named = format!("CROKODIAL_POD_NAME={pod}");
    let is = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == named.as_bytes())
    };
    let processes = leftovers::pods_running(&cluster.layout, PROGRAM)?;
    let found = processes.into_iter().find(is);
    found
        .map(Pid::from_raw)
        .with_context(|| format!("no process of pod {pod}"))
}

/// Waits until there are two operators, both ready, and one of them leads.
///
/// # Errors
/// When there are not in time, with what there is.
pub async fn settled(client: &Client, progress: &Progress) -> anyhow::Result<String> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), helm::NAMESPACE);
    let of = ListParams::default().labels("app.kubernetes.io/name=crokodial-operator");
    let within = Duration::from_secs(90);
    until(progress, "two operators", within, || async {
        let found = pods.list(&of).await?.items;
        let ready = found.iter().filter(|pod| is_ready(pod)).count();
        ensure!(
            (found.len(), ready) == (2, 2),
            "{} pods, {ready} ready",
            found.len()
        );
        let (holder, pod) = leader(client).await?;
        ensure!(
            found.iter().any(|p| p.name_any() == pod),
            "{holder} is gone"
        );
        Ok(pod)
    })
    .await
}

/// How often the container of an operator's pod was started again.
///
/// # Errors
/// When there is no such pod.
pub async fn restarts(client: &Client, pod: &str) -> anyhow::Result<i32> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), helm::NAMESPACE);
    Ok(restarts_of(&pods.get(pod).await?))
}

/// Waits until a pod whose process was ended has another one, which is ready. Until the kubelet has seen the end, the
/// pod is said to be ready, and an operator that is not there cannot take over from the other.
///
/// # Errors
/// When it has none in time.
pub async fn restarted(
    client: &Client,
    progress: &Progress,
    pod: &str,
    before: i32,
) -> anyhow::Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), helm::NAMESPACE);
    let within = Duration::from_secs(90);
    until(progress, "the operator's restart", within, || async {
        let found = pods.get(pod).await?;
        ensure!(restarts_of(&found) > before, "{pod} was not restarted yet");
        ensure!(is_ready(&found), "{pod} is not ready");
        Ok(())
    })
    .await
}

fn restarts_of(pod: &Pod) -> i32 {
    let status = pod.status.as_ref();
    let containers = status.and_then(|s| s.container_statuses.as_deref());
    let counts = containers.unwrap_or_default().iter();
    counts.map(|container| container.restart_count).sum()
}

fn is_ready(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let conditions = status
        .and_then(|s| s.conditions.as_deref())
        .unwrap_or_default();
    conditions
        .iter()
        .any(|c| c.type_ == "Ready" && c.status == "True")
}
