//! Answers from image registries, and the answer of the site's Ingress controller to a plain HTTP request. The requests
//! run concurrently with the reconcile, which waits only briefly for each answer.

use std::sync::Arc;
use std::time::Duration;

use crokodial_crds::names::{Digest, ImageRef};
use crokodial_crds::{EnvironmentSpec, ImageStatus, RouteKind};
use jiff::Timestamp;
use k8s_openapi::api::networking::v1::Ingress;

use crate::context::{Context, Resolution};
use crate::edge::PlainHttpAnswer;
use crate::environment::effective::Effective;
use crate::environment::model::image::{self, Image};
use crate::environment::model::objects::{carries, published_address};
use crate::environment::model::owner::Owner;
use crate::environment::model::promotion::Promotion;
use crate::environment::model::tag::{TagDigest, Written};
use crate::registry::{Existence, RegistryAuth, TagLookup};
use crate::release::gate::Source;
use crate::release::record::{Record, due_for_check};
use crate::release::view::ImageCheck;
use crate::release::workload::{PodView, Waiting};

/// Maximum time that a reconcile waits for a registry or the Ingress controller before it continues without the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// Age at which a cached answer to a plain HTTP request is requested again.
const MAX_EDGE_AGE: Duration = Duration::from_secs(60);

/// Age at which a cached registry answer about the existence of a digest is requested again.
const MAX_EXISTENCE_AGE: Duration = Duration::from_secs(30);

/// Name of the image to run, and its digest as far as it is known.
pub(super) struct SpecImage {
    /// Name of the image; empty if `promotion.auto` has chosen none.
    pub(super) name: String,
    /// Digest of the image, as far as it is known.
    pub(super) image: Image,
    /// Time at which the tag must be looked up again; `None` if there is no such time.
    pub(super) next_lookup: Option<Timestamp>,
    /// Result of the last lookup of the tag, for the status; `None` if there is none.
    pub(super) resolved: Option<ImageStatus>,
}

impl SpecImage {
    /// Creates an image for which no registry has to be asked.
    fn known(name: String, image: Image, resolved: Option<ImageStatus>) -> Self {
        Self {
            name,
            image,
            next_lookup: None,
            resolved,
        }
    }
}

/// Environment whose image is looked for.
#[derive(Clone, Copy)]
pub(super) struct ImageSubject<'a> {
    /// Identity of the environment.
    pub(super) owner: &'a Owner,
    /// Spec of the environment.
    pub(super) spec: &'a EnvironmentSpec,
    /// Result of the last lookup, from the status; `None` if there is none.
    pub(super) last: Option<&'a ImageStatus>,
    /// Interval at which the tag is looked up again; `None` if it is not followed.
    pub(super) follow: Option<Duration>,
}

/// Returns the image to run. The digest comes from the source of a promotion, the spec, the status, a release record or
/// the registry.
pub(super) async fn image(
    ctx: &Arc<Context>,
    subject: ImageSubject<'_>,
    promotion: Option<&Promotion>,
    records: &[Record],
    auth: &[RegistryAuth],
) -> SpecImage {
    let ImageSubject { spec, last, .. } = subject;
    if let Some(picked) = promotion.and_then(|p| p.picked.as_ref()) {
        let (name, image) = image::picked(picked);
        return SpecImage::known(name, image, None);
    }
    let name = spec.image.clone().unwrap_or_default();
    let parsed: ImageRef = match name.parse() {
        Ok(parsed) => parsed,
        Err(error) => {
            return SpecImage::known(name, Image::Unresolved(image::invalid(&error)), None);
        }
    };
    let retry = &spec.rollout.retry;
    let written = Written {
        reference: &name,
        image: &parsed,
        retry,
        last,
    };
    let source = promotion.map(|p| &p.source);
    let tested = source.and_then(|s| s.digest_of(&name)?.parse().ok());
    let (known, fallback) = match (written.known(records), tested) {
        (TagDigest::Known(digest), _) | (_, Some(digest)) => (true, Some(digest)),
        (TagDigest::AskAgain(fallback), None) => (false, fallback),
        (TagDigest::Nothing, None) => (false, None),
    };
    let unreadable = source.and_then(Source::unreadable);
    match (fallback, subject.follow) {
        (Some(digest), None) if known => {
            let resolved = written.resolved(&digest);
            SpecImage::known(name, Image::Resolved(digest), resolved)
        }
        // The registry may have another digest for the tag by now than the one that was tested in the source.
        (fallback, _) if unreadable.is_some() && !known => {
            let finding = image::untested(unreadable);
            let resolved = written.unresolved();
            let image = match fallback {
                Some(digest) => Image::Stale(digest, finding),
                None => Image::Unresolved(finding),
            };
            SpecImage::known(name, image, resolved)
        }
        (fallback, _) => asked(ctx, subject, &written, fallback, auth).await,
    }
}

