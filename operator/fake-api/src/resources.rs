//! The resource types that the fake server serves, with the properties in which they differ.

use serde_json::Value;

/// A served resource type: the columns of `kubectl api-resources`, and properties on which the server's behaviour
/// depends.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceType {
    /// API group; empty for the core group.
    pub group: String,
    pub version: String,
    pub plural: String,
    pub kind: String,
    pub namespaced: bool,
    /// Whether the type has a `status` subresource. Writes to the main resource then ignore `.status`.
    pub has_status: bool,
    /// Whether objects have `metadata.generation`.
    pub has_generation: bool,
    /// `openAPIV3Schema` of a custom resource that was installed from its CRD.
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

    /// Plural and group, as the server names a resource in messages: `deployments.apps`.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// Kind and group, as the server names a kind in errors: `Deployment.apps`.
    pub fn qualified_kind(&self) -> String {
        if self.group.is_empty() {
            self.kind.clone()
        } else {
            format!("{}.{}", self.kind, self.group)
        }
    }

    /// Whether the type comes from a CustomResourceDefinition, judged by its group.
    pub fn is_custom(&self) -> bool {
        is_custom_group(&self.group)
    }

    /// The type that a CustomResourceDefinition (as JSON) defines; `None` if the JSON is not a definition.
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

/// Whether an API group is one of custom resources: it contains a dot and does not end in `.k8s.io`, as the groups of
/// built-in types do.
pub fn is_custom_group(group: &str) -> bool {
    group.contains('.') && !group.ends_with(".k8s.io")
}

/// The built-in types that the operator may use, and the project's two custom types before their CRDs are installed.
/// Columns: group, version, plural, kind, flags (c cluster-scoped, s status subresource, g generation).
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
