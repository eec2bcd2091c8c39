//! Fields of a `CrokodialEnvironment`'s spec for the placement and the metadata of its pods. The doc comments of the
//! types and fields are published as their descriptions in the CRD.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::field_schemas::{affinity, label_selector, text_map};

/// Placement and metadata of the application's pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodSettings {
    /// Labels that a node must have to run the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "text_map")]
    pub node_selector: BTreeMap<String, String>,

    /// Taints of nodes that the pods tolerate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub tolerations: Vec<TolerationSpec>,

    /// Affinity of the pods to nodes and to other pods, as in the `affinity` of a Kubernetes pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "affinity")]
    pub affinity: Option<Value>,

    /// Distribution of the pods over nodes or zones. It replaces the operator's own, which spreads the pods over nodes
    /// where possible.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["topologyKey".into(), "whenUnsatisfiable".into()]))]
    pub topology_spread_constraints: Vec<SpreadConstraint>,

    /// Name of the PriorityClass of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(
        validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
            .message("priorityClassName: write the name of a PriorityClass: lower-case letters, digits, hyphens and dots"),
        validation = Rule::new("!self.startsWith('system-')")
            .message("priorityClassName: classes that start with system- are for the cluster's own pods: use another PriorityClass")
    )]
    pub priority_class_name: Option<String>,

    /// Additional labels of the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "text_map")]
    #[x_kube(validation = Rule::new("self.all(k, !k.startsWith('crokodial.com/') && !k.startsWith('app.kubernetes.io/'))")
        .message("pod.labels: labels that start with crokodial.com/ or app.kubernetes.io/ are set by the operator: use another name"))]
    pub labels: BTreeMap<String, String>,

    /// Additional annotations of the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "text_map")]
    #[x_kube(validation = Rule::new("self.all(k, !k.startsWith('container.apparmor.security.beta.kubernetes.io/'))")
        .message("pod.annotations: the AppArmor profile of a pod cannot be changed: remove the annotation"),
        validation = Rule::new("self.all(k, !k.startsWith('crokodial.com/'))")
        .message("pod.annotations: annotations that start with crokodial.com/ are set by the operator: use another name"))]
    pub annotations: BTreeMap<String, String>,

    /// Annotations of the pods' ServiceAccount, for example the role that a cloud gives to its pods. A change applies at
    /// once and makes no release; running pods may need a new `runtime.restart` to notice it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "text_map")]
    #[x_kube(validation = Rule::new("self.all(k, !k.startsWith('crokodial.com/'))")
        .message("pod.serviceAccountAnnotations: annotations that start with crokodial.com/ are set by the operator: use another name"))]
    pub service_account_annotations: BTreeMap<String, String>,
}

/// Toleration of a taint, as in the `tolerations` of a Kubernetes pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.key) || (has(self.operator) && self.operator == 'Exists')")
    .message("tolerations: write the key of the taint; only operator: Exists may do without, and then tolerates all taints"))]
#[serde(rename_all = "camelCase")]
pub struct TolerationSpec {
    /// Key of the taint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 317))]
    pub key: Option<String>,

    /// Comparison with the taint: `Equal` compares the value, `Exists` tolerates any value. Kubernetes takes `Equal` if
    /// it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self in ['Equal', 'Exists']")
        .message("tolerations: operator: write Equal or Exists"))]
    pub operator: Option<String>,

    /// Value of the taint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub value: Option<String>,

    /// Effect of the taint. All effects are tolerated if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("self in ['NoSchedule', 'PreferNoSchedule', 'NoExecute']")
        .message("tolerations: effect: write NoSchedule, PreferNoSchedule or NoExecute"))]
    pub effect: Option<String>,

    /// Time in seconds for which a pod stays on a node with a `NoExecute` taint. It stays without a limit if it is
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86_400))]
    pub toleration_seconds: Option<i64>,
}

/// Rule for the distribution of the pods, as in the `topologySpreadConstraints` of a Kubernetes pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpreadConstraint {
    /// Label of nodes over whose values the pods are distributed, such as `topology.kubernetes.io/zone`.
    #[schemars(length(min = 1, max = 317))]
    pub topology_key: String,

    /// Reaction if the rule cannot be met: `DoNotSchedule` lets the pod wait, `ScheduleAnyway` starts it nevertheless.
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self in ['DoNotSchedule', 'ScheduleAnyway']")
        .message("topologySpreadConstraints: whenUnsatisfiable: write DoNotSchedule or ScheduleAnyway"))]
    pub when_unsatisfiable: String,

    /// Largest permitted difference between the numbers of pods.
    #[schemars(range(min = 1, max = 100))]
    pub max_skew: i32,

    /// Smallest number of values of the label that must exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub min_domains: Option<i32>,

    /// Pods that are counted. The pods of this environment are counted if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "label_selector")]
    pub label_selector: Option<Value>,
}
