//! Fuzz targets for vendors' CSV files: splitting a file into rows, extracting leads from a file, and parsing a single
//! row.

use std::collections::HashSet;
use std::io::Read;
use std::ops::ControlFlow;

use crokodial_dialer::domain::leads::{STATUSES, phone};
use crokodial_dialer::domain::vendor::file::columns::{Columns, Reading};
use crokodial_dialer::domain::vendor::file::limits::{
    MAX_COLUMNS, MAX_ROW_BYTES, MAX_ROWS, MAX_WARNINGS,
};
use crokodial_dialer::domain::vendor::file::row::Row;
use crokodial_dialer::domain::vendor::file::scan::{Rules, Scan, scan};
use crokodial_dialer::domain::vendor::file::sheet::FileError;
use crokodial_dialer::domain::vendor::file::sheet::{Line, Sheet};
use crokodial_dialer::domain::vendor::file::vendor::Vendor;
use crokodial_dialer::domain::vendor::lead::Field;
use crokodial_dialer::domain::vendor::matching::MatchKeys;
use crokodial_dialer::domain::vendor::webhook;
use serde_json::json;

use crate::input::{fields, halves, text};
use crate::vendor::usable;

/// Maximum length of the original CSV row that is stored with a lead, in characters.
const KEPT_ROW: usize = 16_000;

/// Content of a CSV file, up to its end or to the error `broken` that stopped the parser.
#[derive(Debug, PartialEq, Eq)]
struct File {
    vendor: Vendor,
    headers: Vec<String>,
    rows: Vec<Row>,
    lost: Vec<FileError>,
    broken: Option<FileError>,
}

fn read(file: impl Read) -> Result<File, FileError> {
    let mut sheet = Sheet::open(file)?;
    let (mut rows, mut lost, mut broken) = (Vec::new(), Vec::new(), None);
    loop {
        match sheet.line() {
            Ok(Some(Line::Row(row))) => rows.push(row),
            Ok(Some(Line::Lost(refused))) => lost.push(refused),
            Ok(None) => break,
            Err(refused) => {
                broken = Some(refused);
                break;
            }
        }
    }
    Ok(File {
        vendor: sheet.vendor,
        headers: sheet.headers,
        rows,
        lost,
        broken,
    })
}

/// Reader that returns one byte at a time.
struct Dripping<'a>(&'a [u8]);

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match (self.0.split_first(), buffer.first_mut()) {
            (Some((byte, rest)), Some(place)) => {
                (*place, self.0) = (*byte, rest);
                Ok(1)
            }
            _ => Ok(0),
        }
    }
}

pub fn csv_sheet(data: &[u8]) {
    let read_at_once = read(data);
    assert_eq!(read(Dripping(data)), read_at_once, "however it comes");
    let Ok(file) = read_at_once else { return };
    let mut bytes = 0;
    for row in &file.rows {
        assert!((2..=MAX_ROWS + 1).contains(&row.number));
        assert!(row.cells.len() <= MAX_COLUMNS);
        assert!(row.cells.iter().all(|cell| cell.trim() == cell));
        bytes += row.cells.iter().map(String::len).sum::<usize>();
    }
    assert!(bytes <= data.len());
    assert!(file.rows.is_sorted_by(|a, b| a.number < b.number));
    assert_eq!(Vendor::recognise(&file.headers), Some(file.vendor));
    if file.lost.is_empty() && file.broken.is_none() {
        written_again(&file);
    }
}

/// Writes the content of `file` as CSV with all cells quoted, and checks that parsing it returns the same content.
fn written_again(file: &File) {
    let rows = file.rows.iter().map(|row| &row.cells);
    let lines: Vec<String> = std::iter::once(&file.headers)
        .chain(rows)
        .map(|c| quoted(c))
        .collect();
    let longest = lines.iter().map(String::len).max().unwrap_or_default();
    if u64::try_from(longest).is_ok_and(|longest| longest < MAX_ROW_BYTES) {
        let again = read(lines.concat().as_bytes());
        assert_eq!(again.as_ref(), Ok(file));
    }
}

fn quoted(cells: &[String]) -> String {
    let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
    let cells: Vec<String> = cells.iter().map(quoted).collect();
    format!("{}\n", cells.join(","))
}

/// Scans a file. Returns the rows that contain a lead, and the result of the scan.
fn leads(data: &[u8], partial: bool, blocked: &[String]) -> Result<(Vec<Row>, Scan), FileError> {
    let rules = Rules {
        partial,
        blocked: blocked.iter().cloned().collect(),
    };
    let mut rows = Vec::new();
    let scan = scan(data, &rules, |row, reading| {
        assert!(
            number(reading).is_none_or(|number| !rules.blocked.contains(&number)),
            "a number that nobody may call"
        );
        reading.lead.iter().for_each(usable);
        rows.push(row);
        ControlFlow::Continue(())
    })?;
    Ok((rows, scan))
}

fn number(reading: &Reading) -> Option<String> {
    let phone = reading.lead.as_ref()?.phone.as_deref()?;
    phone::e164(phone)
}

