//! Questions to the world outside the cluster's API: registries and the edge. Asked beside the reconcile.

use std::sync::Arc;
use std::time::Duration;

use crokodial_crds::names::{Digest, ImageRef};
use crokodial_crds::{EnvironmentSpec, RouteKind};
use k8s_openapi::api::networking::v1::Ingress;

use super::effective::Effective;
use super::images::{self, Image};
use super::notes;
use super::observe::carries;
use super::owner::Owner;
use super::promotion::Promotion;
use crate::context::{Context, Resolution};
use crate::edge::Measured;
use crate::registry::{Existence, RegistryAuth, ResolveError};
use crate::release::record::Record;
use crate::release::workload::{PodView, Waiting};

/// How long a reconcile waits for a registry before it goes on without the answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long a measurement at the edge stands.
const EDGE_AGE: Duration = Duration::from_secs(60);

/// How long the registry's word that a digest is gone stands.
const EXISTENCE_AGE: Duration = Duration::from_secs(30);

/// The image to run, by its name and as far as its digest is known: from the source of a promotion, the spec, a
/// record, or the registry.
pub async fn image(
    ctx: &Arc<Context>,
    owner: &Owner,
    spec: &EnvironmentSpec,
    effective: &Effective,
    promotion: Option<&Promotion>,
    records: &[Record],
    auth: &[RegistryAuth],
) -> (String, Image) {
    if let Some(picked) = promotion.and_then(|p| p.picked.as_ref()) {
        return images::picked(picked);
    }
    let written = spec.image.clone().unwrap_or_default();
    let image: ImageRef = match written.parse() {
        Ok(image) => image,
        Err(error) => return (written, Image::Unresolved(images::invalid(&error))),
    };
    let known = images::known(&written, &image, &spec.rollout.retry, records).or_else(|| {
        let tested = promotion.and_then(|p| p.source.digest_of(&written))?;
        tested.parse().ok()
    });
    let found = match (known, effective.follow) {
        (Some(digest), None) => Image::Resolved(digest),
        (known, follow) => {
            let key = (
                owner.uid.clone(),
                written.clone(),
                spec.rollout.retry.clone(),
                auth.to_vec(),
            );
            look_up(ctx, key, image, follow, known).await
        }
    };
    (written, found)
}

/// Asks the registry: once, or again and again where the tag is followed. While it does not say, what is `known`
/// stands.
async fn look_up(
    ctx: &Arc<Context>,
    key: Resolution,
    image: ImageRef,
    follow: Option<Duration>,
    known: Option<Digest>,
) -> Image {
    let (registry, auth) = (ctx.images.clone(), key.3.clone());
    let max_age = |answer: &Result<Digest, ResolveError>| match (follow, answer) {
        (Some(every), Ok(_)) => every,
        // A registry that refuses is not asked more often than one that is asked once.
        (Some(every), Err(_)) => every.max(images::max_age(answer)),
        (None, _) => images::max_age(answer),
    };
    let answer = ctx
        .resolutions
        .get(&key, ctx.now(), PATIENCE, max_age, || {
            registry.resolve(image, auth)
        })
        .await;
    match (answer, known) {
        (Some(Ok(digest)), _) | (None, Some(digest)) => Image::Resolved(digest),
        (None, None) => Image::Asked,
        (Some(Err(error)), Some(known)) => Image::Stale(known, images::refused(&error)),
        (Some(Err(error)), None) => Image::Unresolved(images::refused(&error)),
    }
}

/// Asks about the newest release's digest, and only while a pod of it cannot pull.
pub async fn image_gone(
    ctx: &Arc<Context>,
    records: &[Record],
    pods: &[PodView],
    auth: &[RegistryAuth],
) -> bool {
    let Some(newest) = records
        .iter()
        .max_by_key(|r| r.number())
        .filter(|r| r.in_flight())
    else {
        return false;
    };
    let stuck =
        |p: &&PodView| p.release == Some(newest.number()) && p.waiting == Some(Waiting::Image);
    pods.iter().any(|p| stuck(&p)) && existence(ctx, newest, auth).await == Some(Existence::Gone)
}

/// Asks about the image of the good release whose readiness for a return is due to be looked at.
pub async fn kept_image(
    ctx: &Arc<Context>,
    records: &[Record],
    auth: &[RegistryAuth],
) -> Option<(i64, Existence)> {
    let due = notes::due_for_check(records, ctx.now())?;
    let answer = existence(ctx, due, auth).await?;
    Some((due.number(), answer))
}

/// Whether the registry still has a release's digest.
async fn existence(
    ctx: &Arc<Context>,
    record: &Record,
    auth: &[RegistryAuth],
) -> Option<Existence> {
    let image: ImageRef = record.spec.image.parse().ok()?;
    let digest: Digest = record.spec.digest.parse().ok()?;
    let key = (image.to_string(), digest.to_string(), auth.to_vec());
    let (registry, auth) = (ctx.images.clone(), auth.to_vec());
    ctx.existences
        .get(
            &key,
            ctx.now(),
            PATIENCE,
            |_| EXISTENCE_AGE,
            || registry.exists(image, digest, auth),
        )
        .await
}

/// Asks the address that the Ingress publishes, so DNS need not point there yet.
pub async fn https(
    ctx: &Arc<Context>,
    spec: &EnvironmentSpec,
    effective: &Effective,
    live: Option<&Ingress>,
) -> Option<Measured> {
    if !effective.force_https || effective.route == RouteKind::None {
        return None;
    }
    let address = live
        .filter(|i| carries(i, &spec.domain))
        .and_then(published_address)?;
    let key = (address.clone(), spec.domain.clone());
    let (edge, domain) = (ctx.edge.clone(), spec.domain.clone());
    ctx.measurements
        .get(
            &key,
            ctx.now(),
            PATIENCE,
            |_| EDGE_AGE,
            || edge.https_forced(address, domain),
        )
        .await
}

/// The first address that the controller wrote into the Ingress.
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
