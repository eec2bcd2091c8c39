//! Finds the release whose pods answer requests. Pure.

use crate::environment::model::observed::Observed;
use crate::release::workload::Workload;

/// Number of the release whose pods answer requests: the one in the Deployment if it is fully rolled out, else the
/// newest with a ready pod, where a release in flight counts only if there is no other.
pub fn serving(observed: &Observed, workload: &Workload) -> Option<i64> {
    if let Some(everywhere) = workload
        .release
        .filter(|n| workload.rolled_out(*n) && workload.desired > 0)
    {
        return Some(everywhere);
    }
    let ready = || {
        observed
            .pods
            .iter()
            .filter(|p| p.ready && !p.terminating)
            .filter_map(|p| p.release)
    };
    let in_flight = |n: i64| {
        observed
            .records
            .iter()
            .any(|r| r.number() == n && r.in_flight())
    };
    ready()
        .filter(|n| !in_flight(*n))
        .max()
        .or_else(|| ready().max())
}
