//! Conversion of CSV rows to leads. Known columns are renamed to fields of the webhook message, and the row is then
//! parsed like a webhook message. Columns that need other rules are also handled in this module.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::row::{Row, RowWarning};
use super::values;
use super::vendor::Vendor;
use crate::domain::leads::{STATUSES, phone};
use crate::domain::vendor::lead::{Field, VendorLead};
use crate::domain::vendor::webhook;

/// Maximum length of a state, a disposition or an id in [`PURCHASE_IDS`], in characters. Longer values are ignored.
/// Column names of the original row are truncated to this length.
const MAX_LENGTH: usize = 100;

/// Maximum length of one cell of the original row that is stored with the lead, in characters. Longer cells are
/// truncated.
const MAX_KEPT_CELL: usize = 1_000;
/// Maximum total length of the cells of the original row that are stored with the lead, in characters.
const MAX_KEPT_ROW: usize = 16_000;

/// Webhook fields, each with the columns that can contain its value. The first column that is not empty is used.
type Names = &'static [(&'static str, &'static [&'static str])];

const NEXTGEN: Names = &[
    ("lead_id", &["lead_id"]),
    ("first_name", &["first_name"]),
    ("last_name", &["last_name"]),
    ("phone", &["phone"]),
    ("email", &["email"]),
    ("street_address", &["street_1"]),
    ("street_2", &["street_2"]),
    ("city", &["city"]),
    ("zip_code", &["zipcode", "zip"]),
    ("dob", &["dob", "date_of_birth"]),
    ("gender", &["gender"]),
    ("height", &["height"]),
    ("weight", &["weight"]),
    ("household_size", &["household_size"]),
    ("household_income", &["household_income"]),
    ("military", &["military"]),
    ("pregnant", &["pregnant"]),
    ("tobacco_user", &["tobacco_user"]),
    ("has_prescription", &["has_prescription"]),
    ("has_medicare_parts_ab", &["has_medicare_parts_a_b"]),
    ("has_medical_condition", &["has_medical_condition"]),
    ("medical_conditions", &["medical_conditions"]),
    ("insurance_timeframe", &["insurance_timeframe"]),
    ("campaign_name", &["campaign_name"]),
    ("product", &["product"]),
    ("vendor_name", &["vendor_name"]),
    ("account_name", &["account_name"]),
    ("bid_type", &["bid_type"]),
    ("price", &["price"]),
    ("call_log_id", &["call_log_id"]),
    ("call_duration", &["call_duration"]),
    ("source_hash", &["source_hash"]),
    ("sub_id_hash", &["sub_id_hash"]),
    ("created_at", &["created_at"]),
];

const MARKETPLACE: Names = &[
    ("lead_id", &["leadID"]),
    ("first_name", &["firstName"]),
    ("last_name", &["lastName"]),
    ("phone", &["primaryPhone"]),
    ("email", &["email"]),
    ("street_address", &["address1"]),
    ("street_2", &["address2"]),
    ("city", &["city"]),
    ("zip_code", &["postalCode"]),
    ("dob", &["dateOfBirth"]),
    ("gender", &["gender"]),
    ("height", &["height"]),
    ("weight", &["weight"]),
    ("household_size", &["householdSize"]),
    ("household_income", &["householdIncome"]),
    ("military", &["isMilitary"]),
    ("pregnant", &["isPregnant"]),
    ("tobacco_user", &["tobaccoUse"]),
    ("has_prescription", &["hasPrescriptions"]),
    ("has_medicare_parts_ab", &["hasMedicare"]),
    ("has_medical_condition", &["hasMedicalCondition"]),
    ("medical_conditions", &["medicalConditions"]),
    ("insurance_timeframe", &["insuranceNeeded"]),
    ("created_at", &["created"]),
];

/// Ids of a NextGen purchase: pairs of the lead's field and the CSV column that contains its value. The legacy importer
/// discarded these ids, but the lead's field `formattedJson` needs them.
const PURCHASE_IDS: [(&str, &str); 5] = [
    ("purchaseId", "purchase_id"),
    ("vendorId", "vendor_id"),
    ("verticalId", "vertical_id"),
    ("accountId", "account_id"),
    ("campaignId", "campaign_id"),
];

