//! Reads everything one reconcile decides on. The only step that asks; what it returns is plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crokodial_crds::names::{COMPONENT_WEB, Children as Names, LABEL_COMPONENT, LABEL_ENVIRONMENT};
use crokodial_crds::{CrokodialRelease, EnvironmentSpec};
use futures::future::{try_join, try_join_all, try_join4};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use super::build::Children;
use super::claims::claims;
pub use super::class::Class;
use super::class::class;
use super::effective::Effective;
use super::hosts::Claim;
use super::images::Image;
use super::isolation::{self, Isolation};
use super::outside;
use super::owner::Owner;
use super::probed;
use super::promotion::{self, Promotion};
use super::proof::{self, attempt::Attempt};
use super::trials::{self, Trials};
use crate::context::Context;
use crate::edge::Measured;
use crate::kube_io::IoError;
use crate::registry::{Existence, RegistryAuth, registry_auth};
use crate::release::record::{Record, last_good};
use crate::release::snapshot::Snapshot;
use crate::release::workload::PodView;
use crate::uptime::{ProbeSummary, Target};

/// All that a reconcile knows of the world.
pub struct Observed {
    /// The Secret that `mongo.uriSecretRef` names.
    pub mongo_secret: Option<Secret>,
    /// Those that `config.secretRefs` name.
    pub config_secrets: BTreeMap<String, Option<Secret>>,
    /// Those that `config.configMapRefs` name.
    pub config_maps: BTreeMap<String, Option<ConfigMap>>,
    /// The children as they are.
    pub children: Children,
    /// The environment's releases as objects.
    pub releases: Vec<CrokodialRelease>,
    /// The same as records.
    pub records: Vec<Record>,
    /// Metadata of every snapshot, by number.
    pub snapshots: BTreeMap<i64, ObjectMeta>,
    /// Numbers whose snapshot's name an object of somebody else's has: they are left out.
    pub taken: BTreeSet<i64>,
    /// The content of those that may be run now.
    pub frozen: BTreeMap<i64, Snapshot>,
    /// Attempts at a proof of a Mongo URI, oldest first.
    pub attempts: Vec<Attempt>,
    /// What the databases and values of the other stage's environments are, by fingerprint.
    pub isolation: Isolation,
    /// Pods of the web component.
    pub pods: Vec<PodView>,
    /// What runs beside them: candidates and release phases.
    pub trials: Trials,
    /// The name of the image to run.
    pub image_name: String,
    /// What is known of it.
    pub image: Image,
    /// Where images are promoted from.
    pub promotion: Option<Promotion>,
    /// The registry says that the newest release's digest is gone or forbidden.
    pub image_gone: bool,
    /// What the registry says of the release that is due for its daily check.
    pub kept_image: Option<(i64, Existence)>,
    /// The class of the route.
    pub class: Class,
    /// Who else wants the domain; empty while our own route carries it.
    pub claims: Vec<Claim>,
    /// What plain http answers; `None` where it was not measured yet.
    pub https: Option<Measured>,
    /// Whether the site answers; `None` while nothing is probed.
    pub probes: Option<ProbeSummary>,
}

/// Secrets are among it, so nothing of it is printed.
impl std::fmt::Debug for Observed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observed").finish_non_exhaustive()
    }
}

/// Reads it all.
#[expect(
    clippy::too_many_lines,
    reason = "one thing that is read after the other"
)]
pub async fn observe(
    ctx: &Arc<Context>,
    owner: &Owner,
    spec: &EnvironmentSpec,
    effective: &Effective,
) -> Result<Observed, IoError> {
    let ((children, own, referenced), (class, found)) = try_join(
        async {
            tokio::try_join!(
                children(ctx, owner),
                releases(ctx, owner),
                referenced(ctx, owner, spec)
            )
        },
        try_join(class(ctx, effective), pods(ctx, owner)),
    )
    .await?;
    let (releases, records, snapshots, taken) = own;
    let (mongo_secret, config_secrets, config_maps, auth) = referenced;
    // The edge is asked meanwhile: what it says is only told, and nothing that is to be done waits for it.
    let (https, read) = tokio::join!(
        outside::https(ctx, spec, effective, children.ingress.as_ref()),
        async {
            tokio::try_join!(
                proof::observe::attempts(ctx, owner, &found),
                isolation::observe(ctx, owner, spec.stage),
                frozen(ctx, owner, &records, &snapshots),
                claims(ctx, owner, spec, &children),
                promotion::observe(ctx, owner, spec, &records),
            )
        },
    );
    let (attempts, isolation, frozen, claims, promotion) = read?;
    let (image_name, image) = outside::image(
        ctx,
        owner,
        spec,
        effective,
        promotion.as_ref(),
        &records,
        &auth,
    )
    .await;
    let all: Vec<PodView> = found.iter().map(PodView::of).collect();
    let image_gone = outside::image_gone(ctx, &records, &all, &auth).await;
    let mut trials = Trials::of(&found, &children.release_jobs);
    trials.smoke = trials::smoke(ctx, owner, spec, effective, &trials, &frozen).await;
    let web = found
        .iter()
        .filter(|p| component_of(*p) == Some(COMPONENT_WEB));
    let pods: Vec<PodView> = web.map(PodView::of).collect();
    let kept_image = outside::kept_image(ctx, &records, &auth).await;
    let target = probed::target(owner, spec, effective, &children, &pods, &records);
    let probes = probes(ctx, owner, target);
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
        attempts,
        isolation,
        pods,
        image_name,
        trials,
        image,
        promotion,
        image_gone,
        kept_image,
        class,
        claims,
        https,
        probes,
    })
}

