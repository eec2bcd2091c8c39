//! Reads everything that one reconcile bases its decisions on, and returns it as plain data.

mod attempts;
mod authority;
mod children;
mod claims;
mod class;
mod external;
mod isolation;
mod namespaces;
mod probed;
mod promotion;
mod releases;
mod tenancy;
mod trials;

use std::collections::BTreeMap;
use std::sync::Arc;

use crokodial_crds::names::{COMPONENT_WEB, LABEL_ENVIRONMENT};
use crokodial_crds::{CrokodialEnvironment, EnvironmentSpec};
use futures::future::{try_join, try_join_all, try_join4};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};

use self::external::ImageSubject;
use self::releases::Releases;
use super::effective::Effective;
use super::model::children::Children;
use super::model::objects::component_of;
use super::model::observed::Observed;
use super::model::owner::Owner;
use super::model::trials::Trials;
use super::record_copies::{CopyInputs, RecordCopies};
use super::{running, secret_names, snapshots};
use crate::context::Context;
use crate::kube_io::{IoError, Kind};
use crate::registry::{RegistryAuth, registry_auth};
use crate::release::workload::{PodView, has_ended};
use crate::scrub::Scrubber;

/// Reads the state of the cluster, the image registries and the site. Also starts the smoke checks of a ready candidate
/// pod, and sets the target of the probes.
#[expect(
    clippy::too_many_lines,
    reason = "one thing that is read after the other"
)]
pub async fn observe(
    ctx: &Arc<Context>,
    owner: &Owner,
    environment: &CrokodialEnvironment,
    effective: &Effective,
) -> Result<Observed, IoError> {
    let spec = &environment.spec;
    let ((children, own, referenced, (isolation, new_key)), (class, found)) = try_join(
        async {
            tokio::try_join!(
                children::read(ctx, owner),
                releases::read(ctx, owner),
                referenced(ctx, owner, spec),
                isolation::read(ctx, owner, spec.stage)
            )
        },
        try_join(class::read(ctx, effective), pods(ctx, owner)),
    )
    .await?;
    let Releases {
        releases,
        records,
        snapshots,
    } = own;
    let copies = RecordCopies::judge(CopyInputs {
        records: &records,
        snapshots: &snapshots,
        isolation: &isolation,
        running: running::owned_release(owner, children.deployment()),
    });
    // Nothing below may see a deleted release as one that never was.
    let records = copies.complete(records);
    let (mongo_secret, mut config_secrets, config_maps, auth) = referenced;
    let own = (records.as_slice(), children.deployment());
    // The edge is asked concurrently, because its answer is only reported and no decision waits for it.
    let (https, read) = tokio::join!(
        external::https(ctx, owner, spec, effective, children.ingress()),
        async {
            tokio::try_join!(
                attempts::read(ctx, owner, &found),
                releases::contents(ctx, owner, &records, &snapshots, children.deployment()),
                releases::taken(ctx, owner, &children, &records, &snapshots),
                claims::read(ctx, owner, spec, &children),
                async { Ok(promotion::read(ctx, owner, spec, own).await) },
                authority::read(ctx, owner, effective),
                tenancy::read(ctx, owner, &children, &records),
            )
        },
    );
    let (attempts, contents, taken, claims, promotion, authority, tenancy) = read?;
    let (frozen, seals) = snapshots::judge(contents, &records, &isolation);
    let kept = secret_names::of_releases(children.deployment(), &records, &frozen);
    let more = kept
        .iter()
        .filter(|name| !config_secrets.contains_key(*name));
    let ns = owner.namespace.as_str();
    let more = try_join_all(more.map(|name| named::<Secret>(ctx, ns, name))).await?;
    config_secrets.extend(more);
    let subject = ImageSubject {
        owner,
        spec,
        last: environment.status.as_ref().and_then(|s| s.image.as_ref()),
        follow: effective.follow,
    };
    let external::SpecImage {
        name: image_name,
        image,
        next_lookup,
        resolved,
    } = external::image(ctx, subject, promotion.as_ref(), &records, &auth).await;
    let scrub = scrubber(&children, mongo_secret.as_ref(), &config_secrets);
    let all: Vec<PodView> = found.iter().map(PodView::of).collect();
    let image_check = external::image_check(ctx, owner, spec, &records, &all, &auth).await;
    let mut trials = Trials::of(&found, &children.release_jobs, &scrub);
    trials.smoke = trials::smoke(ctx, owner, spec, effective, &trials, &frozen).await;
    let web = found
        .iter()
        .filter(|p| component_of(*p) == Some(COMPONENT_WEB) && !has_ended(p));
    let pods: Vec<PodView> = web.map(|pod| PodView::with_log(pod, &scrub)).collect();
    let kept_image = external::kept_image(ctx, owner, &records, &auth).await;
    let target = probed::target(owner, spec, effective, &children, &pods, &records, &frozen);
    let probes = probed::observe(ctx, owner, target);
    Ok(Observed {
        mongo_secret,
        config_secrets,
        config_maps,
        children,
        releases,
        records,
        snapshots,
        taken,
        frozen,
        seals,
        copies,
        attempts,
        isolation,
        new_key,
        authority,
        pods,
        image_name,
        trials,
        image,
        next_lookup,
        resolved,
        promotion,
        image_check,
        kept_image,
        tenancy,
        class,
        claims: claims.found,
        unreadable_claims: claims
            .unreadable
            .into_iter()
            .map(|(_, cause)| cause)
            .collect(),
        https,
        probes,
    })
}

