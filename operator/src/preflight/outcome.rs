//! Result of a preflight Job, as stored in its pod's termination message.

use crokodial_crds::Reason;
use serde::{Deserialize, Serialize};

use super::classify::FailedCheck;
use super::identity::MARK_LENGTH;
use super::uri_fault::UriFault;

/// Maximum size of a termination message in bytes (limit of the kubelet).
pub const MAX_BYTES: usize = 4096;

/// Maximum number of marks (digests that identify the database) that are accepted in a result. A result has either one
/// mark per member of a replica set, of which there are at most 50, or at most three other marks. The limit is the sum
/// of both, which no result exceeds.
const MAX_MARKS: usize = 53;

/// Result of the preflight checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Outcome {
    /// `Proven`, or the [`Reason`] of the first check that failed.
    verdict: String,
    /// Host and port of the server at which the check failed, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    /// Error code of the MongoDB server, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
    /// Fault of the connection string, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fault: Option<UriFault>,
    /// Name of the option of the connection string that has the fault, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    option: Option<String>,
    /// Name of the database at which the login was tried, if the login failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login: Option<String>,
    /// Version of the server, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// Marks that identify the database; see [`super::identity::marks`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    marks: Vec<String>,
}

const PROVEN: &str = "Proven";

/// Reasons for which a check can fail. A result with any other reason is rejected.
const VERDICTS: [Reason; 10] = [
    Reason::BadUri,
    Reason::DnsFailure,
    Reason::ConnectionRefused,
    Reason::NetworkBlocked,
    Reason::TlsFailure,
    Reason::NotAnswering,
    Reason::AuthFailed,
    Reason::NotAuthorized,
    Reason::NoPrimary,
    Reason::UnexpectedAnswer,
];

impl Outcome {
    /// Returns the result of a preflight whose checks all passed.
    pub fn proven(version: Option<String>, marks: Vec<String>) -> Self {
        Self {
            verdict: PROVEN.to_owned(),
            host: None,
            code: None,
            fault: None,
            option: None,
            login: None,
            version,
            marks,
        }
    }

    /// Returns the result of a preflight in which `check` failed.
    pub fn failed(check: &FailedCheck) -> Self {
        Self {
            verdict: check.reason.as_str().to_owned(),
            host: check.host.clone().filter(|host| is_host(host)),
            code: check.code,
            fault: check.fault.as_ref().map(|(fault, _)| *fault),
            option: check
                .fault
                .as_ref()
                .and_then(|(_, option)| option.clone())
                .filter(|option| is_option(option)),
            login: check.login.clone().filter(|name| is_database(name)),
            version: None,
            marks: Vec::new(),
        }
    }

