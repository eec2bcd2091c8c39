//! CSV parser that reads one row at a time with bounded memory.

use std::io::{Chain, Cursor, Read};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::limits::{MAX_COLUMNS, MAX_ROW_BYTES, MAX_ROWS};
use super::row::Row;
use super::vendor::Vendor;

/// Marker that is appended to the file to detect an unclosed quote. If a quote is unclosed, the marker becomes part of
/// the last cell. Otherwise it is parsed as a separate row.
const END: &str = "\u{1e}end of the file\u{1e}";

/// Number of bytes that the CSV parser may read in addition to a row of the maximum size, because it reads into a
/// buffer.
const READ_AHEAD: u64 = 64 * 1024;

/// Minimum size of the first read, in bytes. The CSV parser removes a byte order mark (three bytes) only if the first
/// read returns all of it. It also treats a first read of only the mark as the end of the file.
const MARK: usize = 4;

/// Maximum number of column headers in an error message.
const MAX_SHOWN_HEADERS: usize = 30;
/// Maximum length of a column header in an error message, in characters.
const MAX_SHOWN_LENGTH: usize = 40;

/// Reason why a CSV file is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    #[error("The file is empty: its first row must name the columns.")]
    Empty,
    #[error(
        "The file is of no known vendor. Its columns are: {}. A NextGen file has purchase_id, vertical_id or \
         vendor_id; a Marketplace file has leadID, utm_source or primaryPhone.",
        .0.join(", ")
    )]
    UnknownVendor(Vec<String>),
    #[error("The file has more than {MAX_ROWS} rows. Split it into several files.")]
    TooManyRows,
    #[error("Row {0} has more than {MAX_COLUMNS} columns.")]
    TooManyColumns(u32),
    #[error("Row {0} is longer than 1 MB: perhaps a quotation mark is missing.")]
    TooLong(u32),
    #[error("Row {row}, column {column}, is not UTF-8 text. Save the file as \"CSV UTF-8\".")]
    NotText { row: u32, column: usize },
    #[error("Row {0} opens a quotation mark that is never closed.")]
    OpenQuote(u32),
    #[error("The file could not be read.")]
    Unreadable,
}

impl FileError {
    /// Returns the number of the row that caused the error; `None` if the error concerns the whole file.
    pub fn row(&self) -> Option<u32> {
        match self {
            Self::TooManyColumns(row) | Self::TooLong(row) | Self::OpenQuote(row) => Some(*row),
            Self::NotText { row, .. } => Some(*row),
            _ => None,
        }
    }

    /// Returns true if only one row is affected, so that the following rows can be read.
    fn is_of_one_row(&self) -> bool {
        matches!(self, Self::TooManyColumns(_) | Self::NotText { .. })
    }
}

/// Result of reading one row of the file.
#[derive(Debug)]
pub enum Line {
    Row(Row),
    /// The row is invalid. The following rows can be read.
    Lost(FileError),
}

/// A reader that limits how many bytes the CSV parser can read for one row.
struct Bounded<R> {
    inner: R,
    given: u64,
    most: u64,
    exceeded: bool,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.given > self.most {
            self.exceeded = true;
            return Err(std::io::Error::other("the row is too long"));
        }
        let mut read = self.inner.read(buffer)?;
        while self.given == 0 && (1..MARK).contains(&read) {
            let rest = buffer.get_mut(read..).unwrap_or_default();
            match self.inner.read(rest)? {
                0 => break,
                more => read += more,
            }
        }
        self.given = self
            .given
            .saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(read)
    }
}

/// An open CSV file whose header has been parsed.
pub struct Sheet<R> {
    reader: Reader<Bounded<Chain<R, Cursor<Vec<u8>>>>>,
    record: ByteRecord,
    next: Option<ByteRecord>,
    /// Number of the row that was returned last; 0 before the first.
    number: u32,
    pub headers: Vec<String>,
    pub vendor: Vendor,
}

impl<R> std::fmt::Debug for Sheet<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sheet")
            .field("vendor", &self.vendor)
            .finish_non_exhaustive()
    }
}

