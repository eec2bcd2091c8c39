//! Plan of the smoke checks of a candidate pod, with defaults applied. Pure functions without I/O.

use crokodial_crds::SmokeSpec;
use serde::{Deserialize, Serialize};

/// HTTP statuses that a check accepts: a single status or an inclusive range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Statuses {
    from: u16,
    to: u16,
}

impl Statuses {
    /// Statuses 200 to 299.
    pub const SUCCESS: Self = Self { from: 200, to: 299 };

    /// Only the status 200.
    pub const ONLY_OK: Self = Self { from: 200, to: 200 };

    /// Returns true if the range contains `status`.
    pub fn accept(self, status: u16) -> bool {
        (self.from..=self.to).contains(&status)
    }
}

impl std::fmt::Display for Statuses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.from == self.to {
            write!(f, "{}", self.from)
        } else {
            write!(f, "{}-{}", self.from, self.to)
        }
    }
}

/// Error for a text that is neither an HTTP status nor a range of statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a status: write one such as 200, or a range such as 200-299, the lower end first")]
pub struct StatusError;

impl std::str::FromStr for Statuses {
    type Err = StatusError;

    fn from_str(text: &str) -> Result<Self, StatusError> {
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let status = |part: &str| match part.as_bytes() {
            [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'] => part.parse().map_err(|_| StatusError),
            _ => Err(StatusError),
        };
        let (from, to) = (status(from)?, status(to)?);
        if from <= to {
            Ok(Self { from, to })
        } else {
            Err(StatusError)
        }
    }
}

impl TryFrom<String> for Statuses {
    type Error = StatusError;

    fn try_from(text: String) -> Result<Self, StatusError> {
        text.parse()
    }
}

impl From<Statuses> for String {
    fn from(statuses: Statuses) -> Self {
        statuses.to_string()
    }
}

/// Smoke check: a request, and the response that is expected.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Check {
    /// Path and query of the request.
    pub path: String,
    /// HTTP statuses that the check accepts.
    pub status: Statuses,
    /// Text that the response body must contain; `None` if any body is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
}

/// Smoke checks of a candidate pod. The plan is stored in the release's snapshot, so different defaults in a later
/// operator version do not affect an existing release.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SmokePlan {
    /// True if the assets of the checked pages are requested too.
    pub assets: bool,
    /// Checks of pages, in the order in which they run.
    pub checks: Vec<Check>,
}

impl Default for SmokePlan {
    fn default() -> Self {
        let root = Check {
            path: "/".to_owned(),
            status: Statuses::SUCCESS,
            contains: None,
        };
        Self {
            assets: true,
            checks: vec![root],
        }
    }
}

impl SmokePlan {
    /// Returns the plan for a spec, with defaults applied.
    ///
    /// # Errors
    /// [`StatusError`] if a status is not valid. The schema already rejects such a spec.
    pub fn of(spec: &SmokeSpec) -> Result<Self, StatusError> {
        let default = Self::default();
        let checks = match &spec.checks {
            None => default.checks,
            Some(checks) => checks
                .iter()
                .map(|check| {
                    Ok(Check {
                        path: check.path.clone(),
                        status: check
                            .status
                            .as_deref()
                            .map_or(Ok(Statuses::SUCCESS), str::parse)?,
                        contains: check.contains.clone(),
                    })
                })
                .collect::<Result<_, StatusError>>()?,
        };
        Ok(Self {
            assets: spec.assets.unwrap_or(default.assets),
            checks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crokodial_crds::SmokeCheck;
    use proptest::prelude::*;

    #[test]
    fn a_status_is_one_or_a_range() {
        for (text, accepted, refused) in [
            ("200", vec![200], vec![199, 201]),
            ("200-299", vec![200, 250, 299], vec![199, 300]),
            ("301-301", vec![301], vec![300, 302]),
            ("100-599", vec![100, 599], vec![99, 600]),
        ] {
            let statuses: Statuses = text.parse().unwrap();
            assert!(accepted.iter().all(|s| statuses.accept(*s)), "{text}");
            assert!(!refused.iter().any(|s| statuses.accept(*s)), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "2",
            "20",
            "2000",
            "600",
            "099",
            "+20",
            "200-",
            "-200",
            "299-200",
            "200-299-300",
            "200 - 299",
            "2xx",
            "٢٠٠",
        ] {
            assert_eq!(text.parse::<Statuses>(), Err(StatusError), "{text}");
        }
    }

    #[test]
    fn without_a_word_the_root_page_and_its_assets_are_asked_for() {
        let plan = SmokePlan::of(&SmokeSpec::default()).unwrap();
        assert_eq!(plan, SmokePlan::default());
        assert_eq!(
            serde_json::to_value(&plan).unwrap(),
            serde_json::json!({"assets": true, "checks": [{"path": "/", "status": "200-299"}]})
        );
    }

    #[test]
    fn what_is_given_is_taken() {
        let check = SmokeCheck {
            path: "/login".to_owned(),
            status: Some("200-204".to_owned()),
            contains: Some("Sign in".to_owned()),
        };
        let bad = SmokeCheck {
            status: Some("ok".to_owned()),
            ..check.clone()
        };
        let spec = |check| SmokeSpec {
            assets: Some(false),
            checks: Some(vec![check]),
        };
        let plan = SmokePlan::of(&spec(check)).unwrap();
        assert!(!plan.assets);
        assert_eq!(plan.checks[0].path, "/login");
        assert_eq!(plan.checks[0].status.to_string(), "200-204");
        assert_eq!(plan.checks[0].contains.as_deref(), Some("Sign in"));
        assert_eq!(SmokePlan::of(&spec(bad)), Err(StatusError));
    }

    proptest! {
        #[test]
        fn a_written_range_reads_back(a in 100_u16..600, b in 100_u16..600) {
            let text = format!("{}-{}", a.min(b), a.max(b));
            let statuses: Statuses = text.parse().unwrap();
            prop_assert_eq!(statuses.to_string().parse::<Statuses>(), Ok(statuses));
            prop_assert!(statuses.accept(a) && statuses.accept(b));
        }
    }
}
