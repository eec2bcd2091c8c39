//! Kubernetes objects that every local cluster needs: the RBAC roles of CoreDNS and Traefik, and the default
//! IngressClass.

use anyhow::Context;
use kube::api::{Api, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::core::discovery::ApiResource;
use serde_json::{Value, json};

use crate::layout::NODE_NAME;
use crate::wait::{Progress, until};

/// Field manager with which the objects are applied.
const MANAGER: &str = "crokodial-cluster";

/// Applies the Kubernetes objects that every local cluster needs. Idempotent.
///
/// # Errors
/// When the API server does not respond or rejects an object.
pub async fn apply(client: &kube::Client) -> anyhow::Result<()> {
    for object in objects() {
        apply_one(client, object).await?;
    }
    Ok(())
}

/// Applies one object by server-side apply. An object without `metadata.namespace` is treated as cluster-scoped.
///
/// # Errors
/// When the object has no apiVersion, kind or name, or the API server does not respond or rejects it.
pub async fn apply_one(client: &kube::Client, object: Value) -> anyhow::Result<()> {
    let object: DynamicObject = serde_json::from_value(object).context("decoding an object")?;
    let types = object
        .types
        .clone()
        .context("an object without apiVersion and kind")?;
    let name = object
        .metadata
        .name
        .clone()
        .context("an object without a name")?;
    let kind = GroupVersionKind::try_from(&types).context("an object's apiVersion")?;
    let resource = ApiResource::from_gvk(&kind);
    let api: Api<DynamicObject> = match object.metadata.namespace.as_deref() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let params = PatchParams::apply(MANAGER).force();
    api.patch(&name, &params, &Patch::Apply(&object))
        .await
        .with_context(|| format!("applying {} {name}", types.kind))?;
    Ok(())
}

/// Waits until the cluster's node is Ready, at most 120 s.
///
/// # Errors
/// When the node is not Ready within 120 s; the error contains the reason, such as the message of the node's condition
/// `Ready`.
pub async fn wait_for_node(client: &kube::Client, progress: &Progress) -> anyhow::Result<()> {
    use k8s_openapi::api::core::v1::Node;
    let nodes: Api<Node> = Api::all(client.clone());
    let deadline = std::time::Duration::from_secs(120);
    until(progress, "the node to be Ready", deadline, || async {
        let node = nodes
            .get_opt(NODE_NAME)
            .await?
            .context("the node is not registered yet")?;
        let conditions = node
            .status
            .and_then(|status| status.conditions)
            .unwrap_or_default();
        let ready = conditions
            .into_iter()
            .find(|condition| condition.type_ == "Ready");
        match ready {
            Some(condition) if condition.status == "True" => Ok(()),
            Some(condition) => anyhow::bail!("{}", condition.message.unwrap_or_default()),
            None => anyhow::bail!("the node reports no condition yet"),
        }
    })
    .await
}

fn objects() -> Vec<Value> {
    let read = json!(["get", "list", "watch"]);
    vec![
        role(
            "crokodial:coredns",
            json!([
                { "apiGroups": [""], "resources": ["services", "namespaces", "pods"], "verbs": read },
                { "apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read },
            ]),
        ),
        binding("crokodial:coredns"),
        role(
            "crokodial:traefik",
            json!([
                { "apiGroups": [""], "resources": ["services", "secrets", "nodes", "namespaces"], "verbs": read },
                { "apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read },
                { "apiGroups": ["networking.k8s.io"], "resources": ["ingresses", "ingressclasses"], "verbs": read },
                { "apiGroups": ["networking.k8s.io"], "resources": ["ingresses/status"], "verbs": ["update", "patch"] },
            ]),
        ),
        binding("crokodial:traefik"),
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {
                "name": "traefik",
                "annotations": { "ingressclass.kubernetes.io/is-default-class": "true" },
            },
            "spec": { "controller": "traefik.io/ingress-controller" },
        }),
    ]
}

fn role(name: &str, rules: Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": { "name": name },
        "rules": rules,
    })
}

/// Returns a ClusterRoleBinding of the ClusterRole `name` to the user `name`. The user name is the CN of the client
/// certificate of CoreDNS or Traefik.
fn binding(name: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": { "name": name },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name }],
    })
}