impl<R: Read> Sheet<R> {
    /// Opens a CSV file and parses its header.
    ///
    /// # Errors
    /// Returns an error if the header is missing or invalid, if the vendor is unknown, if one of the first two rows is
    /// too long, or if reading the file fails.
    pub fn open(file: R) -> Result<Self, FileError> {
        let end = Cursor::new(format!("\n{END}\n").into_bytes());
        let bounded = Bounded {
            inner: file.chain(end),
            given: 0,
            most: 0,
            exceeded: false,
        };
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(bounded);
        let mut sheet = Self {
            reader,
            record: ByteRecord::new(),
            next: None,
            number: 0,
            headers: Vec::new(),
            // Placeholder, replaced after the header was read.
            vendor: Vendor::NextGen,
        };
        sheet.next = sheet.parse(1)?;
        match sheet.line()? {
            None => Err(FileError::Empty),
            Some(Line::Lost(refused)) => Err(refused),
            Some(Line::Row(row)) => {
                sheet.headers = row.cells;
                let vendor = Vendor::recognise(&sheet.headers);
                sheet.vendor =
                    vendor.ok_or_else(|| FileError::UnknownVendor(shown(&sheet.headers)))?;
                Ok(sheet)
            }
        }
    }

    /// Returns the next row; `None` at the end of the file.
    ///
    /// # Errors
    /// Returns an error if the rest of the file cannot be read, for example after an unclosed quote or if there are too
    /// many rows.
    pub fn line(&mut self) -> Result<Option<Line>, FileError> {
        let Some(record) = self.next.take() else {
            return Ok(None);
        };
        let number = self.number + 1;
        // The end marker is in the last record, so a record can be returned only once it is known that another one
        // follows.
        self.next = self.parse(number + 1)?;
        if self.next.is_none() {
            return if record.len() == 1 && record.get(0) == Some(END.as_bytes()) {
                Ok(None)
            } else {
                Err(FileError::OpenQuote(number))
            };
        }
        self.number = number;
        if number > MAX_ROWS + 1 {
            return Err(FileError::TooManyRows);
        }
        match cells(&record, number) {
            Ok(cells) => Ok(Some(Line::Row(Row { number, cells }))),
            Err(refused) if refused.is_of_one_row() => Ok(Some(Line::Lost(refused))),
            Err(refused) => Err(refused),
        }
    }

    fn parse(&mut self, number: u32) -> Result<Option<ByteRecord>, FileError> {
        let begin = self.reader.position().byte();
        self.reader.get_mut().most = begin.saturating_add(MAX_ROW_BYTES + READ_AHEAD);
        let read = self.reader.read_byte_record(&mut self.record);
        let length = self.reader.position().byte().saturating_sub(begin);
        match read {
            Err(_) if self.reader.get_ref().exceeded => Err(FileError::TooLong(number)),
            Err(_) => Err(FileError::Unreadable),
            Ok(true) if length > MAX_ROW_BYTES => Err(FileError::TooLong(number)),
            Ok(true) => Ok(Some(std::mem::take(&mut self.record))),
            Ok(false) => Ok(None),
        }
    }
}

fn cells(record: &ByteRecord, row: u32) -> Result<Vec<String>, FileError> {
    if record.len() > MAX_COLUMNS {
        return Err(FileError::TooManyColumns(row));
    }
    let text = |(at, cell): (usize, &[u8])| match std::str::from_utf8(cell) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(_) => Err(FileError::NotText {
            row,
            column: at + 1,
        }),
    };
    record.iter().enumerate().map(text).collect()
}

