//! Helper functions that read fields of Kubernetes objects.

use crokodial_crds::names::LABEL_COMPONENT;
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;

/// Returns the component of an object or pod from its label; `None` if the label is missing.
pub fn component_of(object: &impl ResourceExt) -> Option<&str> {
    object.labels().get(LABEL_COMPONENT).map(String::as_str)
}

/// True if the Ingress has a rule for the host.
pub fn carries(ingress: &Ingress, host: &str) -> bool {
    let rules = ingress
        .spec
        .as_ref()
        .and_then(|s| s.rules.as_deref())
        .unwrap_or_default();
    rules.iter().any(|r| r.host.as_deref() == Some(host))
}

/// Returns the first host in the rules of an Ingress; `None` if no rule has a host.
pub fn first_host(ingress: &Ingress) -> Option<&str> {
    let rules = ingress.spec.as_ref()?.rules.as_deref()?;
    rules.iter().find_map(|r| r.host.as_deref())
}

/// Returns the first address in the status of an Ingress: an IP address or a host name. `None` if the Ingress
/// controller has not published an address.
pub fn published_address(ingress: &Ingress) -> Option<String> {
    let published = ingress
        .status
        .as_ref()?
        .load_balancer
        .as_ref()?
        .ingress
        .as_ref()?
        .first()?;
    published.ip.clone().or_else(|| published.hostname.clone())
}
