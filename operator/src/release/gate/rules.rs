//! Promotion rules: the spec's `promotion` with defaults applied. Pure functions without I/O.

use std::time::Duration;

use crokodial_crds::{AllowSpec, FreezeSpec, Percent, PromotionSpec, duration};
use jiff::Timestamp;

use crate::release::freeze::{self, ActiveFreeze, Freeze};

/// Default of `promotion.soak`, the time for which an image must serve well in the source environment.
const DEFAULT_SOAK: Duration = Duration::from_secs(30 * 60);

/// Minimum serving time over which availability is measured. It applies if the soak is shorter.
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
    /// Returns the source environment that `spec.from` refers to. Its namespace defaults to `own_namespace`.
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

/// The spec's `promotion` with defaults applied, and the first error in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Environment from which images are promoted.
    pub source: EnvironmentRef,
    /// Time for which an image must serve well in the source environment.
    pub soak: Duration,
    /// Minimum availability of the image in the source environment, as a share of measured time.
    pub min_availability: Percent,
    /// True if new good releases of the source environment are promoted automatically.
    pub auto: bool,
    /// Image that a user allows even if the rules reject it; `None` if there is none.
    pub allow: Option<AllowSpec>,
    /// Periods in which nothing new is released.
    pub freezes: Vec<Freeze>,
    /// Error in the spec's `promotion`, as a message for users. If it is set, no new image passes the gate except the
    /// one in `allow`.
    pub problem: Option<String>,
}

impl Rules {
    /// Returns the promotion rules of the environment `own`. Errors that the schema cannot detect are stored in
    /// `problem`, so that the rest of the environment is still reconciled.
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

    /// Returns the serving time over which an image's availability is measured.
    pub fn window(&self) -> Duration {
        self.soak.max(MIN_WINDOW)
    }

    /// Returns the freeze in effect at `at`, if any.
    pub(super) fn frozen(&self, at: Timestamp) -> Option<ActiveFreeze> {
        freeze::frozen(&self.freezes, at)
    }

    /// Returns the reason given in `promotion.allow` if that field allows this digest; `None` otherwise.
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
