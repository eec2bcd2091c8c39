//! Inspection of stored documents for the command `dialer migrate`. It compares them with the format that the
//! application expects and reports findings. It performs no I/O.

pub mod credentials;
pub mod indexes;
pub mod leads;
pub mod users;

use bson::Bson;
use bson::oid::ObjectId;
use serde::Serialize;

/// Severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The finding is for information. The data is used as it is.
    Note,
    /// `dialer migrate` with `--apply` or `--contract` will make the necessary change.
    Pending,
    /// An administrator must decide what to do. `dialer migrate --apply` does not change the data.
    Conflict,
}

/// A result of the inspection, with the number of documents or indexes that it concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable identifier of the kind of finding, for example `leads.unowned`.
    pub id: String,
    pub severity: Severity,
    /// Number of affected documents or indexes; 1 if the finding concerns the database as a whole.
    pub count: u64,
    /// `_id` of one affected document, formatted for reports; `None` if no example is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// Description of the finding and its consequence.
    pub message: String,
}

impl Finding {
    pub fn new(
        id: impl Into<String>,
        severity: Severity,
        seen: &Occurrences,
        message: impl Into<String>,
    ) -> Option<Self> {
        (seen.count > 0).then(|| Self {
            id: id.into(),
            severity,
            count: seen.count,
            example: seen.example.clone(),
            message: message.into(),
        })
    }
}

/// Number of documents with a certain property, and the `_id` of the first one, formatted for reports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Occurrences {
    pub count: u64,
    pub example: Option<String>,
}

impl Occurrences {
    /// Counts a document; `id` is its `_id`.
    pub fn at(&mut self, id: Option<&Bson>) {
        self.count = self.count.saturating_add(1);
        if self.example.is_none() {
            self.example = id.map(shown);
        }
    }

    /// Counts a document if `yes` is true; `id` is its `_id`.
    pub fn at_if(&mut self, yes: bool, id: Option<&Bson>) {
        if yes {
            self.at(id);
        }
    }
}

/// Formats an `_id` for reports. An id that is neither an ObjectId nor the text form of one may contain personal data,
/// so only its type is returned.
fn shown(id: &Bson) -> String {
    match id {
        Bson::ObjectId(id) => id.to_hex(),
        Bson::String(text) if text.parse::<ObjectId>().is_ok() => format!("\"{text}\" (text)"),
        other => format!("of type {}", type_name(other)),
    }
}

/// Returns MongoDB's name for the type of a value; `another type` for rarely used types.
pub fn type_name(value: &Bson) -> &'static str {
    match value {
        Bson::Double(_) => "double",
        Bson::String(_) => "string",
        Bson::Document(_) => "object",
        Bson::Array(_) => "array",
        Bson::ObjectId(_) => "objectId",
        Bson::Boolean(_) => "bool",
        Bson::DateTime(_) => "date",
        Bson::Null => "null",
        Bson::Int32(_) => "int",
        Bson::Int64(_) => "long",
        Bson::Decimal128(_) => "decimal",
        _ => "another type",
    }
}

/// Returns the finding for a database on which `dialer migrate --contract` has not run. The legacy server may still use
/// such a database.
pub fn uncontracted() -> Option<Finding> {
    let once = Occurrences {
        count: 1,
        example: None,
    };
    Finding::new(
        "database.expanded",
        Severity::Pending,
        &once,
        "new passwords are stored so that the legacy server can read them; `--contract` ends that once it is gone for good",
    )
}

/// Returns the exit code of `dialer migrate --check`: 0 if there is nothing to do, 1 if changes are pending, 2 if there
/// are conflicts.
pub fn exit_code(findings: &[Finding]) -> u8 {
    match findings.iter().map(|finding| finding.severity).max() {
        None | Some(Severity::Note) => 0,
        Some(Severity::Pending) => 1,
        Some(Severity::Conflict) => 2,
    }
}

/// Formats the findings as text, the most severe first.
pub fn report(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "nothing to report: the data are as this version wants them\n".to_owned();
    }
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
    let line = |finding: &&Finding| {
        let severity = match finding.severity {
            Severity::Note => "NOTE",
            Severity::Pending => "PENDING",
            Severity::Conflict => "CONFLICT",
        };
        let example = finding
            .example
            .as_ref()
            .map_or_else(String::new, |id| format!(", such as _id {id}"));
        format!(
            "{severity:<9}{} ({}{example})\n         {}\n",
            finding.id, finding.count, finding.message
        )
    };
    sorted.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(id: &str, severity: Severity) -> Finding {
        Finding {
            id: id.into(),
            severity,
            count: 3,
            example: Some("64b000000000000000000001".into()),
            message: "what happens".into(),
        }
    }

    #[test]
    fn the_worst_finding_decides_the_exit_code() {
        use Severity::{Conflict, Note, Pending};
        assert_eq!(exit_code(&[]), 0);
        assert_eq!(exit_code(&[finding("a", Note)]), 0);
        assert_eq!(exit_code(&[finding("a", Pending), finding("b", Note)]), 1);
        assert_eq!(
            exit_code(&[finding("a", Pending), finding("b", Conflict)]),
            2
        );
    }

    #[test]
    fn the_report_says_first_what_needs_somebody() {
        let text = report(&[
            finding("leads.a", Severity::Note),
            finding("users.b", Severity::Conflict),
            finding("users.a", Severity::Pending),
        ]);
        let order: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with(' '))
            .map(|line| line.split_whitespace().nth(1).unwrap())
            .collect();
        assert_eq!(order, ["users.b", "users.a", "leads.a"]);
        assert!(
            text.contains("users.b (3, such as _id 64b000000000000000000001)"),
            "{text}"
        );
        assert!(report(&[]).starts_with("nothing"));
    }

    #[test]
    fn an_odd_id_is_not_printed() {
        let mut seen = Occurrences::default();
        seen.at(Some(&Bson::String("555-0100 Ann Lee".into())));
        seen.at(Some(&Bson::Int32(1)));
        assert_eq!(
            (seen.count, seen.example.as_deref()),
            (2, Some("of type string"))
        );
    }
}