impl Vendor {
    fn names(self) -> Names {
        match self {
            Self::NextGen => NEXTGEN,
            Self::Marketplace => MARKETPLACE,
        }
    }

    fn state(self) -> &'static [&'static str] {
        match self {
            Self::NextGen => &["state"],
            Self::Marketplace => &["stateCode", "state", "State"],
        }
    }
}

/// Column headers of a file with their positions, and the vendor that exported the file.
#[derive(Debug, Clone)]
pub struct Columns {
    pub vendor: Vendor,
    pub headers: Vec<String>,
    places: HashMap<String, usize>,
}

/// Result of parsing a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The parsed lead; `None` if the row has neither a phone number nor an e-mail address.
    pub lead: Option<VendorLead>,
    /// Status for a new lead; `None` means the default. An existing lead keeps the status and disposition that its user
    /// set.
    pub status: Option<String>,
    pub disposition: Option<String>,
    pub warnings: Vec<RowWarning>,
}

impl Columns {
    pub fn new(vendor: Vendor, headers: Vec<String>) -> Self {
        let mut places = HashMap::new();
        for (place, header) in headers.iter().enumerate() {
            // If several columns have the same name, the first one is used.
            places.entry(header.clone()).or_insert(place);
        }
        Self {
            vendor,
            headers,
            places,
        }
    }

    /// Returns the first of the columns `names` that is not empty in this row, with its value.
    fn first<'a>(&self, row: &'a Row, names: &[&'static str]) -> Option<(&'static str, &'a str)> {
        names.iter().find_map(|name| {
            let cell = row.cells.get(*self.places.get(*name)?)?;
            (!cell.is_empty()).then_some((*name, cell.as_str()))
        })
    }

    /// Parses a row into a lead. Invalid values are ignored, most of them with a warning.
    pub fn read(&self, row: &Row) -> Reading {
        let mut told = Told {
            row: row.number,
            warnings: Vec::new(),
        };
        let (body, origins) = self.body(row, &mut told);
        let (lead, warnings) = webhook::parse(&body);
        for warning in warnings {
            let column = origins.iter().find(|(field, _)| *field == warning.field);
            told.warn(column.map_or("", |(_, column)| column), warning.message);
        }
        let mut lead = lead.unwrap_or_default();
        self.phone(row, &mut lead, &mut told);
        self.more(row, &mut lead, &mut told);
        if row
            .cells
            .iter()
            .skip(self.headers.len())
            .any(|cell| !cell.is_empty())
        {
            told.warn(
                "",
                "has more cells than the header; they were not used".to_owned(),
            );
        }
        let reachable = lead.phone.is_some() || lead.email.is_some();
        if !reachable {
            told.warn(
                "",
                "has neither phone nor e-mail address: skipped".to_owned(),
            );
        }
        let status = self.first(row, &["status"]).map(|(_, text)| text);
        let status = STATUSES.iter().find(|known| Some(**known) == status);
        let disposition = self.first(row, &["disposition"]).map(|(_, text)| text);
        Reading {
            lead: reachable.then_some(lead),
            status: status.map(|status| (*status).to_owned()),
            disposition: disposition
                .filter(|d| d.chars().count() <= MAX_LENGTH)
                .map(str::to_owned),
            warnings: told.warnings,
        }
    }

    /// Converts the row to the body of a webhook message. Also returns the column from which each field was taken.
    fn body(
        &self,
        row: &Row,
        told: &mut Told,
    ) -> (Map<String, Value>, Vec<(&'static str, &'static str)>) {
        let mut body = Map::new();
        let mut origins = Vec::new();
        for (field, columns) in self.vendor.names() {
            let Some((column, text)) = self.first(row, columns) else {
                continue;
            };
            let number = matches!(*field, "lead_id" | "phone");
            if number && values::is_mangled(text) {
                told.warn(
                    column,
                    "was shortened by a spreadsheet and is lost".to_owned(),
                );
                continue;
            }
            let text = match *field {
                "lead_id" | "phone" => values::whole(text).to_owned(),
                "dob" => values::birthday(text),
                "created_at" => values::moment(text),
                _ => text.to_owned(),
            };
            body.insert((*field).to_owned(), text.into());
            origins.push((*field, column));
        }
        (body, origins)
    }