/// Returns the image with the digest that the registry has for its tag.
async fn asked(
    ctx: &Arc<Context>,
    subject: ImageSubject<'_>,
    written: &Written<'_>,
    fallback: Option<Digest>,
    auth: &[RegistryAuth],
) -> SpecImage {
    let owner = subject.owner;
    let auth = RegistryAuth::for_image(auth, written.image);
    let key = (
        owner.uid.clone(),
        written.reference.to_owned(),
        written.retry.to_owned(),
        RegistryAuth::fingerprint(&auth),
    );
    let question = Question {
        namespace: owner.namespace.clone(),
        image: written.image.clone(),
        auth,
    };
    let (answer, next_lookup) = look_up(ctx, key, question, subject.follow, fallback).await;
    let (image, resolved) = match answer {
        LookedUp::Found(digest) => {
            let resolved = written.resolved(&digest);
            (Image::Resolved(digest), resolved)
        }
        LookedUp::Not(image) => (image, written.unresolved()),
    };
    SpecImage {
        name: written.reference.to_owned(),
        image,
        next_lookup,
        resolved,
    }
}

/// Image to look up, for an environment in `namespace`.
struct Question {
    namespace: String,
    image: ImageRef,
    auth: Vec<RegistryAuth>,
}

/// Result of a lookup.
enum LookedUp {
    /// The registry has this digest.
    Found(Digest),
    /// The registry has not answered, or has no usable answer.
    Not(Image),
}

/// Asks the registry for the digest. Returns it with the time at which it must be looked up again. If that time has come, the
/// lookup is being repeated. Answers are cached; `follow` is the interval at which a followed tag is looked up again. Until
/// the registry answers, and after a failed lookup, `fallback` is used if it is set.
async fn look_up(
    ctx: &Arc<Context>,
    key: Resolution,
    question: Question,
    follow: Option<Duration>,
    fallback: Option<Digest>,
) -> (LookedUp, Option<Timestamp>) {
    let (registry, now) = (ctx.images.clone(), ctx.now());
    let namespace = question.namespace.clone();
    let ask = |previous: Option<&TagLookup>| {
        let previous = previous.cloned();
        let answer = registry.resolve(question.namespace, question.image, question.auth);
        async move { TagLookup::new(previous.as_ref(), now, answer.await) }
    };
    let max_age = |lookup: &TagLookup| lookup.max_age(follow);
    let found = ctx
        .resolutions
        .get(&namespace, &key, now, ANSWER_TIMEOUT, max_age, ask)
        .await;
    let Some(lookup) = found else {
        let image = fallback.map_or(Image::Asked, Image::Resolved);
        return (LookedUp::Not(image), Some(now));
    };
    let due = lookup.due(follow);
    let wait = lookup.max_age(follow);
    let answer = match (lookup.answer, fallback) {
        (Ok(digest), _) => LookedUp::Found(digest),
        (Err(error), Some(known)) => {
            LookedUp::Not(Image::Stale(known, image::refused(&error, wait)))
        }
        (Err(error), None) => LookedUp::Not(Image::Unresolved(image::refused(&error, wait))),
    };
    (answer, due)
}

