//! Validates the spec against the observed state. The result states which writes are allowed, and why others are not.
//! All functions are pure.

use std::collections::BTreeMap;

use crokodial_crds::{EnvironmentSpec, Reason, ReleasePhase, RouteKind, TlsMode};

use super::config_trial::{ConfigTrial, TrialClock};
use super::credential_check::CredentialState;
use super::credential_check::plan::CheckPlan;
use super::credentials::Active;
use super::edge_findings;
use super::effective::Effective;
use super::finding::Finding;
use super::hosts;
use super::model::children::{ChildKind, Children};
use super::model::class::Class;
use super::model::image::{self, Image};
use super::model::objects::{carries, published_address};
use super::model::observed::Observed;
use super::model::owner::Owner;
use super::placement;
use super::pod_contents::{self, PodContents};
use super::proven::Proven;
use crate::release::inputs;
use crate::release::machine::Wanted;

/// Maximum size of the ConfigMaps in `config.configMapRefs` together, in bytes. Kubernetes limits the ConfigMap with the
/// merged data to 1 MiB (1,048,576 bytes).
const MAX_CONFIG_BYTES: usize = 1_000_000;

/// Result of validation, with one field for each concern.
#[derive(Debug)]
pub struct Valid {
    /// Finding for condition `ImageResolved`.
    pub image: Finding,
    /// Release that the spec asks for; `Err` with an explanation while it is not known.
    pub wanted: Result<Wanted, Finding>,
    /// Merged data of the ConfigMaps in `config.configMapRefs`; empty if one of them does not exist.
    pub config_values: BTreeMap<String, String>,
    /// Planned state of `<env>-mongo-active`, which contains the Mongo URI that pods read.
    pub mongo: Active,
    /// Result of checking the Mongo URI that pods read.
    pub credentials: CredentialState,
    /// Plan of which checks of the Mongo URI to start and to delete.
    pub check: CheckPlan,
    /// Finding for condition `DatabaseIsolated`.
    pub isolated: Finding,
    /// Planned state of `<env>-config-active`, and the trial of new values of `config.secretRefs`.
    pub config: ConfigTrial,
    /// State of `<env>-proven` as it is stored, without what is outdated.
    pub proven: Proven,
    /// State of the Ingress of the site.
    pub route: Route,
    /// True if the Ingress that exists must be removed, because it has a host that another environment has, or that the
    /// tenant may not use.
    pub withdraw_route: bool,
    /// Finding for condition `HttpsForced`; `None` if HTTP need not redirect to HTTPS.
    pub https: Option<Finding>,
    /// Finding about objects that have the name of one of the environment's child objects but not the operator's
    /// labels, or about too many environments of the tenant. While it is set, the operator creates, changes and deletes
    /// nothing of the environment, except its status.
    pub conflict: Option<Finding>,
}

/// State of the Ingress of the site.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Finding for condition `RouteAccepted`.
    pub finding: Finding,
    /// True if the Ingress may be created or changed as the spec asks.
    pub write: bool,
}

/// Validates the spec against the observed state.
pub fn validate(
    owner: &Owner,
    spec: &EnvironmentSpec,
    effective: &Effective,
    observed: &Observed,
    clock: TrialClock,
) -> Valid {
    let config_values = config_values(spec, observed);
    let wanted = wanted(spec, observed, &config_values);
    let PodContents {
        mongo,
        check,
        config,
        proven,
    } = pod_contents::plan(spec, effective, observed, clock);
    let route = route(owner, spec, effective, observed);
    Valid {
        image: image::finding(&observed.image, &observed.image_name),
        wanted,
        config_values: config_values.unwrap_or_default(),
        isolated: isolated(&check, &config.active, observed),
        credentials: check.state.clone(),
        mongo,
        check,
        config,
        proven,
        withdraw_route: !route.write
            && observed.children.ingress().is_some_and(|ingress| {
                let taken = route.finding.reason == Reason::HostTaken;
                hosts::withdraws(ingress, &spec.domain, taken, &observed.tenancy.hosts)
            }),
        route,
        https: edge_findings::https(effective, observed),
        conflict: beyond_limit(observed).or_else(|| conflict(owner, effective, &observed.children)),
    }
}