    /// Serializes the result to JSON, for the termination message.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Parses a result. Returns `None` for any text that is not a valid result. The text is not trusted, because it
    /// comes from a pod in the user's namespace.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let read: Self = serde_json::from_str(text).ok()?;
        let known = read.verdict == PROVEN || read.failure().is_some();
        let sound = read.host.as_deref().is_none_or(is_host)
            && read.option.as_deref().is_none_or(is_option)
            && read.login.as_deref().is_none_or(is_database)
            && read.version.as_deref().is_none_or(is_version)
            && read.marks.len() <= MAX_MARKS
            && read.marks.iter().all(|mark| is_mark(mark));
        (known && sound).then_some(read)
    }

    /// Returns the reason of the failed check; `None` if all checks passed.
    pub fn failure(&self) -> Option<Reason> {
        let reason: Reason = self.verdict.parse().ok()?;
        VERDICTS.contains(&reason).then_some(reason)
    }

    /// Returns the version of the server, if known.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns the marks that identify the database; see [`super::identity::marks`].
    pub fn marks(&self) -> &[String] {
        &self.marks
    }

    /// Returns a description of the result for a condition message, as a clause without a trailing period.
    pub fn seen(&self, database: &str) -> String {
        let host = self.host.as_deref().unwrap_or("the server");
        let code = self
            .code
            .map_or_else(String::new, |code| format!(" (error {code})"));
        match self.failure() {
            None => format!("the login and its rights on database {database} were proven"),
            Some(Reason::BadUri) => match self.fault {
                Some(fault) => fault.seen(self.option.as_deref().unwrap_or("?"), host),
                None => "the MongoDB driver does not accept the URI".to_owned(),
            },
            Some(Reason::DnsFailure) => format!("no address was found for {host}"),
            Some(Reason::ConnectionRefused) => format!("{host} refused the connection"),
            Some(Reason::NetworkBlocked) => {
                format!("no answer from {host} to an attempt to connect; Atlas access list?")
            }
            Some(Reason::TlsFailure) => {
                format!(
                    "no TLS connection to {host}: one side speaks no TLS, or its certificate is not trusted"
                )
            }
            Some(Reason::NotAnswering) => {
                format!("{host} accepted the connection and gave no answer in time")
            }
            Some(Reason::AuthFailed) => {
                let at = self.login.as_ref().map_or_else(String::new, |name| {
                    format!(", looked up in database {name}")
                });
                format!("the server refused the user name or password{at}{code}")
            }
            Some(Reason::NotAuthorized) => {
                format!("the login works and lacks rights on database {database}{code}")
            }
            Some(Reason::NoPrimary) => {
                "the servers answer, but none that takes writes could be reached".to_owned()
            }
            Some(_) => format!("{host} gave an answer that was not expected{code}"),
        }
    }
}

/// Returns true for `host` or `host:port` that contains only characters that are safe in a message.
fn is_host(text: &str) -> bool {
    (1..=260).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".:-_[]".contains(&b))
}

/// Returns true for the name of an option, such as `authSource`.
fn is_option(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Returns true for a database name, such as `admin` or `$external`, that contains only characters that are safe in a
/// message.
fn is_database(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"$_-".contains(&b))
}

/// Returns true for a version such as `7.0.5` or `8.0.0-rc1`.
pub fn is_version(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-+".contains(&b))
}

fn is_mark(text: &str) -> bool {
    text.len() == MARK_LENGTH && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_reads_back_and_fits_the_termination_message() {
        let marks: Vec<String> = (0..MAX_MARKS).map(|n| format!("{n:032x}")).collect();
        let largest = Outcome::proven(Some("8.0.0".to_owned()), marks);
        assert!(largest.to_text().len() <= MAX_BYTES);
        assert_eq!(Outcome::read(&largest.to_text()), Some(largest));
        for reason in VERDICTS {
            let failed = FailedCheck {
                host: Some(format!("{}.example.com:27017", "x".repeat(200))),
                code: Some(i32::MIN),
                login: Some("admin".to_owned()),
                ..FailedCheck::of_option(UriFault::Value, "authSource")
            };
            let failed = FailedCheck { reason, ..failed };
            let outcome = Outcome::failed(&failed);
            let read = Outcome::read(&outcome.to_text()).unwrap();
            assert_eq!(read.failure(), Some(reason));
            assert!(!read.seen("app").ends_with('.'), "{reason}");
        }
    }

    #[test]
    fn what_is_not_exactly_an_answer_is_none() {
        for text in [
            "",
            "{}",
            "proven",
            r#"{"verdict":"Ready"}"#,
            r#"{"verdict":"AuthFailed","note":"x"}"#,
            r#"{"verdict":"AuthFailed","host":"ab\ncd"}"#,
            r#"{"verdict":"BadUri","fault":"odd"}"#,
            r#"{"verdict":"BadUri","fault":"value","option":"a b"}"#,
            r#"{"verdict":"AuthFailed","login":"a b"}"#,
            r#"{"verdict":"Proven","version":"seven"}"#,
            r#"{"verdict":"Proven","marks":["mongodb://user:password@host"]}"#,
        ] {
            assert_eq!(Outcome::read(text), None, "{text}");
        }
        let padded = format!("{}{}", r#"{"verdict":"Proven"}"#, " ".repeat(MAX_BYTES));
        assert_eq!(Outcome::read(&padded), None);
    }
}
