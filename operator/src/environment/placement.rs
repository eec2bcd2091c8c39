//! Rules for `runtime.pod` that the schema of the CRD does not check. All functions are pure.

use crokodial_crds::{PodSettings, Reason};
use k8s_openapi::api::core::v1::Affinity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;

use super::finding::Finding;

/// Checks the parts of `runtime.pod` whose types the schema does not know. Returns a finding that names an invalid field.
pub fn check(pod: &PodSettings) -> Result<(), Finding> {
    let bad = |field: &str, what: &str| {
        let seen = format!("spec.runtime.pod.{field} is not a {what} of Kubernetes");
        Err(Finding::no(Reason::InvalidSpec, seen))
    };
    if pod
        .affinity
        .as_ref()
        .is_some_and(|a| Affinity::deserialize(a).is_err())
    {
        return bad("affinity", "pod's affinity");
    }
    let selectors = pod.topology_spread_constraints.iter();
    let mut selectors = selectors.filter_map(|c| c.label_selector.as_ref());
    if selectors.any(|s| LabelSelector::deserialize(s).is_err()) {
        return bad("topologySpreadConstraints.labelSelector", "label selector");
    }
    Ok(())
}
