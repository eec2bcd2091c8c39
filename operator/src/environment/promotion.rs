//! Reads the environment that images are promoted from. What was tested there is what comes here: of a promoted
//! image the digest is the one in the source's records.

use std::collections::BTreeMap;
use std::time::Duration;

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{
    CrokodialEnvironment, CrokodialRelease, EnvironmentSpec, PromotionStatus, duration,
};
use futures::future::try_join;

use super::decide::Step;
use super::finding::Finding;
use super::owner::Owner;
use crate::context::Context;
use crate::kube_io::IoError;
use crate::release::gate::auto::{self, Picked};
use crate::release::gate::{Place, Rules, Source, SourceRelease, Verdict};
use crate::release::record::Record;

/// A promotion and what is there to promote.
#[derive(Clone, Debug, PartialEq)]
pub struct Promotion {
    /// What is asked of an image.
    pub rules: Rules,
    /// Where it comes from.
    pub source: Source,
    /// What `auto` makes of it.
    pub picked: Option<Picked>,
}

/// Looks at the source, where the spec names one.
pub async fn observe(
    ctx: &Context,
    owner: &Owner,
    spec: &EnvironmentSpec,
    records: &[Record],
) -> Result<Option<Promotion>, IoError> {
    let Some(promotion) = &spec.promotion else {
        return Ok(None);
    };
    let own = Place {
        namespace: owner.namespace.clone(),
        name: owner.name.to_string(),
    };
    let rules = Rules::of(promotion, &own);
    let source = source(ctx, &rules).await?;
    let pinned = records.iter().filter(|r| r.spec.pin && r.good());
    let pinned = pinned.map(Record::number).max();
    let picked = rules
        .auto
        .then(|| auto::pick(&rules, records, &source, pinned, ctx.now()));
    Ok(Some(Promotion {
        rules,
        source,
        picked,
    }))
}

async fn source(ctx: &Context, rules: &Rules) -> Result<Source, IoError> {
    let Place { namespace, name } = &rules.source;
    if !ctx.settings.watch_namespaces.contains(namespace) {
        return Ok(Source::NotWatched);
    }
    let (environment, releases) = try_join(
        ctx.io.get::<CrokodialEnvironment>(namespace, name),
        ctx.io.list::<CrokodialRelease>(namespace, ""),
    )
    .await?;
    if environment.is_none() {
        return Ok(Source::NotFound);
    }
    let records = releases.iter().filter_map(|r| Record::of(r, name));
    Ok(Source::Found {
        releases: records.map(|r| release(&r)).collect(),
        measured: BTreeMap::new(),
    })
}

fn release(record: &Record) -> SourceRelease {
    SourceRelease {
        number: record.number(),
        image: record.spec.image.clone(),
        digest: record.spec.digest.clone(),
        phase: record.phase(),
        ..SourceRelease::default()
    }
}

/// What users are told: the verdict on what is wanted, or what keeps `auto` from wanting something newer.
fn told(step: &Step) -> &Verdict {
    match &step.waits {
        Some(waits) if step.gate.passes() => waits,
        _ => &step.gate,
    }
}

/// The condition `Promotable`.
pub fn finding(step: &Step) -> Finding {
    let verdict = told(step);
    if verdict.passes() {
        Finding::yes(verdict.reason, verdict.message.clone())
    } else {
        Finding::no(verdict.reason, verdict.message.clone())
    }
}

/// The field `status.promotion`.
pub fn status(step: &Step) -> PromotionStatus {
    let verdict = told(step);
    PromotionStatus {
        verdict: verdict.verdict,
        reason: verdict.reason.as_str().to_owned(),
        digest: verdict.digest.clone(),
        soaked: verdict
            .soaked
            .map(|done| duration::format(coarse(done, verdict.required.unwrap_or_default()))),
        required: verdict.required.map(duration::format),
        availability: verdict.availability.map(|a| a.to_string()),
        earliest: verdict.earliest.map(whole_seconds),
    }
}

/// Thirty steps to the whole, so that a soak is not a write for every second of it.
fn coarse(done: Duration, required: Duration) -> Duration {
    let step = (required.as_secs() / 30).max(1);
    Duration::from_secs(done.as_secs() / step * step)
}
