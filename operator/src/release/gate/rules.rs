//! What the spec asks of an image before it may come here, with its defaults. Pure.

use std::time::Duration;

use crokodial_crds::{AllowSpec, FreezeSpec, Percent, PromotionSpec, duration};
use jiff::Timestamp;

use crate::release::freeze::{self, Freeze, Frozen};

/// How long an image must have served well, where the spec does not say.
const SOAK: Duration = Duration::from_secs(30 * 60);

/// Availability is looked at over the soak, but never over less than this.
const LEAST_WINDOW: Duration = Duration::from_secs(3600);

/// Another environment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Place {
    /// Where the environment in `own_namespace` promotes from.
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

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A promotion with its defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Where images come from.
    pub source: Place,
    /// How long they must have served well there.
    pub soak: Duration,
    /// What part of the checks there must have been good.
    pub min_availability: Percent,
    /// Images are taken without anybody asking.
    pub auto: bool,
    /// The one image that a person lets through.
    pub allow: Option<AllowSpec>,
    /// When nothing comes.
    pub freezes: Vec<Freeze>,
    /// What of it cannot be understood: then nothing passes without a person's word.
    pub problem: Option<String>,
}

impl Rules {
    /// Reads a promotion; `own` is the environment it is written in. What the schema cannot see is told in
    /// `problem`, so that the rest of the environment is looked after all the same.
    pub fn of(spec: &PromotionSpec, own: &Place) -> Self {
        let source = Place::of(spec, &own.namespace);
        let itself = (source == *own)
            .then(|| "promotion.from: name another environment than this one".to_owned());
        let soak = spec
            .soak
            .as_deref()
            .map_or(Ok(SOAK), duration::parse)
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
            soak: soak.unwrap_or(SOAK),
            min_availability: availability.unwrap_or(Percent::AVAILABLE),
            auto: spec.auto.unwrap_or(false),
            allow: spec.allow.clone(),
            freezes: freezes.unwrap_or_default(),
            problem: problems.into_iter().flatten().next(),
        }
    }

    /// Over how much of its serving an image's availability is looked at.
    pub fn window(&self) -> Duration {
        self.soak.max(LEAST_WINDOW)
    }

    pub(super) fn frozen(&self, at: Timestamp) -> Option<Frozen> {
        freeze::frozen(&self.freezes, at)
    }

    /// A person's word for this digest.
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
