//! Reads the environment that images are promoted from. The digest of a promoted image is taken from that environment's
//! release records, so exactly the image that was tested there is used.

use std::collections::BTreeMap;
use std::time::Duration;

use crokodial_crds::{CrokodialEnvironment, EnvironmentSpec};
use futures::future::try_join;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;

use super::namespaces::{self, NamespaceRead};
use super::releases;
use crate::context::Context;
use crate::environment::model::owner::Owner;
use crate::environment::model::promotion::Promotion;
use crate::environment::running;
use crate::release::gate::{AvailabilityCount, EnvironmentRef, Rules, Source, SourceRelease, auto};
use crate::release::record::Record;
use crate::uptime::{ProbeSummary, soak};

/// Reads the source environment and its releases and, with `promotion.auto`, chooses the image to run. `None` if the
/// spec has no promotion.
pub(super) async fn read(
    ctx: &Context,
    owner: &Owner,
    spec: &EnvironmentSpec,
    (records, deployment): (&[Record], Option<&Deployment>),
) -> Option<Promotion> {
    let promotion = spec.promotion.as_ref()?;
    let own = EnvironmentRef {
        namespace: owner.namespace.clone(),
        name: owner.name.to_string(),
    };
    let rules = Rules::of(promotion, &own);
    let source = source(ctx, owner, &rules).await;
    let pinned = records.iter().filter(|r| r.spec.pin && r.good());
    let pinned = pinned.map(Record::number).max();
    let unrecorded = running::unrecorded(owner, deployment, records).is_some();
    let picked = rules
        .auto
        .then(|| auto::pick(&rules, records, unrecorded, &source, pinned, ctx.now()));
    Some(Promotion {
        rules,
        source,
        picked,
    })
}

async fn source(ctx: &Context, owner: &Owner, rules: &Rules) -> Source {
    let EnvironmentRef { namespace, name } = &rules.source;
    if !ctx.settings.watch_namespaces.contains(namespace) {
        return Source::NotWatched;
    }
    // The same answer as for an environment that does not exist.
    if !ctx.settings.tenants.same(&owner.namespace, namespace) {
        return Source::NotFound;
    }
    let read = try_join(
        ctx.io.get::<CrokodialEnvironment>(namespace, name),
        releases::of_environment(ctx, namespace, name),
    );
    let (environment, releases) = match namespaces::outcome(namespace, read.await) {
        NamespaceRead::Readable(found) => found,
        NamespaceRead::Unreadable(cause) => return Source::Unreadable(cause),
    };
    let Some(environment) = environment else {
        return Source::NotFound;
    };
    let records: Vec<Record> = releases
        .iter()
        .filter_map(|r| Record::of(r, name))
        .collect();
    let now = ctx.now();
    let probes = ctx.probes.summary(namespace, name, now);
    let created = environment.creation_timestamp().map(|t| t.0);
    found(created, &records, probes.as_ref(), rules.window(), now)
}

/// Builds the state of the source from its creation time, its release records and the measurements that are not in the
/// records yet.
fn found(
    created: Option<Timestamp>,
    records: &[Record],
    probes: Option<&ProbeSummary>,
    window: Duration,
    now: Timestamp,
) -> Source {
    let releases: Vec<SourceRelease> = records.iter().map(|r| release(r, probes, now)).collect();
    let mut measured = BTreeMap::new();
    for digest in records.iter().map(|r| &r.spec.digest) {
        if let Some(answered) = answered(records, digest, probes, window, now) {
            measured.insert(digest.clone(), answered);
        }
    }
    // Records that were retained are older than an environment that was made again, and their numbers go on.
    let oldest = records.iter().filter_map(|r| r.created).min();
    Source::Found {
        releases,
        began: created.into_iter().chain(oldest).min(),
        availability: measured,
    }
}

fn release(record: &Record, probes: Option<&ProbeSummary>, now: Timestamp) -> SourceRelease {
    let number = record.number();
    let status = record.status.as_ref();
    let written = status.map_or(0, |s| s.good_seconds);
    let ahead = status.zip(probes).map_or(0, |(status, probes)| {
        soak::unpersisted(number, status, probes, now)
    });
    SourceRelease {
        number,
        image: record.spec.image.clone(),
        digest: record.spec.digest.clone(),
        phase: record.phase(),
        good_seconds: written.saturating_add(ahead),
        counted_until: probes.and_then(|p| soak::counting_until(number, p, now)),
    }
}

/// Returns the measured and the failed seconds of a digest, over the most recent `window` of its measured serving time.
/// `None` if nothing was measured.
fn answered(
    records: &[Record],
    digest: &str,
    probes: Option<&ProbeSummary>,
    window: Duration,
    now: Timestamp,
) -> Option<AvailabilityCount> {
    let mut same: Vec<_> = records
        .iter()
        .filter(|r| r.spec.digest == digest)
        .filter_map(|r| Some((r.number(), r.status.as_ref()?)))
        .collect();
    same.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
    let over = SignedDuration::try_from(window).ok()?;
    let found = soak::availability(same, probes, over, now)?;
    Some(AvailabilityCount {
        total: u64::try_from(found.measured).ok()?,
        bad: u64::try_from(found.bad).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use crokodial_crds::ReleaseSpec;
    use jiff::SignedDuration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn the_numbers_of_a_source_count_since_it_or_its_oldest_record_was_made() {
        let record = |created: Option<i64>| Record {
            spec: ReleaseSpec::default(),
            status: None,
            created: created.map(at),
        };
        let rows = [
            (Some(50), vec![], Some(50)),
            (Some(50), vec![record(Some(60)), record(Some(70))], Some(50)),
            // The records outlived an environment that was made again.
            (Some(50), vec![record(Some(60)), record(Some(40))], Some(40)),
            (Some(50), vec![record(None)], Some(50)),
            (None, vec![record(None)], None),
        ];
        for (created, records, wanted) in rows {
            let window = Duration::from_secs(60);
            let source = found(created.map(at), &records, None, window, at(100));
            assert!(
                matches!(source, Source::Found { began, .. } if began == wanted.map(at)),
                "{source:?}"
            );
        }
    }
}
