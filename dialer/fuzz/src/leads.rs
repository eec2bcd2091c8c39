//! Fuzz targets for lead queries, edits, notes, CSV exports and JSON views.

use std::collections::HashSet;

use bson::{Bson, Document};
use crokodial_dialer::domain::leads::query::{self, LeadQuery};
use crokodial_dialer::domain::leads::{STATUSES, edit, export as table, notes as note, view};
use crokodial_dialer::domain::to_json;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::input::{moment_of, object, pairs, text};

/// Characters that start a formula in spreadsheet programs.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

pub fn lead_query(data: &[u8]) {
    let pairs = pairs(data);
    let query = match query::parse(&pairs, &TimeZone::UTC) {
        Ok(query) => query,
        Err(refused) => {
            let key = &refused.key;
            assert!(key.chars().count() <= 40 && !key.chars().any(char::is_control));
            return;
        }
    };
    assert!((10..=500).contains(&query.limit) && (1..=1_000_000).contains(&query.page));
    let filter = &query.filter;
    for list in [&filter.states, &filter.dispositions, &filter.sources] {
        assert!(list.len() <= 200);
        let fits = |item: &String| (1..=200).contains(&item.chars().count()) && item.trim() == item;
        assert!(list.iter().all(fits), "{list:?}");
    }
    let zone = pairs.iter().rev().map(|(key, value)| (key, value.trim()));
    let zone = zone
        .into_iter()
        .find(|(key, value)| *key == "tz" && !value.is_empty());
    let again = written(&query, zone.map(|(_, value)| value));
    assert_eq!(query::parse(&again, &TimeZone::UTC).as_ref(), Ok(&query));
    let header = table::disposition(&table::file_name(filter));
    assert!(header.bytes().all(|b| (b' '..=b'~').contains(&b)));
    assert_eq!(header.matches('"').count(), 2);
}

/// Serializes a parsed query as the key-value pairs of a query string.
fn written(query: &LeadQuery, zone: Option<&str>) -> Vec<(String, String)> {
    let filter = &query.filter;
    let mut pairs = vec![
        ("page", query.page.to_string()),
        ("limit", query.limit.to_string()),
        ("sortBy", query.sort_by.to_owned()),
        ("getAllResults", query.all.to_string()),
    ];
    let direction = if query.ascending { "asc" } else { "desc" };
    pairs.push(("sortDirection", direction.to_owned()));
    pairs.extend(filter.search.clone().map(|text| ("search", text)));
    for (key, list) in [
        ("states", &filter.states),
        ("dispositions", &filter.dispositions),
        ("sources", &filter.sources),
    ] {
        pairs.extend(list.iter().map(|item| (key, item.clone())));
    }
    if filter.no_disposition {
        pairs.push(("dispositions", "No Disposition".to_owned()));
    }
    for (key, moment) in [
        ("createdAtStart", filter.created_from_ms),
        ("createdAtEnd", filter.created_to_ms),
    ] {
        if let Some(ms) = moment {
            pairs.push((key, moment_of(ms)));
        }
    }
    pairs.extend(zone.map(|zone| ("tz", zone.to_owned())));
    pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}

pub fn lead_edit(data: &[u8]) {
    let Some(body) = object(data) else { return };
    let Ok(edit) = edit::parse(&body) else { return };
    let names: HashSet<&str> = edit.0.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), edit.0.len());
    for (name, value) in &edit.0 {
        assert!(body.contains_key(*name));
        let most = if *name == "notes" { 50_000 } else { 500 };
        assert!(value.chars().count() <= most);
        assert!(*name != "status" || STATUSES.contains(&value.as_str()));
    }
    let mut set = body.clone();
    set.retain(|_, value| !value.is_null());
    assert_eq!(edit::parse(&set).as_ref(), Ok(&edit), "null is absent");
    // Clients send back the fields that they received, so these must parse as the same edit.
    let stored = edit.0.iter();
    let stored: Map<String, Value> = stored
        .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
        .collect();
    assert_eq!(edit::parse(&stored), Ok(edit));
}

pub fn notes(data: &[u8]) {
    let text = text(data);
    let shown = note::sanitise(&text);
    assert_eq!(note::sanitise(&shown), shown);
    assert!(shown.len() <= text.len() && shown.trim() == shown);
    assert!(shown.lines().all(|line| text.contains(line.trim())));
}

/// Fuzzes the CSV export of a lead. The input contains the cells of the lead, one per line. The exported CSV must parse
/// to the same cells.
pub fn export(data: &[u8]) {
    let text = text(data);
    let cells = table::COLUMNS.iter().zip(text.split('\n'));
    let lead: Map<String, Value> = cells
        .map(|(column, cell)| {
            let field = if *column == "id" { "_id" } else { column };
            (field.to_owned(), cell.into())
        })
        .collect();
    let row = table::row(&lead);
    for (cell, shown) in text.split('\n').zip(&row) {
        assert!(!shown.starts_with(FORMULA));
        assert_eq!(&table::neutral(shown), shown);
        assert!(shown == cell || shown.strip_prefix('\'') == Some(cell));
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = [table::COLUMNS.map(str::to_owned).to_vec(), row.clone()];
    assert!(
        written
            .iter()
            .all(|cells| writer.write_record(cells).is_ok())
    );
    let file = writer.into_inner().unwrap_or_default();
    let mut reader = csv::Reader::from_reader(file.as_slice());
    let read: Vec<Vec<String>> = reader
        .records()
        .filter_map(Result::ok)
        .map(|record| record.iter().map(str::to_owned).collect())
        .collect();
    assert_eq!(read, [row]);
}

/// Fuzzes the JSON view of a lead. The input is a MongoDB document, as extended JSON or as BSON.
pub fn lead_view(data: &[u8]) {
    let document = match object(data) {
        Some(fields) => Document::try_from(fields).ok(),
        None => Document::from_reader(data).ok(),
    };
    if let Some(document) = document {
        let shown = view::lead(&document);
        assert!(!shown.contains_key("__v"));
        let notes = to_json::text(&shown, "notes");
        assert_eq!(note::sanitise(&notes), notes);
        assert!(shown.get("disposition").is_some_and(Value::is_string));
        let formatted = object(to_json::text(&shown, "formattedJson").as_bytes());
        assert_eq!(formatted.map(|fields| fields.len()), Some(42));
    }
    if let Some(bytes) = data.first_chunk() {
        number(f64::from_le_bytes(*bytes));
        let date = to_json::date(i64::from_le_bytes(*bytes));
        let read = date.parse::<Timestamp>().map(Timestamp::as_millisecond);
        assert!(date.is_empty() || read.ok() == Some(i64::from_le_bytes(*bytes)));
    }
}

/// Checks that a stored number has the same value in JSON. NaN and infinity must not become JSON numbers, because JSON
/// cannot represent them.
fn number(stored: f64) {
    let shown = to_json::value(&Bson::Double(stored)).as_f64();
    assert_eq!(shown, Some(stored).filter(|number| number.is_finite()));
}
