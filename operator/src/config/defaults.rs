//! Operator-wide defaults for fields that an environment's spec does not set.

use crokodial_crds::TlsMode;

/// Operator-wide defaults for fields that an environment's spec does not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// Ingress class for environments that do not set one; `None` selects the cluster's default class.
    pub ingress_class: Option<String>,
    /// TLS mode for environments that do not set one.
    pub tls_mode: TlsMode,
    /// Image of preflight Jobs, normally the operator's own image. If `None`, no preflight Jobs are created.
    pub preflight_image: Option<String>,
    /// Name of the Secret with which preflight Jobs pull their image, in the namespace of the environment. If `None`,
    /// they use the pull secrets of their ServiceAccount.
    pub preflight_pull_secret: Option<String>,
}