/// Returns the finding for condition `DatabaseIsolated`. A secret value that staging also has is reported only if the
/// database itself is isolated.
fn isolated(check: &CheckPlan, config: &Active, observed: &Observed) -> Finding {
    let live = observed.children.config_active();
    let values = config
        .advance
        .as_ref()
        .or(live.and_then(|s| s.data.as_ref()));
    match values.and_then(|values| observed.isolation.shared(values)) {
        Some(shared) if check.isolated.is_true() => shared,
        _ => check.isolated.clone(),
    }
}

fn wanted(
    spec: &EnvironmentSpec,
    observed: &Observed,
    config: &Result<BTreeMap<String, String>, Finding>,
) -> Result<Wanted, Finding> {
    let digest = match &observed.image {
        Image::Resolved(digest) | Image::Stale(digest, _) => digest,
        other => return Err(image::finding(other, &observed.image_name)),
    };
    let config = config.as_ref().map_err(Clone::clone)?;
    placement::check(&spec.runtime.pod)?;
    Ok(Wanted {
        inputs: inputs::hash(digest, spec, config),
        digest: digest.to_string(),
        image: observed.image_name.clone(),
        retry: spec.rollout.retry.clone(),
        automatic: found_not_typed(spec, observed, config),
    })
}

/// True if the wanted release differs from the newest release at most in its image, and the operator itself found that
/// image: a followed tag moved, or `promotion.auto` chose a newer release. False while the newest release is Pending or
/// Gated or has no status, because it is then simply replaced.
fn found_not_typed(
    spec: &EnvironmentSpec,
    observed: &Observed,
    config: &BTreeMap<String, String>,
) -> bool {
    let auto = observed.promotion.as_ref().is_some_and(|p| p.rules.auto);
    let Some(newest) = observed.records.iter().max_by_key(|r| r.number()) else {
        return false;
    };
    let begun = !matches!(
        newest.phase(),
        None | Some(ReleasePhase::Pending | ReleasePhase::Gated)
    );
    let followed = spec.follow.is_some() && spec.image.as_ref() == Some(&newest.spec.image);
    let same_but_digest = newest
        .spec
        .digest
        .parse()
        .is_ok_and(|digest| inputs::hash(&digest, spec, config) == newest.spec.inputs);
    begun && (auto || followed) && same_but_digest && newest.spec.retry == spec.rollout.retry
}

/// Merges the data of the ConfigMaps in `config.configMapRefs`. If several have the same key, the last one wins, as
/// with `envFrom`. Returns a finding if a ConfigMap does not exist, or if they are too large together.
pub(super) fn config_values(
    spec: &EnvironmentSpec,
    observed: &Observed,
) -> Result<BTreeMap<String, String>, Finding> {
    let mut values = BTreeMap::new();
    for reference in &spec.config.config_map_refs {
        let Some(found) = observed
            .config_maps
            .get(&reference.name)
            .and_then(Option::as_ref)
        else {
            let what = format!("there is no ConfigMap {} in this namespace", reference.name);
            return Err(Finding::no(Reason::ConfigMapNotFound, what));
        };
        values.extend(found.data.clone().unwrap_or_default());
    }
    let entry = |(key, value): (&String, &String)| key.len().saturating_add(value.len());
    let size: usize = values.iter().map(entry).sum();
    if size > MAX_CONFIG_BYTES {
        let what = format!(
            "the ConfigMaps in config.configMapRefs have {size} bytes together, and at most {MAX_CONFIG_BYTES} are possible"
        );
        return Err(Finding::no(Reason::ConfigTooLarge, what));
    }
    Ok(values)
}

fn route(
    owner: &Owner,
    spec: &EnvironmentSpec,
    effective: &Effective,
    observed: &Observed,
) -> Route {
    match effective.route {
        RouteKind::Ingress => ingress(owner, spec, effective, observed),
        RouteKind::None => Route {
            finding: Finding::yes(Reason::Disabled, "the spec asks for no route"),
            write: false,
        },
    }
}

