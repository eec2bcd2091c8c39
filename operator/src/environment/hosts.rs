//! Decides which environment gets a host name that several environments claim. All functions are pure.

use jiff::Timestamp;

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
}

/// Returns the claim that gets the host; `None` if there is no claim. Environments whose Ingress already has the host
/// come first, then older environments. Ties are broken by namespace and name.
pub fn keeper(claims: &[Claim]) -> Option<&Claim> {
    claims.iter().min_by_key(|c| {
        (
            !c.routed,
            c.created.unwrap_or(Timestamp::MAX),
            &c.namespace,
            &c.name,
        )
    })
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
        }
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
