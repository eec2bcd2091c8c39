//! The types of a `CrokodialEnvironment`'s spec for its route and certificate. As in `environment.rs`, the rustdoc of
//! every type and field is published.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::field_schemas::undescribed;

/// How requests for the domain reach the application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("!has(self.ingressClassName) || !has(self.kind) || self.kind == 'Ingress'")
    .message("route: ingressClassName is only for kind Ingress: remove it, or set kind: Ingress"))]
#[serde(rename_all = "camelCase")]
pub struct RouteSpec {
    /// `Ingress` (the default) or `None`: no route is made, and you bring your own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<RouteKind>,

    /// The class of the Ingress. Default: the operator's setting, and without one the cluster's default
    /// class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("ingressClassName: write the name of an IngressClass of this cluster, see kubectl get ingressclass"))]
    pub ingress_class_name: Option<String>,
}

/// The kind of object that routes requests.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum RouteKind {
    /// A networking.k8s.io Ingress.
    Ingress,
    /// No route.
    None,
}

/// The certificate of the domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TlsSpec {
    /// `SelfSigned`: a certificate from the operator's own authority, which browsers do not know. `None`:
    /// no certificate. Default: the operator's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<TlsMode>,

    /// Whether http:// must redirect to https://. The redirect is measured and reported in the condition
    /// HttpsForced. Default: true, except with mode `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_https: Option<bool>,
}

/// Where a certificate comes from.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum TlsMode {
    /// Issued by the operator's own authority.
    SelfSigned,
    /// No certificate.
    None,
}
