//! Release whose pods answer requests. Pure.

use crate::environment::model::observed::Observed;
use crate::release::workload::Workload;

/// Release whose pods answer requests: the one that the Deployment runs once it is everywhere, else the newest with a
/// ready pod that is not still under way.
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
