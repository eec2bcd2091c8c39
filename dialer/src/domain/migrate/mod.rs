//! Inspection of the old server's data: documents in, findings out, without I/O.

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
    /// Worth knowing. The data is used as it is.
    Note,
    /// `--apply` or `--contract` will fix it.
    Pending,
    /// Needs a decision by an administrator. No command changes the data.
    Conflict,
}

/// An observation about the stored data, with the number of documents that it concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable identifier, `<collection>.<what>`.
    pub id: String,
    pub severity: Severity,
    /// Number of affected documents or indexes.
    pub count: u64,
    /// `_id` of one affected document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// What was found, and the consequence.
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

/// Number of occurrences, and the `_id` of the first one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Occurrences {
    pub count: u64,
    pub example: Option<String>,
}

impl Occurrences {
    /// Counts an occurrence in the document with this `_id`.
    pub fn at(&mut self, id: Option<&Bson>) {
        self.count = self.count.saturating_add(1);
        if self.example.is_none() {
            self.example = id.map(shown);
        }
    }

    /// Counts an occurrence in the document with this `_id`, if `yes`.
    pub fn at_if(&mut self, yes: bool, id: Option<&Bson>) {
        if yes {
            self.at(id);
        }
    }
}

/// An `_id` as shown in reports. An id that is not an ObjectId may contain personal data, so only its type is shown.
fn shown(id: &Bson) -> String {
    match id {
        Bson::ObjectId(id) => id.to_hex(),
        Bson::String(text) if text.parse::<ObjectId>().is_ok() => format!("\"{text}\" (text)"),
        other => format!("of type {}", type_name(other)),
    }
}

/// MongoDB's name of the type of a value.
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

/// The finding that the old server may still use the database, because `--contract` has not run.
pub fn uncontracted() -> Option<Finding> {
    let once = Occurrences {
        count: 1,
        example: None,
    };
    Finding::new(
        "database.expanded",
        Severity::Pending,
        &once,
        "new passwords are stored so that the old server can read them; `--contract` ends that once it is gone for good",
    )
}

/// Exit code of `migrate --check`: 0 nothing to do, 1 changes pending, 2 conflicts.
pub fn exit_code(findings: &[Finding]) -> u8 {
    match findings.iter().map(|finding| finding.severity).max() {
        None | Some(Severity::Note) => 0,
        Some(Severity::Pending) => 1,
        Some(Severity::Conflict) => 2,
    }
}

/// The findings as text, the most severe first.
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
