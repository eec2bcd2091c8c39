//! Inspection of the running operator pods, such as which pod leads, and which writes each pod made according to the
//! API server's audit log.

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

/// The operator's Deployment, in the form that `kubectl` accepts as an argument.
pub const DEPLOYMENT: &str = "deploy/crokodial-operator";
/// Duration of the leader-election Lease, as in the chart's defaults.
pub const LEASE_DURATION: Duration = Duration::from_secs(5);
/// Maximum time for another operator pod to take over after the Lease was released or expired.
pub const MAX_HANDOVER: Duration = Duration::from_millis(500);

/// A write request of an operator pod, as recorded in the API server's audit log.
#[derive(Debug)]
pub struct AuditedWrite {
    /// Name of the operator pod that made the write.
    pub pod: String,
    /// Time at which the API server received the request.
    pub received: Timestamp,
    /// Time at which the API server completed the response.
    pub ended: Timestamp,
    /// HTTP status code of the response.
    pub code: i64,
    /// Verb, resource, subresource and name, such as `patch deployments//staging`.
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

    /// Returns the time from `since` until the API server received the request; zero if it received the request
    /// earlier.
    #[must_use]
    pub fn after(&self, since: Timestamp) -> Duration {
        Duration::try_from(self.received.duration_since(since)).unwrap_or_default()
    }

    /// Returns true if the request wrote a Lease.
    #[must_use]
    pub fn is_of_lease(&self) -> bool {
        self.what.contains(" leases/")
    }

    /// Returns true if the API server accepted the write (status 2xx).
    #[must_use]
    pub fn accepted(&self) -> bool {
        (200..300).contains(&self.code)
    }
}

/// Returns the writes of all operator pods to which the API server responded at or after `since`, in the order in which
/// it received them.
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

/// Returns the first accepted write since `since` by an operator pod other than `old`. Writes of Leases are ignored.
///
/// # Errors
/// When there is no such write yet, or the audit log cannot be read.
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

/// Returns the spec of the Lease of the operator's leader election.
///
/// # Errors
/// When the Lease cannot be read.
pub async fn lease(client: &Client) -> anyhow::Result<LeaseSpec> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), helm::NAMESPACE);
    Ok(leases.get(LEASE).await?.spec.unwrap_or_default())
}

/// Returns the identity of the leading operator, as in the Lease, and the name of its pod.
///
/// # Errors
/// When no operator leads, or the Lease cannot be read.
pub async fn leader(client: &Client) -> anyhow::Result<(String, String)> {
    let holder = lease(client).await?.holder_identity.unwrap_or_default();
    let pod = holder
        .rsplit_once('_')
        .context("nobody leads")?
        .0
        .to_owned();
    Ok((holder, pod))
}

/// Returns the process id, on the host, of the operator that runs in `pod`.
///
/// # Errors
/// When no operator process runs in `pod`.
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

/// Waits until exactly two operator pods exist, both are ready, and one of them leads. Returns the name of the leading
/// pod.
///
/// # Errors
/// When the wait takes longer than 90 s; the error contains the last observed state of the pods.
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

/// Returns the number of container restarts of an operator pod.
///
/// # Errors
/// When the pod does not exist.
pub async fn restarts(client: &Client, pod: &str) -> anyhow::Result<i32> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), helm::NAMESPACE);
    Ok(restarts_of(&pods.get(pod).await?))
}

/// Waits until a pod whose process was killed has restarted and is ready. `before` is the pod's number of restarts
/// before the kill.
///
/// The condition Ready is not sufficient: until the kubelet notices the kill, the pod is still reported as ready,
/// although it cannot take over the Lease.
///
/// # Errors
/// When the pod has not restarted and become ready within 90 s.
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
