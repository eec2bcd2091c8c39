//! CSV export of leads.

use serde_json::{Map, Value};

use super::query::LeadFilter;
use crate::domain::to_json::text;

/// Columns of the exported CSV file, the same as in exports of the legacy server.
pub const COLUMNS: [&str; 8] = [
    "id",
    "name",
    "email",
    "phone",
    "state",
    "source",
    "disposition",
    "createdAt",
];

/// Returns the cells of a lead, one for each of [`COLUMNS`]. Text that a spreadsheet could run as a formula is escaped.
pub fn row(lead: &Map<String, Value>) -> Vec<String> {
    let value = |column: &&str| {
        let field = if **column == *"id" { "_id" } else { column };
        neutral(&text(lead, field))
    };
    COLUMNS.iter().map(value).collect()
}

/// Escapes text that a spreadsheet could run as a formula by prepending an apostrophe (OWASP, "CSV Injection").
pub fn neutral(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

/// Returns the name of the export file: `CrokodialCSV (<disposition>, <source>).csv`. The disposition is `Multiple`
/// unless the filter selects only leads with one certain disposition. The source is `MP` if the filter selects only
/// Marketplace, `NG` if it selects only NextGen, otherwise `Mixed`.
pub fn file_name(filter: &LeadFilter) -> String {
    let disposition = match filter.dispositions.as_slice() {
        [only] if !filter.no_disposition => only.as_str(),
        _ => "Multiple",
    };
    let source = match filter.sources.as_slice() {
        [only] if only == "Marketplace" => "MP",
        [only] if only == "NextGen" => "NG",
        _ => "Mixed",
    };
    format!("CrokodialCSV ({disposition}, {source}).csv")
}

/// Returns the value of the header `Content-Disposition` for a file name (RFC 6266). It contains an ASCII approximation
/// of the name and the percent-encoded name.
pub fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| match c {
            '"' | '\\' | '/' => '_',
            ' '..='~' => c,
            _ => '_',
        })
        .collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        // The characters that RFC 8187 allows unencoded (`attr-char`).
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_row_holds_no_formula() {
        let lead = json!({ "_id": "a1", "name": "=HYPERLINK(\"x\")", "phone": "+1555", "state": "TX", "email": 7 });
        let cells = row(lead.as_object().unwrap());
        assert_eq!(
            cells,
            ["a1", "'=HYPERLINK(\"x\")", "7", "'+1555", "TX", "", "", ""]
        );
    }

    #[test]
    fn a_file_is_named_by_what_was_asked_for() {
        let named = |dispositions: &[&str], none: bool, sources: &[&str]| {
            file_name(&LeadFilter {
                dispositions: dispositions.iter().map(|d| (*d).to_owned()).collect(),
                no_disposition: none,
                sources: sources.iter().map(|s| (*s).to_owned()).collect(),
                ..LeadFilter::default()
            })
        };
        assert_eq!(
            named(&["SOLD"], false, &["NextGen"]),
            "CrokodialCSV (SOLD, NG).csv"
        );
        assert_eq!(
            named(&["SOLD"], true, &["Marketplace"]),
            "CrokodialCSV (Multiple, MP).csv"
        );
        assert_eq!(
            named(&[], false, &["Usha"]),
            "CrokodialCSV (Multiple, Mixed).csv"
        );
    }

    #[test]
    fn a_name_cannot_leave_its_header() {
        let header = disposition("a\"; x=\"\r\nSet-Cookie: é.csv");
        assert_eq!(
            header,
            "attachment; filename=\"a_; x=___Set-Cookie: _.csv\"; filename*=UTF-8''a%22%3B%20x%3D%22%0D%0ASet-Cookie%3A%20%C3%A9.csv"
        );
    }

    proptest! {
        #[test]
        fn any_name_is_one_header_of_plain_characters(name in ".{0,40}") {
            let header = disposition(&name);
            prop_assert!(header.bytes().all(|b| (b' '..=b'~').contains(&b)));
            prop_assert_eq!(header.matches('"').count(), 2);
        }

        #[test]
        fn no_cell_begins_like_a_formula(cell in "[=+@\t\r-]{0,2}.{0,10}") {
            let cell = neutral(&cell);
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']));
        }
    }
}
