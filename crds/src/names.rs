//! Label keys, and the names of the objects that the operator creates. Also re-exports the name types of `identifiers`.

pub use crate::identifiers::{DatabaseName, Digest, DnsName, EnvironmentName, NameError};
pub use crate::image::{ImageError, ImageRef};

/// Label on every object created for an environment, its releases and its pods: the environment's name.
pub const LABEL_ENVIRONMENT: &str = "crokodial.com/environment";
/// Label on the created objects, but never on pods: the uid of the environment.
pub const LABEL_ENVIRONMENT_UID: &str = "crokodial.com/environment-uid";
/// Label on pods and on configuration snapshots: the number of the release.
pub const LABEL_RELEASE: &str = "crokodial.com/release";
/// Recommended label of Kubernetes: the application's name.
pub const LABEL_NAME: &str = "app.kubernetes.io/name";
/// Recommended label of Kubernetes: the instance of the application, which is the environment's name.
pub const LABEL_INSTANCE: &str = "app.kubernetes.io/instance";
/// Recommended label of Kubernetes: the component, one of [`COMPONENT_WEB`], [`COMPONENT_CANDIDATE`],
/// [`COMPONENT_RELEASE_PHASE`] or [`COMPONENT_PREFLIGHT`].
pub const LABEL_COMPONENT: &str = "app.kubernetes.io/component";
/// Recommended label of Kubernetes: the application the component belongs to.
pub const LABEL_PART_OF: &str = "app.kubernetes.io/part-of";
/// Recommended label of Kubernetes: the manager of the object, [`MANAGED_BY`].
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`LABEL_MANAGED_BY`] on every object the operator creates.
pub const MANAGED_BY: &str = "crokodial-operator";
/// Value of [`LABEL_COMPONENT`] on the pods that serve traffic, and on their Deployment and other objects.
pub const COMPONENT_WEB: &str = "web";
/// Value of [`LABEL_COMPONENT`] on the candidate pod, which tests a release or new Secret values. No Service selects
/// this pod.
pub const COMPONENT_CANDIDATE: &str = "candidate";
/// Value of [`LABEL_COMPONENT`] on the pod that runs the command of a release phase.
pub const COMPONENT_RELEASE_PHASE: &str = "release-phase";
/// Value of [`LABEL_COMPONENT`] on the Job that checks a connection string, and on the objects of that Job.
pub const COMPONENT_PREFLIGHT: &str = "preflight";

/// Names of the objects created for one environment, all in its namespace.
#[derive(Clone, Copy, Debug)]
pub struct Children<'a>(&'a EnvironmentName);

impl<'a> Children<'a> {
    /// The names of the objects of this environment.
    #[must_use]
    pub fn of(environment: &'a EnvironmentName) -> Self {
        Self(environment)
    }

    /// Name of the ServiceAccount, Deployment, Service, Ingress, PodDisruptionBudget and NetworkPolicy.
    #[must_use]
    pub fn deployment(self) -> String {
        self.0.to_string()
    }

    /// Name of the Secret with the connection string that pods use.
    #[must_use]
    pub fn mongo_active(self) -> String {
        format!("{}-mongo-active", self.0)
    }

    /// Name of the Job that makes the check `number` of a connection string, and of the Secret that the Job reads.
    #[must_use]
    pub fn preflight(self, number: i64) -> String {
        format!("{}-preflight-{number}", self.0)
    }

    /// Name of the Secret with the values of `config.secretRefs` that pods use.
    #[must_use]
    pub fn config_active(self) -> String {
        format!("{}-config-active", self.0)
    }

    /// Name of the Secret with new values of `config.secretRefs` that are being tested or have failed the test.
    #[must_use]
    pub fn config_candidate(self) -> String {
        format!("{}-config-candidate", self.0)
    }

    /// Name of the Deployment of the candidate pod, which tests a release or new Secret values, and of the
    /// NetworkPolicy for pods that get no traffic.
    #[must_use]
    pub fn candidate(self) -> String {
        format!("{}-candidate", self.0)
    }

    /// Name of the Job that runs the release phase of release `number`.
    #[must_use]
    pub fn release_job(self, number: i64) -> String {
        format!("{}-release-{number}", self.0)
    }

    /// Name of the Secret with the certificate.
    #[must_use]
    pub fn tls(self) -> String {
        format!("{}-tls", self.0)
    }

    /// Name of the ConfigMap with the configuration snapshot of release `number`.
    #[must_use]
    pub fn snapshot(self, number: i64) -> String {
        format!("{}-r{number}", self.0)
    }

    /// Name of the CrokodialRelease with this number.
    #[must_use]
    pub fn release(self, number: i64) -> String {
        format!("{}-{number}", self.0)
    }
}

#[cfg(test)]
#[path = "names_test.rs"]
mod tests;