/// Returns the registry's word on the digest of the release in flight. The registry is asked only while a pod of that
/// release cannot pull its image.
pub(super) async fn image_check(
    ctx: &Arc<Context>,
    owner: &Owner,
    spec: &EnvironmentSpec,
    records: &[Record],
    pods: &[PodView],
    auth: &[RegistryAuth],
) -> ImageCheck {
    let Some(newest) = records
        .iter()
        .max_by_key(|r| r.number())
        .filter(|r| r.in_flight())
    else {
        return ImageCheck::Unknown;
    };
    let stuck =
        |p: &&PodView| p.release == Some(newest.number()) && p.waiting == Some(Waiting::Image);
    if !pods.iter().any(|p| stuck(&p)) {
        return ImageCheck::Unknown;
    }
    match existence(ctx, owner, newest, auth).await {
        Some(Existence::Gone) => ImageCheck::Missing,
        Some(Existence::Denied) => ImageCheck::Denied(image::denied(&newest.spec.image, spec)),
        Some(Existence::Exists | Existence::Unknown) | None => ImageCheck::Unknown,
    }
}

/// Returns the number of the Good release that is due for its daily rollback check, and whether its image still exists.
/// `None` if no release is due or the registry has not answered yet.
pub(super) async fn kept_image(
    ctx: &Arc<Context>,
    owner: &Owner,
    records: &[Record],
    auth: &[RegistryAuth],
) -> Option<(i64, Existence)> {
    let due = due_for_check(records, ctx.now())?;
    let answer = existence(ctx, owner, due, auth).await?;
    Some((due.number(), answer))
}

/// Asks the registry whether a release's digest exists. `None` until the registry answers, or if the image or digest of
/// the release does not parse.
async fn existence(
    ctx: &Arc<Context>,
    owner: &Owner,
    record: &Record,
    auth: &[RegistryAuth],
) -> Option<Existence> {
    let image: ImageRef = record.spec.image.parse().ok()?;
    let digest: Digest = record.spec.digest.parse().ok()?;
    let auth = RegistryAuth::for_image(auth, &image);
    let namespace = owner.namespace.clone();
    let key = (
        namespace.clone(),
        image.to_string(),
        digest.to_string(),
        RegistryAuth::fingerprint(&auth),
    );
    let registry = ctx.images.clone();
    ctx.existences
        .get(
            &owner.namespace,
            &key,
            ctx.now(),
            ANSWER_TIMEOUT,
            |_| MAX_EXISTENCE_AGE,
            |_| registry.exists(namespace, image, digest, auth),
        )
        .await
}

/// Returns the answer to a plain HTTP request for the domain; `None` if there is no answer yet or no redirect to HTTPS
/// is required. The request is sent to the address in the Ingress's status, so it works before DNS points there.
pub(super) async fn https(
    ctx: &Arc<Context>,
    owner: &Owner,
    spec: &EnvironmentSpec,
    effective: &Effective,
    live: Option<&Ingress>,
) -> Option<PlainHttpAnswer> {
    let routed = match effective.route {
        RouteKind::Ingress => true,
        RouteKind::None => false,
    };
    if !effective.force_https || !routed {
        return None;
    }
    let address = live
        .filter(|i| carries(i, &spec.domain))
        .and_then(published_address)?;
    let key = (address.clone(), spec.domain.clone());
    let (edge, domain) = (ctx.edge.clone(), spec.domain.clone());
    ctx.measurements
        .get(
            &owner.namespace,
            &key,
            ctx.now(),
            ANSWER_TIMEOUT,
            |_| MAX_EDGE_AGE,
            |_| edge.https_forced(address, domain),
        )
        .await
}