    /// Formats the lead's phone number. A phone number without any digit is removed and reported as a warning.
    fn phone(&self, row: &Row, lead: &mut VendorLead, told: &mut Told) {
        let Some(text) = lead.phone.take() else {
            return;
        };
        if phone::digits(&text).is_empty() {
            let names: &[&'static str] = match self.vendor {
                Vendor::NextGen => &["phone"],
                Vendor::Marketplace => &["primaryPhone"],
            };
            let column = self.first(row, names).map_or("", |(column, _)| column);
            told.warn(column, "is no phone number".to_owned());
        } else {
            lead.phone = Some(phone::display(&text));
        }
    }

    /// Adds what parsing the row like a webhook message leaves out: the state, which may be longer here than the two
    /// letters allowed in a webhook message, and the ids of a NextGen purchase.
    fn more(&self, row: &Row, lead: &mut VendorLead, told: &mut Told) {
        if let Some((column, text)) = self.first(row, self.vendor.state()) {
            if text.chars().count() <= MAX_LENGTH {
                lead.person
                    .push(("state", Field::Text(text.to_uppercase())));
            } else {
                told.warn(column, "is too long".to_owned());
            }
        }
        if self.vendor == Vendor::NextGen {
            for (field, column) in PURCHASE_IDS {
                let found = self.first(row, &[column]).map(|(_, text)| text);
                let short = found.filter(|text| text.chars().count() <= MAX_LENGTH);
                lead.purchase
                    .extend(short.map(|text| (field, text.to_owned())));
            }
        }
    }

    /// Returns the original row for storage with the lead: pairs of column name and cell, without empty cells. The
    /// second value is true if a cell was truncated.
    pub fn original(&self, row: &Row) -> (Vec<(String, String)>, bool) {
        let mut kept: Vec<(String, String)> = Vec::new();
        let (mut room, mut cut) = (MAX_KEPT_ROW, false);
        for (place, cell) in row
            .cells
            .iter()
            .enumerate()
            .filter(|(_, cell)| !cell.is_empty())
        {
            let text: String = cell.chars().take(MAX_KEPT_CELL.min(room)).collect();
            cut |= text.len() < cell.len();
            room = room.saturating_sub(text.chars().count());
            let mut name = storable(self.headers.get(place).map_or("", String::as_str), place);
            // The first column of a name keeps it. Others get their position as a suffix, repeatedly, because the
            // result may also be the name of a column.
            while kept.iter().any(|(other, _)| *other == name) {
                name = format!("{name} (column {})", place + 1);
            }
            kept.push((name, text));
        }
        (kept, cut)
    }
}

/// Converts a header to a valid MongoDB field name: removes control characters, replaces dots and dollar signs with
/// `_`, and limits the length. An empty header becomes `column <number>`.
fn storable(header: &str, place: usize) -> String {
    let plain = header.chars().filter(|c| !c.is_control()).take(MAX_LENGTH);
    let plain: String = plain
        .map(|c| if matches!(c, '.' | '$') { '_' } else { c })
        .collect();
    if plain.is_empty() {
        format!("column {}", place + 1)
    } else {
        plain
    }
}

/// Collects the warnings about one row.
struct Told {
    row: u32,
    warnings: Vec<RowWarning>,
}

impl Told {
    fn warn(&mut self, column: &str, message: String) {
        self.warnings.push(RowWarning {
            row: self.row,
            column: column.to_owned(),
            message,
        });
    }
}

#[cfg(test)]
#[path = "columns_tests.rs"]
mod tests;