/// Returns a finding if another environment keeps the domain, or if that is not known; `None` if this environment may
/// have it.
fn not_ours(owner: &Owner, spec: &EnvironmentSpec, observed: &Observed) -> Option<Finding> {
    let ours = |c: &hosts::Claim| c.namespace == owner.namespace && c.name == owner.name.as_str();
    if let Some(other) = hosts::keeper(&observed.claims).filter(|c| !ours(c)) {
        return Some(hosts::taken(&spec.domain, other));
    }
    let ingress = observed.children.ingress();
    if observed.unreadable_claims.is_empty() || ingress.is_some_and(|i| carries(i, &spec.domain)) {
        return None;
    }
    let what = format!(
        "whether {} is the domain of another environment is not known: {}",
        spec.domain,
        observed.unreadable_claims.join("; ")
    );
    Some(Finding::unknown(Reason::Unreadable, what))
}

fn ingress(
    owner: &Owner,
    spec: &EnvironmentSpec,
    effective: &Effective,
    observed: &Observed,
) -> Route {
    if !observed.tenancy.hosts.allows(&spec.domain) {
        return Route {
            finding: hosts::not_allowed(&spec.domain, &observed.tenancy.hosts),
            write: false,
        };
    }
    if let Class::Missing(name) = &observed.class {
        let finding = match name {
            Some(name) => Finding::no(
                Reason::IngressClassNotFound,
                format!("there is no IngressClass {name}"),
            ),
            None => Finding::no(
                Reason::ControllerMissing,
                "the cluster has no default IngressClass, and none is named",
            ),
        };
        return Route {
            finding,
            write: false,
        };
    }
    if let Some(finding) = not_ours(owner, spec, observed) {
        return Route {
            finding,
            write: false,
        };
    }
    let live = observed
        .children
        .ingress()
        .filter(|i| carries(i, &spec.domain));
    let finding = match live.and_then(published_address) {
        Some(address) => Finding::yes(
            Reason::Succeeded,
            format!("{} is routed at {address}", spec.domain),
        ),
        None if live.is_some() && !effective.require_address => {
            let what = format!(
                "{} has an Ingress; no address is published, and route.requireAddress is false",
                spec.domain
            );
            Finding::yes(Reason::Succeeded, what)
        }
        None => Finding::no(
            Reason::NotAccepted,
            format!(
                "the Ingress controller has published no address for the Ingress yet{}",
                edge_findings::how_to_publish(&observed.class)
            ),
        ),
    };
    Route {
        finding,
        write: true,
    }
}

/// Returns a finding if the tenant has too many environments and this one is new.
fn beyond_limit(observed: &Observed) -> Option<Finding> {
    let limit = observed.tenancy.refused_by_limit?;
    let what = format!(
        "the tenant of this namespace may have {limit} environments, and as many older ones exist; nothing was created"
    );
    Some(Finding::no(Reason::TooManyEnvironments, what))
}

/// Returns a finding about objects that have the name of a child object that the environment needs, but not the
/// operator's labels; `None` if there are none.
fn conflict(owner: &Owner, effective: &Effective, live: &Children) -> Option<Finding> {
    let foreign = |kind: ChildKind| {
        let metadata = live.get(kind)?.metadata();
        let name = metadata.name.as_deref().unwrap_or_default();
        (!owner.labelled(metadata)).then(|| format!("{} {name}", kind.api().kind()))
    };
    let needed = ChildKind::all().filter(|kind| is_needed(*kind, effective));
    let foreign: Vec<String> = needed.filter_map(foreign).collect();
    let what = format!(
        "{} exists and was not made by this operator; nothing was changed",
        foreign.join(", ")
    );
    (!foreign.is_empty()).then(|| Finding::no(Reason::NameConflict, what))
}

/// Returns false for a kind of child that the spec does without: an object of its name may then be somebody else's.
fn is_needed(kind: ChildKind, effective: &Effective) -> bool {
    let routed = match effective.route {
        RouteKind::Ingress => true,
        RouteKind::None => false,
    };
    let encrypted = match effective.tls_mode {
        TlsMode::SelfSigned => true,
        TlsMode::None => false,
    };
    match kind {
        ChildKind::Ingress => routed,
        ChildKind::Certificate => routed && encrypted,
        ChildKind::DisruptionBudget => effective.replicas > 1,
        ChildKind::ServiceAccount
        | ChildKind::NetworkPolicy
        | ChildKind::Proven
        | ChildKind::MongoActive
        | ChildKind::ConfigActive
        | ChildKind::ConfigCandidate
        | ChildKind::CandidatePolicy
        | ChildKind::Candidate
        | ChildKind::Service
        | ChildKind::Deployment => true,
    }
}
