//! Resource types that the fake API server serves.

use serde_json::Value;

/// Resource type that the server serves, with the properties that affect the server's behavior.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceType {
    /// API group; empty for the core group.
    pub group: String,
    pub version: String,
    pub plural: String,
    pub kind: String,
    pub namespaced: bool,
    /// True if the type has a `status` subresource. Writes to the main resource then ignore `.status`.
    pub has_status: bool,
    /// True if objects of the type have `metadata.generation`.
    pub has_generation: bool,
    /// `openAPIV3Schema` from the CRD of a custom resource; `None` if no CRD was installed.
    pub schema: Option<Value>,
}

impl ResourceType {
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Returns plural and group, as in API server messages, such as `deployments.apps`.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// Returns kind and group, as in API server errors, such as `Deployment.apps`.
    pub fn qualified_kind(&self) -> String {
        if self.group.is_empty() {
            self.kind.clone()
        } else {
            format!("{}.{}", self.kind, self.group)
        }
    }

    /// Returns true if this is the type of a custom resource, judged by its API group.
    pub fn is_custom(&self) -> bool {
        is_custom_group(&self.group)
    }

    /// Returns the type that a CustomResourceDefinition (as JSON) defines. Returns `None` if a required field is
    /// missing.
    pub fn from_crd(crd: &Value) -> Option<Self> {
        let spec = crd.get("spec")?;
        let version = spec
            .get("versions")?
            .as_array()?
            .iter()
            .find(|v| v.get("storage").and_then(Value::as_bool) == Some(true))?;
        let names = spec.get("names")?;
        let text = |v: &Value, key: &str| Some(v.get(key)?.as_str()?.to_owned());
        Some(Self {
            group: text(spec, "group")?,
            version: text(version, "name")?,
            plural: text(names, "plural")?,
            kind: text(names, "kind")?,
            namespaced: text(spec, "scope")? == "Namespaced",
            has_status: version.pointer("/subresources/status").is_some(),
            has_generation: true,
            schema: version.pointer("/schema/openAPIV3Schema").cloned(),
        })
    }
}

/// Returns true if an API group belongs to custom resources. Such a group contains a dot and does not end in `.k8s.io`.
pub fn is_custom_group(group: &str) -> bool {
    group.contains('.') && !group.ends_with(".k8s.io")
}

/// Built-in types that the operator may use, and the two custom types of this project without their schema. The columns
/// are group, version, plural, kind and flags (c: cluster-scoped, s: status subresource, g: generation).
const TYPES: &[(&str, &str, &str, &str, &str)] = &[
    ("", "v1", "namespaces", "Namespace", "cs"),
    ("", "v1", "nodes", "Node", "cs"),
    ("", "v1", "pods", "Pod", "sg"),
    ("", "v1", "services", "Service", "s"),
    ("", "v1", "configmaps", "ConfigMap", ""),
    ("", "v1", "secrets", "Secret", ""),
    ("", "v1", "serviceaccounts", "ServiceAccount", ""),
    ("", "v1", "events", "Event", ""),
    ("apps", "v1", "deployments", "Deployment", "sg"),
    ("apps", "v1", "replicasets", "ReplicaSet", "sg"),
    ("batch", "v1", "jobs", "Job", "sg"),
    ("coordination.k8s.io", "v1", "leases", "Lease", ""),
    (
        "discovery.k8s.io",
        "v1",
        "endpointslices",
        "EndpointSlice",
        "g",
    ),
    ("events.k8s.io", "v1", "events", "Event", ""),
    ("networking.k8s.io", "v1", "ingresses", "Ingress", "sg"),
    (
        "networking.k8s.io",
        "v1",
        "ingressclasses",
        "IngressClass",
        "cg",
    ),
    (
        "networking.k8s.io",
        "v1",
        "networkpolicies",
        "NetworkPolicy",
        "g",
    ),
    (
        "policy",
        "v1",
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        "sg",
    ),
    (
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        "csg",
    ),
    (
        "crokodial.com",
        "v1alpha1",
        "crokodialenvironments",
        "CrokodialEnvironment",
        "sg",
    ),
    (
        "crokodial.com",
        "v1alpha1",
        "crokodialreleases",
        "CrokodialRelease",
        "sg",
    ),
];

pub fn builtin_types() -> Vec<ResourceType> {
    let build =
        |&(group, version, plural, kind, traits): &(&str, &str, &str, &str, &str)| ResourceType {
            group: group.into(),
            version: version.into(),
            plural: plural.into(),
            kind: kind.into(),
            namespaced: !traits.contains('c'),
            has_status: traits.contains('s'),
            has_generation: traits.contains('g'),
            schema: None,
        };
    TYPES.iter().map(build).collect()
}
