//! Spec with defaults applied and durations parsed. All functions are pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crokodial_crds::duration;
use crokodial_crds::{
    DeletionPolicy, EffectiveStatus, EnvironmentSpec, OnFailure, PodSettings, PreflightMode,
    PreflightRole, PreflightSpec, ResourcesSpec, RouteKind, RouteSpec, Stage, Suspend, TlsMode,
    TlsSpec,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::config::defaults::Defaults;
use crate::release::history::Retention;
use crate::release::snapshot::ReleaseCommand;
use crate::smoke::SmokePlan;

/// Settings of the check of the Mongo URI.
#[derive(Clone, Debug, PartialEq)]
pub struct Preflight {
    /// Mode of the check: a Job, or off.
    pub mode: PreflightMode,
    /// Timeout of the whole check, not counting the start of its pod.
    pub timeout: Duration,
    /// Database role that the app needs.
    pub role: PreflightRole,
    /// Image of preflight Jobs; see [`Defaults::preflight_image`].
    pub image: Option<String>,
    /// Image pull Secret of preflight Jobs; see [`Defaults::preflight_pull_secret`].
    pub pull_secret: Option<String>,
    /// Placement of the app's pods (`runtime.pod`), which is also that of the pods of preflight Jobs.
    pub placement: PodSettings,
}

/// Spec with defaults applied and durations parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    /// Name of the environment variable that contains the Mongo URI.
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
    /// Time for which a terminating pod keeps serving before it gets SIGTERM (the `preStop` sleep).
    pub drain: Duration,
    /// Termination grace period of a pod.
    pub termination_grace: Duration,
    /// Path of the startup probe. The operator also requests it to monitor the site.
    pub health_path: String,
    /// Path of the readiness probe.
    pub readiness_path: String,
    /// Path of the liveness probe; `None` if the pod has no liveness probe.
    pub liveness_path: Option<String>,
    /// Maximum time from the start of a container to its first successful startup probe.
    pub startup: Duration,
    /// Smoke checks that a candidate must pass.
    pub smoke: SmokePlan,
    /// Command that runs once before the first pod of a release starts; `None` if there is no release phase.
    pub release_phase: Option<ReleaseCommand>,
    /// Maximum time from the start of a release's pod until it is ready. It also applies to the candidate pod that
    /// tries new values of `config.secretRefs`.
    pub progress_deadline: Duration,
    /// Time for which a fully rolled-out release is watched before it becomes Good.
    pub bake: Duration,
    /// Interval at which the image tag is looked up again; `None` if the tag is not followed.
    pub follow: Option<Duration>,
    /// Reaction to a release that fails after its roll-out began.
    pub on_failure: OnFailure,
    /// Suspension mode of the environment.
    pub suspend: Suspend,
    /// Kind of route to the site: an Ingress or none.
    pub route: RouteKind,
    /// Name of the IngressClass; `None` selects the cluster's default class.
    pub ingress_class: Option<String>,
    /// True if the route counts as accepted only once the Ingress controller has published an address.
    pub require_address: bool,
    /// TLS mode of the site: a certificate from the operator's own CA, or no TLS.
    pub tls_mode: TlsMode,
    /// True if plain HTTP must redirect to HTTPS.
    pub force_https: bool,
    /// Policy that decides whether the child objects are deleted with the environment.
    pub deletion_policy: DeletionPolicy,
    /// Number and age of the release records to keep.
    pub history: Retention,
}

impl Effective {
    /// Fills in the defaults. Returns an error if a field does not parse, with the path of the field below `spec` and
    /// the problem. This happens only if the value bypassed the CRD's schema.
    #[expect(clippy::too_many_lines, reason = "a default for each field")]
    pub fn of(spec: &EnvironmentSpec, defaults: &Defaults) -> Result<Self, (&'static str, String)> {
        let prod = spec.stage == Stage::Prod;
        let (runtime, health, rollout) = (&spec.runtime, &spec.health, &spec.rollout);
        // Destructured so that a new field of `RouteSpec` or `TlsSpec` does not compile until it is handled here.
        let RouteSpec {
            kind,
            ingress_class_name,
            require_address,
        } = &spec.route;
        let TlsSpec { mode, force_https } = &spec.tls;
        let tls_mode = mode.unwrap_or(defaults.tls_mode);
        let history = (
            spec.history.releases.unwrap_or(50),
            spec.history.days.unwrap_or(90),
        );
        Ok(Self {
            mongo_env_var: text(spec.mongo.env_var.as_deref(), "MONGODB_URI"),
            preflight: preflight(&spec.mongo.preflight, &spec.runtime.pod, defaults)?,
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
            require_address: require_address.unwrap_or(true),
            tls_mode,
            force_https: force_https.unwrap_or(match tls_mode {
                TlsMode::SelfSigned => true,
                TlsMode::None => false,
            }),
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

    /// True if the environment is suspended, so the operator must write nothing for it except its status and Events.
    pub fn suspended(&self) -> bool {
        match self.suspend {
            Suspend::None => false,
            Suspend::Plan | Suspend::All => true,
        }
    }

    /// Returns the value of `status.effective`.
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
    placement: &PodSettings,
    defaults: &Defaults,
) -> Result<Preflight, (&'static str, String)> {
    Ok(Preflight {
        mode: spec.mode.unwrap_or(PreflightMode::Job),
        timeout: seconds("mongo.preflight.timeout", spec.timeout.as_deref(), 15)?,
        role: spec.role.unwrap_or(PreflightRole::ReadWrite),
        image: defaults.preflight_image.clone(),
        pull_secret: defaults.preflight_pull_secret.clone(),
        placement: placement.clone(),
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

/// Returns the default requests and limits, which are more than the dialer needs. The memory limit prevents a leak in
/// one app from exhausting the node.
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
