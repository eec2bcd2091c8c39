//! Tenants: groups of namespaces whose environments know of each other. Environments of people who do not trust each
//! other may share one operator. All functions are pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crokodial_crds::names::DnsName;
use serde::Deserialize;

/// Name of the Secret with the certificate authority of the namespaces that belong to no named tenant. The Secrets of
/// named tenants have the tenant's name appended.
pub const CA_SECRET: &str = "crokodial-ca";

/// Maximum length of a tenant's name in characters.
const MAX_NAME: usize = 40;

/// Host names that an environment may use: one name, or all names below one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainPattern {
    /// Exactly this host name.
    Exact(String),
    /// All host names that end with a dot and this name, with any number of labels before it, but not the name itself.
    Below(String),
}

impl DomainPattern {
    /// Parses a host name, or `*.` followed by a host name. Returns `None` for everything else.
    fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let parsed: DnsName = name.parse().ok()?;
        let name = parsed.as_str().to_owned();
        Some(if text.starts_with("*.") {
            Self::Below(name)
        } else {
            Self::Exact(name)
        })
    }

    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Below(name) => host
                .strip_suffix(name.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        }
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
        }
    }
}

/// Host names that the environments of one namespace may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostRule {
    /// Domains of the namespace's tenant; `None` if the tenant has no list.
    own: Option<Vec<DomainPattern>>,
    /// Domains that only other tenants may use.
    reserved: Vec<DomainPattern>,
}

impl HostRule {
    /// Returns true if an environment may use this host name: the tenant's list contains it or, if the tenant has no
    /// list, no other tenant's list does.
    pub fn allows(&self, host: &str) -> bool {
        match &self.own {
            Some(domains) => domains.iter().any(|domain| domain.matches(host)),
            None => !self.reserved.iter().any(|domain| domain.matches(host)),
        }
    }

    /// Returns the tenant's domains for a message, separated by commas; `None` if the tenant has no list.
    pub fn domains(&self) -> Option<String> {
        let domains = self.own.as_ref()?.iter().map(ToString::to_string);
        Some(domains.collect::<Vec<_>>().join(", "))
    }
}

/// One named tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tenant {
    name: String,
    namespaces: BTreeSet<String>,
    domains: Option<Vec<DomainPattern>>,
    max_environments: Option<usize>,
}

/// Tenant as it is written in the configuration.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    name: String,
    namespaces: Vec<String>,
    domains: Option<Vec<String>>,
    max_environments: Option<usize>,
}

/// All named tenants. Watched namespaces that belong to none of them form one more tenant, without a name, a list of
/// domains or a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenants(Vec<Tenant>);

impl Tenants {
    /// Parses the JSON list of tenants, whose entries have the fields `name`, `namespaces`, `domains` and
    /// `maxEnvironments`. The last two are optional.
    ///
    /// # Errors
    /// Descriptions of all mistakes: text that is no such list, names that are invalid or occur twice, a namespace in two
    /// tenants, and domains that are neither a host name nor `*.` and a host name.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let written: Vec<Written> = serde_json::from_str(text)
            .map_err(|error| vec![format!("it is no list of tenants in JSON ({error})")])?;
        let mut problems = Vec::new();
        let mut owner_of: BTreeMap<String, String> = BTreeMap::new();
        let mut tenants: Vec<Tenant> = Vec::new();
        for tenant in written {
            let name = tenant.name.clone();
            if !is_name(&name) {
                problems.push(format!(
                    "{name:?} is not a name of a tenant: up to {MAX_NAME} lower-case letters, digits and hyphens"
                ));
            }
            if tenants.iter().any(|other| other.name == name) {
                problems.push(format!("two tenants have the name {name}"));
            }
            if tenant.namespaces.is_empty() {
                problems.push(format!("tenant {name} has no namespaces"));
            }
            for namespace in &tenant.namespaces {
                if let Some(other) = owner_of.insert(namespace.clone(), name.clone()) {
                    problems.push(format!(
                        "namespace {namespace} is in tenant {other} and in tenant {name}"
                    ));
                }
            }
            tenants.push(read(tenant, &mut problems));
        }
        if problems.is_empty() {
            Ok(Self(tenants))
        } else {
            Err(problems)
        }
    }

    /// Returns a description of each namespace of a tenant that is not in the list of watched namespaces.
    pub fn unwatched(&self, watched: &[String]) -> Vec<String> {
        let all = self.0.iter().flat_map(|tenant| {
            let namespaces = tenant.namespaces.iter();
            namespaces.map(move |namespace| (tenant, namespace))
        });
        all.filter(|(_, namespace)| !watched.contains(namespace))
            .map(|(tenant, namespace)| {
                let name = &tenant.name;
                format!("namespace {namespace} of tenant {name} is not watched")
            })
            .collect()
    }

    fn of(&self, namespace: &str) -> Option<&Tenant> {
        self.0
            .iter()
            .find(|tenant| tenant.namespaces.contains(namespace))
    }

    /// Returns true if two namespaces belong to the same tenant.
    pub fn same(&self, one: &str, other: &str) -> bool {
        let name = |namespace| self.of(namespace).map(|tenant| tenant.name.as_str());
        name(one) == name(other)
    }

    /// Returns the host names that environments of this namespace may use.
    pub fn hosts(&self, namespace: &str) -> HostRule {
        let own = self.of(namespace);
        let others = self.0.iter().filter(|tenant| Some(*tenant) != own);
        HostRule {
            own: own.and_then(|tenant| tenant.domains.clone()),
            reserved: others
                .filter_map(|tenant| tenant.domains.as_ref())
                .flatten()
                .cloned()
                .collect(),
        }
    }

    /// Returns the maximum number of environments of the namespace's tenant; `None` if there is no limit.
    pub fn max_environments(&self, namespace: &str) -> Option<usize> {
        self.of(namespace)?.max_environments
    }

    /// Returns the name of the Secret, in the operator's namespace, with the certificate authority of the namespace's
    /// tenant.
    pub fn ca_secret(&self, namespace: &str) -> String {
        match self.of(namespace) {
            Some(tenant) => format!("{CA_SECRET}-{}", tenant.name),
            None => CA_SECRET.to_owned(),
        }
    }
}

/// Reads one tenant, and adds the mistakes in its domains to `problems`.
fn read(written: Written, problems: &mut Vec<String>) -> Tenant {
    let Written {
        name,
        namespaces,
        domains,
        max_environments,
    } = written;
    if domains.as_ref().is_some_and(Vec::is_empty) {
        problems.push(format!(
            "tenant {name} has an empty list of domains: leave it out to allow every domain that no other tenant has"
        ));
    }
    let domains = domains.map(|texts| {
        let parsed = texts.iter().map(|text| (text, DomainPattern::parse(text)));
        let good = parsed.filter_map(|(text, parsed)| {
            if parsed.is_none() {
                problems.push(format!(
                    "{text:?} of tenant {name} is neither a domain nor *. and a domain, in lower case"
                ));
            }
            parsed
        });
        good.collect()
    });
    Tenant {
        name,
        namespaces: namespaces.into_iter().collect(),
        domains,
        max_environments,
    }
}

fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty()
        && text.len() <= MAX_NAME
        && text.chars().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
#[path = "tenants_tests.rs"]
mod tests;
