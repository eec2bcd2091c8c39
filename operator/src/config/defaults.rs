//! Defaults of a spec that the chart sets for all environments.

use crokodial_crds::TlsMode;

/// Defaults that the chart sets for all environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// Ingress class where the spec names none; `None`: the cluster's default class.
    pub ingress_class: Option<String>,
    /// TLS mode where the spec names none.
    pub tls_mode: TlsMode,
    /// Image of preflight Jobs: the operator's own.
    pub preflight_image: Option<String>,
    /// Secret in the environment's namespace with which that image is pulled; `None`: those of its ServiceAccount.
    pub preflight_pull_secret: Option<String>,
}
