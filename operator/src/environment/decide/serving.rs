//! Finds the release whose pods answer requests. All functions are pure.

use crate::environment::model::observed::Observed;
use crate::release::workload::Workload;

/// Returns the number of the release whose pods answer requests. It is the release in the Deployment if that is fully
/// rolled out, otherwise the newest release with a ready pod. A release in flight counts only if no other release has a
/// ready pod. `None` if no release serves.
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
