//! Inputs of the computation of an environment's status.

use crokodial_crds::{CrokodialEnvironment, PlanStatus};

use crate::environment::certificate::Certificate;
use crate::environment::decide::Step;
use crate::environment::effective::Effective;
use crate::environment::model::observed::Observed;
use crate::environment::model::owner::Owner;
use crate::environment::model::refused::RefusedWrites;
use crate::environment::validate::Valid;

/// Inputs for computing the status.
#[derive(Clone, Copy, Debug)]
pub struct StatusInputs<'a> {
    /// Environment resource, with its stored status.
    pub environment: &'a CrokodialEnvironment,
    /// Identity of the environment.
    pub owner: &'a Owner,
    /// Spec with defaults applied.
    pub effective: &'a Effective,
    /// Result of validation.
    pub valid: &'a Valid,
    /// Decisions about releases.
    pub step: &'a Step,
    /// Observed state of the cluster, the image registries and the site.
    pub observed: &'a Observed,
    /// Planned certificate of the site.
    pub certificate: &'a Certificate,
    /// Writes of this reconcile that the API server refused.
    pub refused: &'a RefusedWrites,
    /// Plan of what would be written; set only with `spec.suspend: Plan`.
    pub plan: Option<&'a PlanStatus>,
}
