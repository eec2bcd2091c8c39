//! Fields of a `CrokodialEnvironment`'s spec for its route and certificate. The doc comments of the types and fields
//! are published as their descriptions in the CRD.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::field_schemas::undescribed;

/// Route by which requests for `domain` reach the application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("!has(self.ingressClassName) || !has(self.kind) || self.kind == 'Ingress'")
    .message("route: ingressClassName is only for kind Ingress: remove it, or set kind: Ingress"))]
#[serde(rename_all = "camelCase")]
pub struct RouteSpec {
    /// Kind of the route: `Ingress` (the default) or `None`. With `None`, the operator creates no route, and you must
    /// provide your own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<RouteKind>,

    /// Name of the IngressClass. Default: the operator's setting, and without one the cluster's default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("ingressClassName: write the name of an IngressClass of this cluster, see kubectl get ingressclass"))]
    pub ingress_class_name: Option<String>,

    /// True if the route counts as accepted only once the controller has published an address in the Ingress's status.
    /// Set it to false for a controller that never does so, such as Traefik without `publishedService`. The operator
    /// then cannot see whether a controller serves the Ingress, nor test the redirect to HTTPS. Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_address: Option<bool>,
}

/// Kind of object that routes requests to the application.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum RouteKind {
    /// An Ingress of the API group `networking.k8s.io`.
    Ingress,
    /// No route: the operator creates no object.
    None,
}

/// Certificate for `domain`, and the redirect from HTTP to HTTPS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TlsSpec {
    /// Source of the certificate. `SelfSigned`: the operator's own CA issues it, and browsers do not trust that CA.
    /// `None`: there is no certificate. Default: the operator's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<TlsMode>,

    /// True if HTTP requests must be redirected to HTTPS. The operator tests the redirect and reports the result in the
    /// condition `HttpsForced`. Default: true, except with mode `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_https: Option<bool>,
}

/// Source of the certificate for `domain`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum TlsMode {
    /// The operator's own CA issues the certificate.
    SelfSigned,
    /// There is no certificate.
    None,
}