/// What probes came to, and what is probed from now on.
fn probes(ctx: &Context, owner: &Owner, target: Option<Target>) -> Option<ProbeSummary> {
    let (namespace, name) = (owner.namespace.as_str(), owner.name.as_str());
    // Read first: what was measured until now fell to what was there until now.
    let summary = ctx.probes.summary(namespace, name, ctx.now());
    match target {
        Some(target) => ctx.probes.watch(target),
        None => ctx.probes.forget(namespace, name),
    }
    summary
}

async fn children(ctx: &Context, owner: &Owner) -> Result<Children, IoError> {
    let (io, ns, names) = (&ctx.io, owner.namespace.as_str(), Names::of(&owner.name));
    let (env, mongo, config, tls) = (
        names.deployment(),
        names.mongo_active(),
        names.config_active(),
        names.tls(),
    );
    let (staged, trial) = (names.config_candidate(), names.candidate());
    // All at once: as streams of one connection they take as long as the slowest of them.
    let (
        service_account,
        network_policy,
        deployment,
        service,
        disruption_budget,
        ingress,
        mongo_active,
        config_active,
        certificate,
        config_candidate,
        candidate_policy,
        candidate,
        release_jobs,
    ) = tokio::try_join!(
        io.get(ns, &env),
        io.get(ns, &env),
        io.get(ns, &env),
        io.get(ns, &env),
        io.get(ns, &env),
        io.get(ns, &env),
        io.get(ns, &mongo),
        io.get(ns, &config),
        io.get(ns, &tls),
        io.get(ns, &staged),
        io.get(ns, &trial),
        io.get(ns, &trial),
        trials::jobs(ctx, owner),
    )?;
    Ok(Children {
        service_account,
        network_policy,
        mongo_active,
        config_active,
        config_candidate,
        candidate_policy,
        candidate,
        release_jobs,
        deployment,
        service,
        disruption_budget,
        certificate,
        ingress,
    })
}

type Own = (
    Vec<CrokodialRelease>,
    Vec<Record>,
    BTreeMap<i64, ObjectMeta>,
    BTreeSet<i64>,
);

/// Records and the numbers of snapshots. Snapshots are listed by metadata only: their content can be large.
async fn releases(ctx: &Context, owner: &Owner) -> Result<Own, IoError> {
    let (all, metas) = try_join(
        ctx.io.list::<CrokodialRelease>(&owner.namespace, ""),
        ctx.io.list_metadata::<ConfigMap>(&owner.namespace, ""),
    )
    .await?;
    let releases: Vec<_> = all
        .into_iter()
        .filter(|r| Record::of(r, owner.name.as_str()).is_some())
        .collect();
    let records = releases
        .iter()
        .filter_map(|r| Record::of(r, owner.name.as_str()))
        .collect();
    let prefix = format!("{}-r", owner.name);
    let numbered = |meta: ObjectMeta| {
        let number = meta.name.as_deref()?.strip_prefix(&prefix)?.parse().ok()?;
        Some((number, meta))
    };
    let (ours, foreign): (BTreeMap<i64, ObjectMeta>, BTreeMap<_, _>) = metas
        .into_iter()
        .filter_map(|m| numbered(m.metadata))
        .partition(|(_, meta)| owner.labelled(meta));
    Ok((releases, records, ours, foreign.into_keys().collect()))
}

/// Those that a step may run: the newest release's, the last good one's and the pinned ones'.
async fn frozen(
    ctx: &Context,
    owner: &Owner,
    records: &[Record],
    snapshots: &BTreeMap<i64, ObjectMeta>,
) -> Result<BTreeMap<i64, Snapshot>, IoError> {
    let newest = records.iter().map(Record::number).max();
    let mut numbers: Vec<i64> = newest
        .into_iter()
        .chain(last_good(records).map(Record::number))
        .chain(records.iter().filter(|r| r.spec.pin).map(Record::number))
        .collect();
    // A snapshot above every record waits for the record it was made for.
    numbers.extend(
        snapshots
            .keys()
            .next_back()
            .copied()
            .filter(|n| newest.is_none_or(|newest| *n > newest)),
    );
    numbers.sort_unstable();
    numbers.dedup();
    let names = Names::of(&owner.name);
    let reads = numbers
        .into_iter()
        .filter(|n| snapshots.contains_key(n))
        .map(|number| {
            let name = names.snapshot(number);
            async move {
                Ok((
                    number,
                    ctx.io.get::<ConfigMap>(&owner.namespace, &name).await?,
                ))
            }
        });
    let found = try_join_all(reads).await?.into_iter();
    Ok(found
        .filter_map(|(number, object)| Some((number, Snapshot::of(&object?).ok()?)))
        .collect())
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
    // A pull secret that is missing or not one is no error here: the registry says what it thinks without it.
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

async fn named<K: crate::kube_io::Kind>(
    ctx: &Context,
    ns: &str,
    name: &str,
) -> Result<(String, Option<K>), IoError> {
    Ok((name.to_owned(), ctx.io.get(ns, name).await?))
}

/// Pods of every component.
async fn pods(ctx: &Context, owner: &Owner) -> Result<Vec<Pod>, IoError> {
    let selector = format!("{LABEL_ENVIRONMENT}={}", owner.name);
    ctx.io.list(&owner.namespace, &selector).await
}

/// What an object is for.
pub fn component_of(object: &impl ResourceExt) -> Option<&str> {
    object.labels().get(LABEL_COMPONENT).map(String::as_str)
}

/// True when an Ingress has a rule for the host.
pub fn carries(ingress: &Ingress, host: &str) -> bool {
    let rules = ingress
        .spec
        .as_ref()
        .and_then(|s| s.rules.as_deref())
        .unwrap_or_default();
    rules.iter().any(|r| r.host.as_deref() == Some(host))
}
