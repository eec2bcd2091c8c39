//! Helper functions that read fields of Kubernetes objects.

use crokodial_crds::names::LABEL_COMPONENT;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;

/// Returns the component of an object or pod from its label; `None` if the label is missing.
pub fn component_of(object: &impl ResourceExt) -> Option<&str> {
    object.labels().get(LABEL_COMPONENT).map(String::as_str)
}

/// Returns the hosts in the rules of an Ingress.
pub fn hosts_of(ingress: &Ingress) -> impl Iterator<Item = &str> {
    let rules = ingress.spec.as_ref().and_then(|s| s.rules.as_deref());
    let rules = rules.unwrap_or_default().iter();
    rules.filter_map(|r| r.host.as_deref())
}

/// True if the Ingress has a rule for the host.
pub fn carries(ingress: &Ingress, host: &str) -> bool {
    hosts_of(ingress).any(|found| found == host)
}

/// Returns the first host in the rules of an Ingress; `None` if no rule has a host.
pub fn first_host(ingress: &Ingress) -> Option<&str> {
    hosts_of(ingress).next()
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

/// Returns the value of an annotation of the pods that a Deployment makes; `None` if they do not have it.
pub fn pod_annotation<'a>(deployment: &'a Deployment, name: &str) -> Option<&'a String> {
    let pods = deployment.spec.as_ref()?.template.metadata.as_ref()?;
    pods.annotations.as_ref()?.get(name)
}
