//! Lists the pods of an environment.

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

/// Identity and number of restarts of a pod. Two values from different times show whether the pod was replaced or
/// restarted in between.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodState {
    /// Name of the pod.
    pub name: String,
    /// UID of the pod.
    pub uid: String,
    /// Number of restarts, summed over all containers.
    pub restarts: i32,
    /// True if the pod is being deleted.
    pub terminating: bool,
}

/// Returns the pods of one component of an environment, such as `web` or `candidate`, sorted by name.
///
/// # Errors
/// When the pods cannot be listed.
pub async fn of(
    client: &Client,
    namespace: &str,
    environment: &str,
    component: &str,
) -> anyhow::Result<Vec<PodState>> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let selector =
        format!("crokodial.com/environment={environment},app.kubernetes.io/component={component}");
    let found = api.list(&ListParams::default().labels(&selector)).await?;
    let state = |pod: &Pod| PodState {
        name: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        restarts: restarts(pod),
        terminating: pod.metadata.deletion_timestamp.is_some(),
    };
    let mut all: Vec<PodState> = found.iter().map(state).collect();
    all.sort();
    Ok(all)
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod
        .status
        .as_ref()
        .and_then(|s| s.container_statuses.as_deref())
        .unwrap_or_default();
    statuses.iter().map(|c| c.restart_count).sum()
}