/// Makes headers safe for error messages: removes control characters and limits their number and length.
fn shown(headers: &[String]) -> Vec<String> {
    let short = |header: &String| -> String {
        let plain = header.chars().filter(|c| !c.is_control());
        plain.take(MAX_SHOWN_LENGTH).collect()
    };
    headers.iter().take(MAX_SHOWN_HEADERS).map(short).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::leads::export::neutral;
    use proptest::prelude::*;

    fn read(file: &[u8]) -> Result<Vec<Row>, FileError> {
        let mut sheet = Sheet::open(file)?;
        let mut rows = Vec::new();
        while let Some(line) = sheet.line()? {
            match line {
                Line::Row(row) => rows.push(row),
                Line::Lost(refused) => return Err(refused),
            }
        }
        Ok(rows)
    }

    fn row(number: u32, cells: &[&str]) -> Row {
        Row {
            number,
            cells: cells.iter().map(|c| (*c).to_owned()).collect(),
        }
    }

    #[test]
    fn quotes_line_ends_a_mark_at_the_start_and_uneven_rows() {
        let file = "\u{feff}purchase_id, zip ,x\r\n1, 07001 ,\"a \"\"b\"\",\nc\"\r\n\r\n2\n3,4,5,6";
        let rows = read(file.as_bytes()).unwrap();
        let expected = [
            row(2, &["1", "07001", "a \"b\",\nc"]),
            row(3, &["2"]),
            row(4, &["3", "4", "5", "6"]),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn a_mark_at_the_start_is_no_part_of_the_first_header_however_it_comes() {
        let (mark, rest) = ("\u{feff}".as_bytes(), b"purchase_id\n1\n");
        for first in 0..=mark.len() {
            let (one, two) = mark.split_at(first);
            let sheet = Sheet::open(one.chain(two).chain(&rest[..])).unwrap();
            assert_eq!(sheet.headers, ["purchase_id"], "{first} bytes first");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_row() {
        let head = b"leadID,email\n".to_vec();
        let with = |rest: &[u8]| [head.clone(), rest.to_vec()].concat();
        for (file, refused) in [
            (Vec::new(), FileError::Empty),
            (b"\n\n".to_vec(), FileError::Empty),
            (
                b"a,b\n1,2\n".to_vec(),
                FileError::UnknownVendor(vec!["a".into(), "b".into()]),
            ),
            (
                b"LEADID\n1".to_vec(),
                FileError::UnknownVendor(vec!["LEADID".into()]),
            ),
            (
                with(b"1,a@b\n2,\xff\n"),
                FileError::NotText { row: 3, column: 2 },
            ),
            (with(b"1,\"open\n2,b\n"), FileError::OpenQuote(2)),
            (with(b"1,\"open"), FileError::OpenQuote(2)),
            (b"leadID,\"open\n".to_vec(), FileError::OpenQuote(1)),
            (with(&vec![b','; 500]), FileError::TooManyColumns(2)),
            (with(&vec![b','; 1_000_000]), FileError::TooManyColumns(2)),
            (with(&vec![b'x'; 3_000_000]), FileError::TooLong(2)),
            (
                with(&[b"1,\"".to_vec(), vec![b'\n'; 3_000_000]].concat()),
                FileError::TooLong(2),
            ),
            (
                with("1\n".repeat(15_001).as_bytes()),
                FileError::TooManyRows,
            ),
        ] {
            assert_eq!(read(&file), Err(refused));
        }
        assert_eq!(
            read(&with("1\n".repeat(15_000).as_bytes())).unwrap().len(),
            15_000
        );
        assert_eq!(read(&with(&vec![b','; 499])).unwrap().len(), 1);
    }

    #[test]
    fn a_row_that_looks_like_the_end_is_a_row() {
        let file = format!("leadID\n{END}\n2\n");
        assert_eq!(read(file.as_bytes()).unwrap().len(), 2);
    }

    proptest! {
        #[test]
        fn what_the_exporter_writes_is_read_back(
            rows in proptest::collection::vec(proptest::collection::vec(".{0,12}|[\",\r\n =+@-]{0,6}", 2..5), 0..6)
        ) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            writer.write_record(["leadID", "b"]).unwrap();
            let rows: Vec<Vec<String>> = rows.iter().map(|r| r.iter().map(|c| neutral(c)).collect()).collect();
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let back = read(&writer.into_inner().unwrap()).unwrap();
            let trimmed = rows.iter().map(|r| r.iter().map(|c| c.trim().to_owned()).collect());
            let back: Vec<Vec<String>> = back.into_iter().map(|r| r.cells).collect();
            prop_assert_eq!(back, trimmed.collect::<Vec<Vec<String>>>());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400), known in any::<bool>()) {
            let head = if known { b"leadID,email\n".to_vec() } else { Vec::new() };
            let _ = read(&[head, bytes].concat());
        }

        #[test]
        fn any_text_of_quotes_and_separators_is_read_or_refused(text in "[\",\r\na]{0,60}") {
            let read = read(format!("leadID\n{text}").as_bytes());
            let told = matches!(read, Ok(_) | Err(FileError::OpenQuote(_)));
            prop_assert!(told, "{read:?}");
        }
    }
}
