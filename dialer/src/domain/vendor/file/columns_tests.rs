use super::*;
use crate::domain::vendor::price::Cents;
use crate::domain::vendor::product::Product;
use proptest::prelude::*;

fn columns(vendor: Vendor, cells: &[(&str, &str)]) -> (Columns, Row) {
    let headers = cells.iter().map(|(h, _)| (*h).to_owned()).collect();
    let cells = cells.iter().map(|(_, c)| (*c).to_owned()).collect();
    (Columns::new(vendor, headers), Row { number: 7, cells })
}

fn read(vendor: Vendor, cells: &[(&str, &str)]) -> Reading {
    let (columns, row) = columns(vendor, cells);
    columns.read(&row)
}

fn person<'a>(lead: &'a VendorLead, field: &str) -> Option<&'a Field> {
    let found = lead.person.iter().find(|(f, _)| *f == field);
    found.map(|(_, value)| value)
}

fn text(text: &str) -> Field {
    Field::Text(text.to_owned())
}

#[test]
fn a_row_of_nextgen() {
    let reading = read(
        Vendor::NextGen,
        &[
            ("lead_id", "V-1a"),
            ("purchase_id", "p9"),
            ("first_name", "Ann"),
            ("last_name", "Lee"),
            ("phone", "1-555-012-3456"),
            ("email", "Ann@Example.com"),
            ("street_1", "1 Main St"),
            ("state", "tx"),
            ("zipcode", ""),
            ("zip", "07001"),
            ("date_of_birth", "25/12/1980"),
            ("gender", "female"),
            ("has_medicare_parts_a_b", "Y"),
            ("pregnant", "no"),
            ("medical_conditions", "asthma, flu"),
            ("campaign_name", "spring"),
            ("product", "ad"),
            ("price", "$2.55"),
            ("source_hash", "h1"),
            ("created_at", "7/21/2025 2:05 PM"),
            ("status", "Contacted"),
            ("disposition", "Quoted"),
        ],
    );
    assert_eq!(reading.warnings, []);
    let lead = reading.lead.unwrap();
    assert_eq!(lead.vendor_id.as_deref(), Some("V-1a"));
    assert_eq!(lead.phone.as_deref(), Some("(555) 012-3456"));
    assert_eq!(lead.email.as_deref(), Some("ann@example.com"));
    assert_eq!(lead.product, Product::Ad);
    assert_eq!(lead.price, Cents::parse("2.55"));
    assert_eq!(lead.bought_at.unwrap().to_string(), "2025-07-21T14:05:00Z");
    let conditions = vec!["asthma".into(), "flu".into()];
    for (field, value) in [
        ("name", text("Ann Lee")),
        ("street1", text("1 Main St")),
        ("state", text("TX")),
        ("zipcode", text("07001")),
        ("dob", text("12/25/1980")),
        ("gender", text("Female")),
        ("hasMedicarePartsAB", Field::Flag(true)),
        ("pregnant", Field::Flag(false)),
        ("medicalConditions", Field::List(conditions)),
    ] {
        assert_eq!(person(&lead, field), Some(&value), "{field}");
    }
    let bought = [
        ("campaignName", "spring"),
        ("sourceCode", "h1"),
        ("purchaseId", "p9"),
    ];
    for (field, value) in bought.map(|(field, value)| (field, value.to_owned())) {
        assert!(lead.purchase.contains(&(field, value)), "{field}");
    }
    assert_eq!(reading.status.as_deref(), Some("Contacted"));
    assert_eq!(reading.disposition.as_deref(), Some("Quoted"));
}

#[test]
fn a_row_of_marketplace() {
    let reading = read(
        Vendor::Marketplace,
        &[
            ("leadID", "77.0"),
            ("firstName", "Bob"),
            ("primaryPhone", "5550123456.0"),
            ("postalCode", "02134"),
            ("stateCode", ""),
            ("State", "Texas"),
            ("tobaccoUse", "t"),
            ("dateOfBirth", "1980-01-02"),
            ("insuranceNeeded", "now"),
            ("created", "2025-07-21"),
            ("status", "accepted"),
            ("utm_source", "x"),
        ],
    );
    assert_eq!(reading.warnings, []);
    let lead = reading.lead.unwrap();
    assert_eq!(lead.vendor_id.as_deref(), Some("77"));
    assert_eq!(lead.phone.as_deref(), Some("(555) 012-3456"));
    assert_eq!((lead.product, lead.price), (Product::Data, None));
    assert_eq!(lead.bought_at.unwrap().to_string(), "2025-07-21T00:00:00Z");
    for (field, value) in [
        ("zipcode", text("02134")),
        ("state", text("TEXAS")),
        ("tobaccoUser", Field::Flag(true)),
        ("dob", text("01/02/1980")),
        ("insuranceTimeframe", text("now")),
    ] {
        assert_eq!(person(&lead, field), Some(&value), "{field}");
    }
    assert_eq!((reading.status, reading.disposition), (None, None));
}

