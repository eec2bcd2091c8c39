//! Label keys, and the names of the objects that the operator creates. Also re-exports the types for names and images.

pub use crate::identifiers::{DatabaseName, Digest, DnsName, EnvironmentName, NameError};
pub use crate::image::{ImageError, ImageRef};

/// Label on all objects and pods of an environment: the environment's name.
pub const LABEL_ENVIRONMENT: &str = "crokodial.com/environment";
/// Label on the objects created for an environment, but not on pods: the uid of the environment.
pub const LABEL_ENVIRONMENT_UID: &str = "crokodial.com/environment-uid";
/// Label on the pods, the record, the configuration snapshot and the release-phase Job of a release: the number of the
/// release.
pub const LABEL_RELEASE: &str = "crokodial.com/release";
/// Kubernetes recommended label: the application's name, which is the environment's name.
pub const LABEL_NAME: &str = "app.kubernetes.io/name";
/// Kubernetes recommended label: the component of the application. The value is [`COMPONENT_WEB`],
/// [`COMPONENT_CANDIDATE`], [`COMPONENT_RELEASE_PHASE`] or [`COMPONENT_PREFLIGHT`].
pub const LABEL_COMPONENT: &str = "app.kubernetes.io/component";
/// Kubernetes recommended label: the application that the component belongs to.
pub const LABEL_PART_OF: &str = "app.kubernetes.io/part-of";
/// Kubernetes recommended label: the manager of the object, which is [`MANAGED_BY`].
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`LABEL_MANAGED_BY`] on the objects that the operator creates.
pub const MANAGED_BY: &str = "crokodial-operator";
/// Value of [`LABEL_COMPONENT`] on the pods that serve traffic, and on the objects of the environment that belong to no
/// other component, such as the Deployment of these pods and the Service.
pub const COMPONENT_WEB: &str = "web";
/// Value of [`LABEL_COMPONENT`] on the candidate pod and its objects. The candidate pod tests a new release or new
/// Secret values. No Service selects it.
pub const COMPONENT_CANDIDATE: &str = "candidate";
/// Value of [`LABEL_COMPONENT`] on the Job that runs the command of a release phase, and on its pod.
pub const COMPONENT_RELEASE_PHASE: &str = "release-phase";
/// Value of [`LABEL_COMPONENT`] on the Job that checks a connection string, and on its pod and its Secret.
pub const COMPONENT_PREFLIGHT: &str = "preflight";

/// Names of the objects that the operator creates for one environment, in the environment's namespace.
#[derive(Clone, Copy, Debug)]
pub struct Children<'a>(&'a EnvironmentName);

impl<'a> Children<'a> {
    /// Returns the names of the objects of this environment.
    #[must_use]
    pub fn of(environment: &'a EnvironmentName) -> Self {
        Self(environment)
    }

    /// Returns the name of the ServiceAccount, Deployment, Service, Ingress, PodDisruptionBudget and NetworkPolicy of
    /// the environment.
    #[must_use]
    pub fn deployment(self) -> String {
        self.0.to_string()
    }

    /// Returns the name of the Secret with the connection string that the pods use.
    #[must_use]
    pub fn mongo_active(self) -> String {
        format!("{}-mongo-active", self.0)
    }

    /// Returns the name of the Job that runs check `number` of a connection string. The Secret that the Job reads has
    /// the same name.
    #[must_use]
    pub fn preflight(self, number: i64) -> String {
        format!("{}-preflight-{number}", self.0)
    }

    /// Returns the name of the Secret with the values of `config.secretRefs` that the pods use.
    #[must_use]
    pub fn config_active(self) -> String {
        format!("{}-config-active", self.0)
    }

    /// Returns the name of the Secret with new values of `config.secretRefs` that are being tested or have failed the
    /// test.
    #[must_use]
    pub fn config_candidate(self) -> String {
        format!("{}-config-candidate", self.0)
    }

    /// Returns the name of the Secret with the connection string and the values of `config.secretRefs` with which all pods
    /// became ready last.
    #[must_use]
    pub fn proven(self) -> String {
        format!("{}-proven", self.0)
    }

    /// Returns the name of the Deployment of the candidate pod, which tests a new release or new Secret values. The
    /// NetworkPolicy of candidate pods and of release phases has the same name.
    #[must_use]
    pub fn candidate(self) -> String {
        format!("{}-candidate", self.0)
    }

    /// Returns the name of the Job that runs the release phase of release `number`.
    #[must_use]
    pub fn release_job(self, number: i64) -> String {
        format!("{}-release-{number}", self.0)
    }

    /// Returns the name of the Secret with the TLS certificate.
    #[must_use]
    pub fn tls(self) -> String {
        format!("{}-tls", self.0)
    }

    /// Returns the name of the ConfigMap with the configuration snapshot of release `number`.
    #[must_use]
    pub fn snapshot(self, number: i64) -> String {
        format!("{}-r{number}", self.0)
    }

    /// Returns the name of the CrokodialRelease with this number.
    #[must_use]
    pub fn release(self, number: i64) -> String {
        format!("{}-{number}", self.0)
    }
}

#[cfg(test)]
#[path = "names_test.rs"]
mod tests;