/// Returns a scrubber that removes the values of all Secrets that pods of the environment may read.
fn scrubber(
    children: &Children,
    mongo: Option<&Secret>,
    config: &BTreeMap<String, Option<Secret>>,
) -> Scrubber {
    let copies = [
        children.mongo_active(),
        children.config_active(),
        children.config_candidate(),
        children.proven(),
        mongo,
    ];
    let given = config.values().map(Option::as_ref);
    Scrubber::of(copies.into_iter().chain(given).flatten())
}

type Referenced = (
    Option<Secret>,
    BTreeMap<String, Option<Secret>>,
    BTreeMap<String, Option<ConfigMap>>,
    Vec<RegistryAuth>,
);

async fn referenced(
    ctx: &Context,
    owner: &Owner,
    spec: &EnvironmentSpec,
) -> Result<Referenced, IoError> {
    let ns = owner.namespace.as_str();
    let secrets = spec.config.secret_refs.iter().map(|r| r.name.as_str());
    let maps = spec.config.config_map_refs.iter().map(|r| r.name.as_str());
    let pulls = spec.image_pull_secrets.iter().map(|r| r.name.as_str());
    let (mongo, secrets, maps, pulls) = try_join4(
        ctx.io.get::<Secret>(ns, &spec.mongo.uri_secret_ref.name),
        try_join_all(secrets.map(|name| named::<Secret>(ctx, ns, name))),
        try_join_all(maps.map(|name| named::<ConfigMap>(ctx, ns, name))),
        try_join_all(pulls.map(|name| named::<Secret>(ctx, ns, name))),
    )
    .await?;
    // A pull Secret that is missing or of another type is no error here: the registry is asked without it and its
    // answer counts.
    let auth = pulls
        .iter()
        .filter_map(|(_, secret)| secret.as_ref())
        .flat_map(registry_auth)
        .collect();
    Ok((
        mongo,
        secrets.into_iter().collect(),
        maps.into_iter().collect(),
        auth,
    ))
}

async fn named<K: Kind>(
    ctx: &Context,
    ns: &str,
    name: &str,
) -> Result<(String, Option<K>), IoError> {
    Ok((name.to_owned(), ctx.io.get(ns, name).await?))
}

/// Reads the pods of all components of the environment.
async fn pods(ctx: &Context, owner: &Owner) -> Result<Vec<Pod>, IoError> {
    let selector = format!("{LABEL_ENVIRONMENT}={}", owner.name);
    ctx.io.list(&owner.namespace, &selector).await
}
