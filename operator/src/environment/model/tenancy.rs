//! Limits that the tenant sets for an environment.

use crate::tenants::{CA_SECRET, HostRule};

/// Limits that the tenant sets for an environment, and the place of the tenant's certificate authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenancy {
    /// Host names that the environment may use.
    pub hosts: HostRule,
    /// Name of the Secret, in the operator's namespace, with the certificate authority of the tenant.
    pub ca_secret: String,
    /// Maximum number of environments of the tenant, if so many older ones exist and this one never ran anything; `None`
    /// otherwise.
    pub refused_by_limit: Option<usize>,
}

impl Default for Tenancy {
    fn default() -> Self {
        Self {
            hosts: HostRule::default(),
            ca_secret: CA_SECRET.to_owned(),
            refused_by_limit: None,
        }
    }
}
