//! Spec with all defaults filled in. Pure. Defaults are applied nowhere else.

use std::collections::BTreeMap;
use std::time::Duration;

use crokodial_crds::duration;
use crokodial_crds::{
    DeletionPolicy, EffectiveStatus, EnvironmentSpec, OnFailure, PreflightMode, PreflightRole,
    PreflightSpec, ResourcesSpec, RouteKind, RouteSpec, Stage, Suspend, TlsMode, TlsSpec,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::config::defaults::Defaults;
use crate::release::history::Retention;
use crate::release::snapshot::ReleaseCommand;
use crate::smoke::SmokePlan;

/// Settings of the check of the Mongo URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preflight {
    /// Whether a Job checks the URI or nothing does.
    pub mode: PreflightMode,
    /// Timeout of the whole check.
    pub timeout: Duration,
    /// Database role that the app needs.
    pub role: PreflightRole,
    /// See [`Defaults::preflight_image`].
    pub image: Option<String>,
    /// See [`Defaults::preflight_pull_secret`].
    pub pull_secret: Option<String>,
}

/// Spec with all defaults filled in and durations parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    /// Environment variable in which the app gets the Mongo URI.
    pub mongo_env_var: String,
    /// Settings of the check of the Mongo URI.
    pub preflight: Preflight,
    /// Port on which the app listens.
    pub port: i32,
    /// Number of serving pods.
    pub replicas: i32,
    /// Paths of directories that the app may write to.
    pub writable_paths: Vec<String>,
    /// Resource requests and limits of the container.
    pub resources: ResourcesSpec,
    /// Time for which a terminating pod still serves before it gets SIGTERM (preStop sleep).
    pub drain: Duration,
    /// Termination grace period of a pod.
    pub termination_grace: Duration,
    /// Path of the startup probe.
    pub health_path: String,
    /// Path of the readiness probe.
    pub readiness_path: String,
    /// Path of the liveness probe; `None`: the pod has no liveness probe.
    pub liveness_path: Option<String>,
    /// Maximum time from the start of a pod to its first success on `health_path`.
    pub startup: Duration,
    /// Smoke checks that a candidate must pass.
    pub smoke: SmokePlan,
    /// Command that runs once before the first pod of a release.
    pub release_phase: Option<ReleaseCommand>,
    /// Maximum time until a release is fully rolled out.
    pub progress_deadline: Duration,
    /// Time for which a rolled-out release is watched before it is Good.
    pub bake: Duration,
    /// Interval at which the image tag is looked up again; `None`: the tag is not followed.
    pub follow: Option<Duration>,
    /// What happens when a release fails after its roll-out began.
    pub on_failure: OnFailure,
    /// Whether and how the environment is suspended.
    pub suspend: Suspend,
    /// Kind of route to the site: an Ingress or none.
    pub route: RouteKind,
    /// Name of the IngressClass; `None`: the cluster's default class.
    pub ingress_class: Option<String>,
    /// Where the certificate comes from, if there is one.
    pub tls_mode: TlsMode,
    /// True when plain HTTP must redirect to HTTPS.
    pub force_https: bool,
    /// What happens to the children when the environment is deleted.
    pub deletion_policy: DeletionPolicy,
    /// How many release records are kept, and for how long.
    pub history: Retention,
}