pub fn csv_scan(data: &[u8]) {
    let (whole, partial) = (leads(data, false, &[]), leads(data, true, &[]));
    if let Ok((_, scan)) = &whole {
        assert_eq!(scan.errors, 0);
        assert_eq!(whole, partial, "nothing is left out of a good file");
    }
    let Ok((rows, scan)) = partial else { return };
    assert_eq!(u32::try_from(rows.len()), Ok(scan.leads));
    assert!(scan.leads + scan.skipped + scan.errors <= MAX_ROWS);
    assert!(scan.warnings.len() <= MAX_WARNINGS);
    let told = u32::try_from(scan.warnings.len()).unwrap_or(u32::MAX);
    assert!(told <= scan.warning_count && scan.warning_count >= scan.skipped + scan.errors);
    let columns = Columns::new(scan.vendor, scan.headers.clone());
    rows.iter().for_each(|row| original(&columns, row));
    // Blocking one of the file's numbers must turn its rows from leads into skipped rows.
    let first = rows.iter().find_map(|row| number(&columns.read(row)));
    if let Some(first) = first {
        let (_, fewer) = leads(data, true, &[first]).unwrap_or((Vec::new(), scan.clone()));
        assert!(fewer.leads < scan.leads);
        assert_eq!(fewer.leads + fewer.skipped, scan.leads + scan.skipped);
    }
}

/// Checks the copy of a CSV row that is stored with its lead: field names are valid and unique, and the length limits
/// are met.
fn original(columns: &Columns, row: &Row) {
    let (kept, cut) = columns.original(row);
    let names: HashSet<&String> = kept.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), kept.len(), "{kept:?}");
    for (name, _) in &kept {
        assert!(!name.is_empty() && !name.chars().any(|c| c.is_control() || "$.".contains(c)));
        assert!(name.chars().count() <= 130);
    }
    let (of_row, of_kept): (usize, usize) = (
        row.cells.iter().map(String::len).sum(),
        kept.iter().map(|(_, text)| text.len()).sum(),
    );
    assert_eq!(cut, of_kept < of_row);
    let characters: usize = kept.iter().map(|(_, text)| text.chars().count()).sum();
    assert!(characters <= KEPT_ROW);
}

/// Fuzzes the parser for a single row. The input contains a line of column headers and a line of cells, both separated
/// by tabs.
pub fn csv_row(data: &[u8]) {
    let text = text(data);
    let (headers, cells) = halves(&text);
    let split = |line: &str| -> Vec<String> {
        let cells = line.split('\t').take(MAX_COLUMNS);
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    for vendor in [Vendor::NextGen, Vendor::Marketplace] {
        let columns = Columns::new(vendor, split(headers));
        let row = Row {
            number: 2,
            cells: split(cells),
        };
        original(&columns, &row);
        let reading = columns.read(&row);
        bounded(&columns, &reading);
        read_again(vendor, &reading);
        if vendor == Vendor::NextGen {
            as_a_message(&columns, &row, &reading);
        }
    }
}

fn bounded(columns: &Columns, reading: &Reading) {
    for warning in &reading.warnings {
        assert_eq!(warning.row, 2);
        let known = warning.column.is_empty() || columns.headers.contains(&warning.column);
        assert!(known && !warning.message.is_empty());
    }
    if let Some(lead) = &reading.lead {
        assert!(lead.phone.is_some() || lead.email.is_some());
        usable(lead);
    }
    let status = reading.status.as_deref();
    assert!(status.is_none_or(|status| STATUSES.contains(&status)));
    let disposition = reading.disposition.as_deref().unwrap_or("-");
    assert!((1..=100).contains(&disposition.chars().count()));
}

/// Checks that the phone number, e-mail address, date of birth and time of purchase in `reading` stay the same when
/// they are parsed again.
fn read_again(vendor: Vendor, reading: &Reading) {
    let Some(lead) = &reading.lead else { return };
    let names = match vendor {
        Vendor::NextGen => ["phone", "email", "dob", "created_at"],
        Vendor::Marketplace => ["primaryPhone", "email", "dateOfBirth", "created"],
    };
    let dob = lead.person.iter().find(|(field, _)| *field == "dob");
    let dob = match dob {
        Some((_, Field::Text(text))) => text.clone(),
        _ => String::new(),
    };
    let cells = [
        lead.phone.clone().unwrap_or_default(),
        lead.email.clone().unwrap_or_default(),
        dob.clone(),
        lead.bought_at.map_or_else(String::new, |at| at.to_string()),
    ];
    let row = Row {
        number: 2,
        cells: cells.to_vec(),
    };
    let again = Columns::new(vendor, names.map(str::to_owned).to_vec()).read(&row);
    let again = again.lead.unwrap_or_default();
    assert_eq!(
        (&again.phone, &again.email, again.bought_at),
        (&lead.phone, &lead.email, lead.bought_at)
    );
    let kept = again.person.contains(&("dob", Field::Text(dob.clone())));
    assert!(kept || dob.is_empty());
}

/// Checks that a CSV row and a webhook message with the same values have the same match keys. A row is skipped if its
/// id or phone number looks as if a spreadsheet had reformatted it, because such values occur only in files.
fn as_a_message(columns: &Columns, row: &Row, reading: &Reading) {
    let cell = |name: &str| {
        let place = columns.headers.iter().position(|header| header == name);
        place.and_then(|place| row.cells.get(place))
    };
    let (id, phone, email) = (cell("lead_id"), cell("phone"), cell("email"));
    let spoiled = |cell: &&String| cell.ends_with(".0") || cell.to_lowercase().contains("e+");
    let Some(lead) = &reading.lead else { return };
    if id.iter().chain(&phone).any(spoiled) {
        return;
    }
    let body = fields(json!({ "lead_id": id, "phone": phone, "email": email }));
    let (message, _) = webhook::parse(&body);
    let message = message.map(|lead| MatchKeys::of_vendor(&lead));
    assert_eq!(message, Some(MatchKeys::of_vendor(lead)));
}