#[test]
fn what_is_not_usable_is_left_out_and_told_by_its_own_column() {
    let reading = read(
        Vendor::NextGen,
        &[
            ("lead_id", "1.23457E+15"),
            ("phone", "none"),
            ("email", "ann@example.com"),
            ("zip", &"9".repeat(501)),
            ("has_medicare_parts_a_b", "maybe"),
            ("price", "free"),
            ("created_at", "soon"),
        ],
    );
    let lead = reading.lead.unwrap();
    assert_eq!((lead.vendor_id, lead.phone, lead.price), (None, None, None));
    let mut told: Vec<&str> = reading.warnings.iter().map(|w| w.column.as_str()).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "created_at",
            "has_medicare_parts_a_b",
            "lead_id",
            "phone",
            "price",
            "zip"
        ]
    );
    assert!(reading.warnings.iter().all(|w| w.row == 7));
}

#[test]
fn who_cannot_be_reached_is_skipped() {
    for cells in [
        [("lead_id", "a"), ("email", "nobody")],
        [("lead_id", "a"), ("phone", "5.5E+09")],
    ] {
        let reading = read(Vendor::NextGen, &cells);
        assert_eq!(reading.lead, None);
        assert!(reading.warnings.last().unwrap().message.contains("skipped"));
    }
    let reached = read(Vendor::NextGen, &[("phone", "12345")]);
    assert_eq!(reached.lead.unwrap().phone.as_deref(), Some("12345"));
}

#[test]
fn the_original_is_kept_under_names_that_can_be_stored() {
    let (columns, mut row) = columns(
        Vendor::NextGen,
        &[
            ("$where", "=1+1"),
            ("a.b", "2"),
            ("", "3"),
            ("a.b", "4"),
            ("empty", ""),
            ("long", &"x".repeat(2_000)),
        ],
    );
    row.cells.push("surplus".to_owned());
    let (kept, cut) = columns.original(&row);
    let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "_where",
            "a_b",
            "column 3",
            "a_b (column 4)",
            "long",
            "column 7"
        ]
    );
    assert_eq!(
        (kept[0].1.as_str(), kept[4].1.len(), cut),
        ("=1+1", 1_000, true)
    );
    assert!(
        columns
            .read(&row)
            .warnings
            .iter()
            .any(|w| w.message.contains("more cells"))
    );
}

#[test]
fn no_two_columns_are_kept_under_one_name() {
    let cells = [
        ("x", "1"),
        ("x (column 3)", "2"),
        ("x", "3"),
        ("", "4"),
        ("column 4", "5"),
    ];
    let (columns, row) = columns(Vendor::NextGen, &cells);
    let (kept, _) = columns.original(&row);
    let mut names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cells.len(), "{kept:?}");
}

proptest! {
    #[test]
    fn any_cells_are_read(cells in proptest::collection::vec((0_usize..30, ".{0,12}|[0-9/.:E+-]{0,14}"), 0..12), nextgen in any::<bool>()) {
        let vendor = if nextgen { Vendor::NextGen } else { Vendor::Marketplace };
        let all: Vec<&str> = vendor.names().iter().flat_map(|(_, columns)| columns.iter().copied()).collect();
        let headers = cells.iter().map(|(at, _)| all[at % all.len()].to_owned()).collect();
        let row = Row { number: 2, cells: cells.iter().map(|(_, c)| c.trim().to_owned()).collect() };
        let columns = Columns::new(vendor, headers);
        let reading = columns.read(&row);
        if let Some(lead) = reading.lead {
            prop_assert!(lead.phone.is_some() || lead.email.is_some());
        }
        let (kept, _) = columns.original(&row);
        prop_assert!(kept.iter().all(|(name, _)| !name.contains(['.', '$', '\0'])));
    }
}
