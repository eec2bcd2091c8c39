//! Values that the chart sets for all environments whose spec leaves them out.

use crokodial_crds::TlsMode;

/// Values for all environments whose spec leaves them out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// Ingress class of environments whose spec has none; `None`: the cluster's default class.
    pub ingress_class: Option<String>,
    /// TLS mode of environments whose spec has none.
    pub tls_mode: TlsMode,
    /// Image of preflight Jobs, which is the operator's own; `None`: no preflight Jobs are created.
    pub preflight_image: Option<String>,
    /// Secret in the environment's namespace with which preflight Jobs pull their image; `None`: those of their
    /// ServiceAccount.
    pub preflight_pull_secret: Option<String>,
}
