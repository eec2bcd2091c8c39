//! The running operator pods: which pod leads, and what each pod wrote according to the API server's audit log.

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
use crate::wait::until;
use crate::{Cluster, Progress, leftovers};

const PROGRAM: &str = "/crokodial-operator";
const LEASE: &str = "crokodial-operator";

/// The operator's Deployment in the form `kubectl` accepts as an argument.
pub const DEPLOYMENT: &str = "deploy/crokodial-operator";
/// Duration of the leader's Lease, as in the chart's defaults.
pub const LEASE_DURATION: Duration = Duration::from_secs(5);
/// Maximum duration of a takeover after the Lease has been released or has expired.
pub const MAX_HANDOVER: Duration = Duration::from_millis(500);

/// A write request of an operator pod, from the audit log.
#[derive(Debug)]
pub struct AuditedWrite {
    /// Name of the operator pod that made the write.
    pub pod: String,
    /// Time at which the API server received the request.
    pub received: Timestamp,
    /// Time at which the API server had sent the response.
    pub ended: Timestamp,
    /// Status code of the response.
    pub code: i64,
    /// Verb and object, such as `patch deployments//staging`.
    pub what: String,
}

impl AuditedWrite {
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

    /// Time from `since` until the API server received the request.
    #[must_use]
    pub fn after(&self, since: Timestamp) -> Duration {
        Duration::try_from(self.received.duration_since(since)).unwrap_or_default()
    }

    /// Whether the object is a Lease.
    #[must_use]
    pub fn is_of_lease(&self) -> bool {
        self.what.contains(" leases/")
    }

    /// Whether the API server accepted the write.
    #[must_use]
    pub fn accepted(&self) -> bool {
        (200..300).contains(&self.code)
    }
}

/// The operators' writes that the API server answered since `since`, in order.
///
/// # Errors
/// When the audit log cannot be read.
pub fn writes(cluster: &Cluster, since: Timestamp) -> anyhow::Result<Vec<AuditedWrite>> {
    let path = cluster.layout.audit_log();
    let log = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut found: Vec<AuditedWrite> = log.lines().filter_map(AuditedWrite::of).collect();
    found.retain(|write| write.ended >= since);
    found.sort_by_key(|write| write.received);
    Ok(found)
}

/// The first accepted write since `since` that was made by a pod other than `old`. Writes of the Lease do not count.
///
/// # Errors
/// When there is no such write yet.
pub fn first_write_of_others(
    cluster: &Cluster,
    old: &str,
    since: Timestamp,
) -> anyhow::Result<AuditedWrite> {
    let mut others = writes(cluster, since)?;
    others.retain(|w| w.pod != old && !w.is_of_lease() && w.accepted());
    ensure!(!others.is_empty(), "no write yet");
    Ok(others.swap_remove(0))
}

/// The spec of the Lease of the operator's leader election.
///
/// # Errors
/// When the Lease cannot be read.
pub async fn lease(client: &Client) -> anyhow::Result<LeaseSpec> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), helm::NAMESPACE);
    Ok(leases.get(LEASE).await?.spec.unwrap_or_default())
}

/// Identity of the leader and the name of its pod.
///
/// # Errors
/// When no operator leads.
pub async fn leader(client: &Client) -> anyhow::Result<(String, String)> {
    let holder = lease(client).await?.holder_identity.unwrap_or_default();
    let pod = holder
        .rsplit_once('_')
        .context("nobody leads")?
        .0
        .to_owned();
    Ok((holder, pod))
}

/// Process id on the host of the operator in a pod.
///
/// # Errors
/// When there is no such process.
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

/// Waits until two operator pods are ready and one of them leads; returns the name of the leader's pod.
///
/// # Errors
/// When the timeout passes; the error contains the state of the pods.
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

/// Number of restarts of an operator's pod.
///
/// # Errors
/// When there is no such pod.
pub async fn restarts(client: &Client, pod: &str) -> anyhow::Result<i32> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), helm::NAMESPACE);
    Ok(restarts_of(&pods.get(pod).await?))
}

/// Waits until a pod whose process was killed has been restarted and is ready. Readiness alone is not enough: until the
/// kubelet notices the kill, the pod is still reported as ready although it could not take over the Lease.
///
/// # Errors
/// When the pod is not restarted in time.
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
