//! Decides which environment gets a host name that several environments claim. All functions are pure.

use crokodial_crds::Reason;
use jiff::Timestamp;
use k8s_openapi::api::networking::v1::Ingress;

use super::finding::Finding;
use super::model::objects::{carries, hosts_of};
use crate::tenants::HostRule;

/// One environment's claim to a host name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Namespace of the environment.
    pub namespace: String,
    /// Name of the environment.
    pub name: String,
    /// Creation time of the environment.
    pub created: Option<Timestamp>,
    /// True if the environment's Ingress already has a rule for the host.
    pub routed: bool,
    /// True if the operator has found, since it started, that the host is this environment's, and the environment's Ingress
    /// still has a rule for it.
    pub confirmed: bool,
    /// True if the environment belongs to the tenant for which the claims were read. The names of others are not told.
    pub same_tenant: bool,
}

/// Returns the claim that gets the host; `None` if there is no claim. Environments whose Ingress already has the host
/// come first, before all the one whose claim was confirmed, then older environments. Ties are broken by namespace and
/// name. If two wrote their Ingresses at the same time, one of them is thus confirmed, and the other one withdraws.
pub fn keeper(claims: &[Claim]) -> Option<&Claim> {
    claims.iter().min_by_key(|c| {
        (
            !c.confirmed,
            !c.routed,
            c.created.unwrap_or(Timestamp::MAX),
            &c.namespace,
            &c.name,
        )
    })
}

/// Returns the finding for an environment that may not use its domain according to `rule`.
pub fn not_allowed(domain: &str, rule: &HostRule) -> Finding {
    let what = match rule.domains() {
        Some(domains) => format!(
            "{domain} is not among the domains of this namespace's tenant, which are {domains}"
        ),
        None => format!("{domain} is reserved for another tenant"),
    };
    Finding::no(Reason::HostNotAllowed, what)
}

/// Returns the finding for an environment whose domain `other` has. Environments of other tenants are not named.
pub fn taken(domain: &str, other: &Claim) -> Finding {
    let what = if other.same_tenant {
        let (namespace, name) = (&other.namespace, &other.name);
        format!("{domain} is the domain of environment {namespace}/{name}")
    } else {
        format!("{domain} is the domain of another environment")
    };
    Finding::no(Reason::HostTaken, what)
}

/// True if an Ingress that exists must be removed: it has a host that `rule` does not allow, or it has `domain`, which is
/// `taken` by another environment. The latter happens if two environments wrote their Ingresses at the same time.
pub fn withdraws(live: &Ingress, domain: &str, taken: bool, rule: &HostRule) -> bool {
    (taken && carries(live, domain)) || hosts_of(live).any(|host| !rule.allows(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(name: &str, age: i64, routed: bool) -> Claim {
        let created = Timestamp::from_second(1_000_000 - age).ok();
        Claim {
            namespace: "apps".to_owned(),
            name: name.to_owned(),
            created,
            routed,
            confirmed: false,
            same_tenant: true,
        }
    }

    #[test]
    fn of_two_that_have_the_host_the_confirmed_one_keeps_it_else_the_older() {
        let (old, young) = (claim("old", 9, true), claim("young", 1, true));
        let keeps = |claims: &[Claim]| keeper(claims).map(|c| c.name.clone());
        assert_eq!(keeps(&[young.clone(), old.clone()]).as_deref(), Some("old"));
        let young = Claim {
            confirmed: true,
            ..young
        };
        assert_eq!(keeps(&[old, young]).as_deref(), Some("young"));
    }

    #[test]
    fn the_incumbent_keeps_the_host_from_an_older_claimant() {
        let claims = [claim("older", 100, false), claim("incumbent", 1, true)];
        assert_eq!(keeper(&claims).map(|c| c.name.as_str()), Some("incumbent"));
    }

    #[test]
    fn without_an_incumbent_the_older_gets_it_and_names_break_ties() {
        let claims = [claim("young", 1, false), claim("old", 9, false)];
        assert_eq!(keeper(&claims).map(|c| c.name.as_str()), Some("old"));
        let twins = [claim("b", 5, false), claim("a", 5, false)];
        assert_eq!(keeper(&twins).map(|c| c.name.as_str()), Some("a"));
    }

    #[test]
    fn nobody_keeps_what_nobody_claims() {
        assert_eq!(keeper(&[]), None);
    }
}
