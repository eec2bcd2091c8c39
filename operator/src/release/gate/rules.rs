//! Rules of a promotion: the spec's `promotion` with defaults applied. Pure.

use std::time::Duration;

use crokodial_crds::{AllowSpec, FreezeSpec, Percent, PromotionSpec, duration};
use jiff::Timestamp;

use crate::release::freeze::{self, ActiveFreeze, Freeze};

/// Default of `promotion.soak`: how long an image must serve well in the source environment.
const DEFAULT_SOAK: Duration = Duration::from_secs(30 * 60);

/// Minimum time over which availability is measured, where the soak is shorter.
const MIN_WINDOW: Duration = Duration::from_secs(3600);

/// Reference to a CrokodialEnvironment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnvironmentRef {
    /// Namespace of the environment.
    pub namespace: String,
    /// Name of the environment.
    pub name: String,
}

impl EnvironmentRef {
    /// The source that `spec.from` names. Its namespace defaults to `own_namespace`.
    pub fn of(spec: &PromotionSpec, own_namespace: &str) -> Self {
        Self {
            namespace: spec
                .from
                .namespace
                .clone()
                .unwrap_or_else(|| own_namespace.to_owned()),
            name: spec.from.name.clone(),
        }
    }
}

impl std::fmt::Display for EnvironmentRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The spec's `promotion` with defaults applied and its mistakes collected.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The environment that images are promoted from.
    pub source: EnvironmentRef,
    /// How long an image must serve well in the source.
    pub soak: Duration,
    /// Minimum share of good checks in the source.
    pub min_availability: Percent,
    /// Whether new good releases of the source are promoted automatically.
    pub auto: bool,
    /// The one image that a user allows although the rules refuse it.
    pub allow: Option<AllowSpec>,
    /// Periods in which nothing is promoted.
    pub freezes: Vec<Freeze>,
    /// A mistake in the spec's `promotion`. If there is one, nothing passes except the image in `allow`.
    pub problem: Option<String>,
}

impl Rules {
    /// The rules of the environment `own`. Mistakes that the schema cannot detect are reported in `problem`, so that
    /// the rest of the environment is still reconciled.
    pub fn of(spec: &PromotionSpec, own: &EnvironmentRef) -> Self {
        let source = EnvironmentRef::of(spec, &own.namespace);
        let itself = (source == *own)
            .then(|| "promotion.from: name another environment than this one".to_owned());
        let soak = spec
            .soak
            .as_deref()
            .map_or(Ok(DEFAULT_SOAK), duration::parse)
            .map_err(|e| format!("promotion.soak: {e}"));
        let availability = spec
            .min_availability
            .as_deref()
            .map_or(Ok(Percent::AVAILABLE), str::parse)
            .map_err(|e| format!("promotion.minAvailability: {e}"));
        let freezes = freezes(&spec.freezes);
        let problems = [
            itself,
            soak.as_ref().err().cloned(),
            availability.as_ref().err().cloned(),
            freezes.as_ref().err().cloned(),
        ];
        Self {
            source,
            soak: soak.unwrap_or(DEFAULT_SOAK),
            min_availability: availability.unwrap_or(Percent::AVAILABLE),
            auto: spec.auto.unwrap_or(false),
            allow: spec.allow.clone(),
            freezes: freezes.unwrap_or_default(),
            problem: problems.into_iter().flatten().next(),
        }
    }

    /// Serving time over which an image's availability is measured.
    pub fn window(&self) -> Duration {
        self.soak.max(MIN_WINDOW)
    }

    /// The freeze in effect at this time, if any.
    pub(super) fn frozen(&self, at: Timestamp) -> Option<ActiveFreeze> {
        freeze::frozen(&self.freezes, at)
    }

    /// The reason in `promotion.allow`, if it allows this digest.
    pub(super) fn allows(&self, digest: &str) -> Option<&str> {
        let allow = self.allow.as_ref().filter(|a| a.digest == digest)?;
        Some(&allow.reason)
    }
}

fn freezes(specs: &[FreezeSpec]) -> Result<Vec<Freeze>, String> {
    specs
        .iter()
        .map(|spec| Freeze::of(spec).map_err(|e| format!("promotion.freezes: {e}")))
        .collect()
}
