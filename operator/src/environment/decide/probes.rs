//! The probes' verdict on the release that is in its bake. All functions are pure.

use std::time::Duration;

use crokodial_crds::{Reason, ReleasePhase};
use jiff::{SignedDuration, Timestamp};

use crate::environment::effective::Effective;
use crate::environment::model::observed::Observed;
use crate::release::machine::ProbeHealth;
use crate::release::record::{Record, last_good};
use crate::uptime::bake::{Bake, BakeVerdict};
use crate::uptime::soak;

/// Returns the verdict of the probes on the release in its bake; `Fine` if no release is in its bake.
pub fn verdict(observed: &Observed, effective: &Effective, now: Timestamp) -> ProbeHealth {
    let Some(bake) = baking(observed, effective, now) else {
        return ProbeHealth::Fine;
    };
    match bake.judge() {
        BakeVerdict::Fail(Reason::SlowResponses, how) => ProbeHealth::Slow(how),
        BakeVerdict::Fail(_, how) => ProbeHealth::Failing(how),
        BakeVerdict::Silent(reason, how) => ProbeHealth::Silent(reason, how),
        BakeVerdict::Fine | BakeVerdict::Unmeasured(_) => match bake.extended_by() {
            SignedDuration::ZERO => ProbeHealth::Fine,
            more => ProbeHealth::Unmeasured(Duration::try_from(more).unwrap_or_default()),
        },
    }
}

/// Returns the next time at which the verdict may change although no watched object changes, or at which measurements
/// must be written to a record; `None` if there is no such time.
pub fn next_look(
    observed: &Observed,
    effective: &Effective,
    serving: Option<i64>,
    now: Timestamp,
) -> Option<Timestamp> {
    let probes = observed.probes.as_ref()?;
    let record = observed
        .records
        .iter()
        .find(|r| Some(r.number()) == serving);
    let count = record.and_then(|r| {
        let status = r.status.as_ref()?;
        soak::next_count(r.number(), status, probes, now)
    });
    let slow = baking(observed, effective, now).and_then(|bake| bake.next_look());
    count.into_iter().chain(slow).min()
}

fn baking<'a>(observed: &'a Observed, effective: &Effective, now: Timestamp) -> Option<Bake<'a>> {
    let bakes = |r: &&Record| r.phase() == Some(ReleasePhase::Baking);
    let record = observed.records.iter().find(bakes)?;
    let status = record.status.as_ref()?;
    Some(Bake {
        number: record.number(),
        status,
        probes: observed.probes.as_ref(),
        good_p95_ms: last_good(&observed.records)
            .and_then(|good| good.status.as_ref()?.latency_p95_ms),
        rolled_out_at: status.rolled_out_at.as_ref()?.0,
        bake: effective.bake,
        now,
    })
}
