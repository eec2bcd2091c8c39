//! Validation of a CSV file, row by row. Each row that contains a lead and is not blocked is passed to a callback.

use std::collections::HashSet;
use std::io::Read;
use std::ops::ControlFlow;

use super::columns::{Columns, Reading};
use super::limits::MAX_WARNINGS;
use super::row::{Row, RowWarning};
use super::sheet::{FileError, Line, Sheet};
use super::vendor::Vendor;
use crate::domain::leads::phone;

/// Options of a scan.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// True to skip unreadable rows, which have too many columns or are not UTF-8. False to reject a file with such a
    /// row.
    pub partial: bool,
    /// Phone numbers on the do-not-call list, in E.164 form. Rows with these numbers are skipped.
    pub blocked: HashSet<String>,
}

/// Result of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    pub vendor: Vendor,
    pub headers: Vec<String>,
    /// Number of rows that contain a lead and were not skipped.
    pub leads: u32,
    /// Number of rows that were skipped because they have neither a phone number nor an e-mail address, or because
    /// their phone number is blocked.
    pub skipped: u32,
    /// Number of unreadable rows; always 0 unless [`Rules::partial`] is set.
    pub errors: u32,
    /// The first [`MAX_WARNINGS`] warnings. `warning_count` also includes warnings beyond this limit.
    pub warnings: Vec<RowWarning>,
    pub warning_count: u32,
}

impl Scan {
    fn warn(&mut self, warnings: impl IntoIterator<Item = RowWarning>) {
        for warning in warnings {
            self.warning_count = self.warning_count.saturating_add(1);
            if self.warnings.len() < MAX_WARNINGS {
                self.warnings.push(warning);
            }
        }
    }
}

/// Reads a file and calls `each` for every row that contains a lead and is not blocked. `each` can stop the scan.
///
/// # Errors
/// Returns an error if the whole file is rejected, for example because its vendor is unknown or a row is too long. A
/// row that is not UTF-8 or has too many columns is also an error unless [`Rules::partial`] is set.
pub fn scan(
    file: impl Read,
    rules: &Rules,
    mut each: impl FnMut(Row, &Reading) -> ControlFlow<()>,
) -> Result<Scan, FileError> {
    let mut sheet = Sheet::open(file)?;
    let columns = Columns::new(sheet.vendor, sheet.headers.clone());
    let mut scan = Scan {
        vendor: sheet.vendor,
        headers: sheet.headers.clone(),
        leads: 0,
        skipped: 0,
        errors: 0,
        warnings: Vec::new(),
        warning_count: 0,
    };
    while let Some(line) = sheet.line()? {
        let row = match line {
            Line::Row(row) => row,
            Line::Lost(refused) if rules.partial => {
                scan.errors += 1;
                let row = refused.row().unwrap_or_default();
                scan.warn([about(row, format!("left out: {refused}"))]);
                continue;
            }
            Line::Lost(refused) => return Err(refused),
        };
        let mut reading = columns.read(&row);
        scan.warn(std::mem::take(&mut reading.warnings));
        let number = reading.lead.as_ref().and_then(|lead| lead.phone.as_deref());
        let number = number.and_then(phone::e164);
        if number.is_some_and(|number| rules.blocked.contains(&number)) {
            scan.warn([about(
                row.number,
                "is on the do-not-call list: skipped".to_owned(),
            )]);
            reading.lead = None;
        }
        if reading.lead.is_none() {
            scan.skipped += 1;
        } else {
            scan.leads += 1;
            if each(row, &reading).is_break() {
                break;
            }
        }
    }
    Ok(scan)
}

fn about(row: u32, message: String) -> RowWarning {
    RowWarning {
        row,
        column: String::new(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(file: &[u8], rules: &Rules) -> Result<(Scan, Vec<u32>), FileError> {
        let mut rows = Vec::new();
        let scan = scan(file, rules, |row, _| {
            rows.push(row.number);
            ControlFlow::Continue(())
        })?;
        Ok((scan, rows))
    }

    const FILE: &[u8] =
        b"leadID,primaryPhone,email\n1,5550123456,\n2,,x\n3,\xff,\n4,5550199999,a@b\n5,,c@d\n";

    #[test]
    fn a_row_that_cannot_be_read_refuses_the_file_or_is_counted() {
        let all = read(FILE, &Rules::default());
        assert_eq!(all.unwrap_err(), FileError::NotText { row: 4, column: 2 });
        let partial = Rules {
            partial: true,
            ..Rules::default()
        };
        let (scan, rows) = read(FILE, &partial).unwrap();
        assert_eq!((scan.leads, scan.skipped, scan.errors), (3, 1, 1));
        assert_eq!(rows, [2, 5, 6]);
        let told: Vec<(u32, &str)> = scan
            .warnings
            .iter()
            .map(|w| (w.row, w.column.as_str()))
            .collect();
        assert_eq!(told, [(3, "email"), (3, ""), (4, "")]);
    }

    #[test]
    fn nobody_s_number_is_taken_who_may_not_be_called() {
        let blocked = HashSet::from(["+15550199999".to_owned()]);
        let (scan, rows) = read(
            FILE,
            &Rules {
                partial: true,
                blocked,
            },
        )
        .unwrap();
        assert_eq!((scan.leads, scan.skipped, rows), (2, 2, vec![2, 6]));
    }

    #[test]
    fn a_hundred_warnings_are_told_and_all_are_counted() {
        let file = format!("leadID,email\n{}", "1,nobody\n".repeat(80));
        let (scan, _) = read(file.as_bytes(), &Rules::default()).unwrap();
        assert_eq!(
            (scan.warnings.len(), scan.warning_count, scan.skipped),
            (100, 160, 80)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_the_same_twice(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let file = [b"vendor_id,phone,email,price\n".to_vec(), bytes].concat();
            let rules = Rules { partial: true, ..Rules::default() };
            let (first, second) = (read(&file, &rules), read(&file, &rules));
            prop_assert_eq!(&first, &second);
            if let Ok((scan, rows)) = first {
                prop_assert_eq!(u32::try_from(rows.len()).unwrap(), scan.leads);
            }
        }
    }
}