impl Effective {
    /// Fills in the defaults. The error is the path of a field that does not parse, and why; such a value bypassed the
    /// CRD's schema.
    #[expect(clippy::too_many_lines, reason = "a default for each field")]
    pub fn of(spec: &EnvironmentSpec, defaults: &Defaults) -> Result<Self, (&'static str, String)> {
        let prod = spec.stage == Stage::Prod;
        let (runtime, health, rollout) = (&spec.runtime, &spec.health, &spec.rollout);
        // Destructured so that a new field of `RouteSpec` or `TlsSpec` does not compile until it is handled here.
        let RouteSpec {
            kind,
            ingress_class_name,
        } = &spec.route;
        let TlsSpec { mode, force_https } = &spec.tls;
        let history = (
            spec.history.releases.unwrap_or(50),
            spec.history.days.unwrap_or(90),
        );
        Ok(Self {
            mongo_env_var: text(spec.mongo.env_var.as_deref(), "MONGODB_URI"),
            preflight: preflight(&spec.mongo.preflight, defaults)?,
            port: runtime.port.unwrap_or(3005),
            replicas: runtime.replicas.unwrap_or(if prod { 2 } else { 1 }),
            writable_paths: runtime
                .writable_paths
                .clone()
                .unwrap_or_else(|| vec!["/tmp".to_owned()]),
            resources: runtime.resources.clone().unwrap_or_else(default_resources),
            drain: seconds("runtime.drain", runtime.drain.as_deref(), 10)?,
            termination_grace: seconds(
                "runtime.terminationGrace",
                runtime.termination_grace.as_deref(),
                45,
            )?,
            health_path: text(health.path.as_deref(), "/api/health"),
            readiness_path: text(health.readiness_path.as_deref(), "/readyz"),
            liveness_path: health.liveness_path.clone(),
            startup: seconds("health.startup", health.startup.as_deref(), 120)?,
            smoke: SmokePlan::of(&spec.smoke)
                .map_err(|error| ("smoke.checks.status", error.to_string()))?,
            release_phase: release_phase(spec)?,
            progress_deadline: seconds(
                "rollout.progressDeadline",
                rollout.progress_deadline.as_deref(),
                300,
            )?,
            bake: seconds(
                "rollout.bake",
                rollout.bake.as_deref(),
                if prod { 600 } else { 60 },
            )?,
            follow: spec
                .follow
                .as_ref()
                .map(|f| seconds("follow.interval", Some(&f.interval), 60))
                .transpose()?,
            on_failure: rollout.on_failure.unwrap_or(OnFailure::Rollback),
            suspend: spec.suspend.unwrap_or(Suspend::None),
            route: kind.unwrap_or(RouteKind::Ingress),
            ingress_class: ingress_class_name
                .clone()
                .or_else(|| defaults.ingress_class.clone()),
            tls_mode: mode.unwrap_or(defaults.tls_mode),
            force_https: force_https.unwrap_or(true),
            deletion_policy: spec.deletion_policy.unwrap_or(if prod {
                DeletionPolicy::Retain
            } else {
                DeletionPolicy::Delete
            }),
            history: Retention {
                releases: usize::try_from(history.0).unwrap_or(0),
                days: i64::from(history.1),
            },
        })
    }

    /// True while the operator may write nothing except the status.
    pub fn suspended(&self) -> bool {
        match self.suspend {
            Suspend::None => false,
            Suspend::Plan | Suspend::All => true,
        }
    }

    /// Value of `status.effective`.
    pub fn status(&self) -> EffectiveStatus {
        EffectiveStatus {
            replicas: self.replicas,
            deletion_policy: self.deletion_policy,
            bake: duration::format(self.bake),
            progress_deadline: duration::format(self.progress_deadline),
            route: self.route,
            ingress_class_name: self.ingress_class.clone(),
            tls: self.tls_mode,
        }
    }
}

fn preflight(
    spec: &PreflightSpec,
    defaults: &Defaults,
) -> Result<Preflight, (&'static str, String)> {
    Ok(Preflight {
        mode: spec.mode.unwrap_or(PreflightMode::Job),
        timeout: seconds("mongo.preflight.timeout", spec.timeout.as_deref(), 15)?,
        role: spec.role.unwrap_or(PreflightRole::ReadWrite),
        image: defaults.preflight_image.clone(),
        pull_secret: defaults.preflight_pull_secret.clone(),
    })
}

fn text(given: Option<&str>, default: &str) -> String {
    given.unwrap_or(default).to_owned()
}

fn seconds(
    field: &'static str,
    given: Option<&str>,
    default: u64,
) -> Result<Duration, (&'static str, String)> {
    given.map_or(Ok(Duration::from_secs(default)), |t| {
        duration::parse(t).map_err(|e| (field, e.to_string()))
    })
}

fn release_phase(spec: &EnvironmentSpec) -> Result<Option<ReleaseCommand>, (&'static str, String)> {
    let Some(phase) = &spec.release_phase else {
        return Ok(None);
    };
    let timeout = seconds("releasePhase.timeout", phase.timeout.as_deref(), 600)?;
    Ok(Some(ReleaseCommand {
        command: phase.command.clone(),
        timeout_seconds: timeout.as_secs(),
        irreversible: phase.irreversible,
    }))
}

/// Default requests and limits: more than the dialer needs. There is a memory limit so that a leak in one app does not
/// exhaust the node.
fn default_resources() -> ResourcesSpec {
    let quantities = |list: &[(&str, &str)]| -> BTreeMap<String, Quantity> {
        list.iter()
            .map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned())))
            .collect()
    };
    ResourcesSpec {
        requests: quantities(&[("cpu", "50m"), ("memory", "64Mi")]),
        limits: quantities(&[("memory", "256Mi")]),
    }
}
