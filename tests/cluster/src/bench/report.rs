//! The report of `make bench`: measurements with their limits and baselines.

// Errors of `write!` are ignored below: writing into a String cannot fail.
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

/// Unit of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// Size in bytes.
    Bytes,
    /// Duration in milliseconds.
    Milliseconds,
    /// Plain number, such as a number of requests.
    Count,
}

/// Value with which the value of a row is compared, such as the same measurement for a plain Kubernetes Deployment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Baseline {
    /// Name of the baseline, as shown in the table.
    pub what: String,
    /// Value of the baseline, in the unit of the row.
    pub measured: u64,
    /// Value of the row divided by the value of the baseline, rounded down to hundredths; `None` if the baseline is 0
    /// or the result is too large.
    pub ratio: Option<f64>,
}

/// One row of the report: a measurement with an optional limit and baseline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Description of what was measured, as shown in the table.
    pub what: String,
    /// Unit of the measurement, the limit and the baseline.
    pub unit: Unit,
    /// Measured value, in `unit`.
    pub measured: u64,
    /// Maximum allowed value, in `unit`; `None` if there is no limit. A higher measured value makes `make bench` fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Baseline with which this row is compared; `None` if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
}

impl Row {
    /// Creates a row without limit and baseline. `measured` is in the given unit.
    #[must_use]
    pub fn new(what: impl Into<String>, unit: Unit, measured: u64) -> Self {
        Self {
            what: what.into(),
            unit,
            measured,
            limit: None,
            baseline: None,
        }
    }

    /// Creates a row for a duration, without limit and baseline. The unit of the row is milliseconds.
    #[must_use]
    pub fn time(what: impl Into<String>, measured: Duration) -> Self {
        Self::new(what, Unit::Milliseconds, milliseconds(measured))
    }

    /// Sets the limit, in the row's unit.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Sets the limit of a row that measures a duration.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        self.limit(milliseconds(limit))
    }

    /// Sets the baseline of a row that measures a duration. `what` names the baseline.
    #[must_use]
    pub fn compared_with(mut self, what: impl Into<String>, measured: Duration) -> Self {
        let measured = milliseconds(measured);
        self.baseline = Some(Baseline {
            what: what.into(),
            measured,
            ratio: ratio(self.measured, measured),
        });
        self
    }

    fn above(&self) -> bool {
        self.limit.is_some_and(|limit| self.measured > limit)
    }

    /// Returns the row as one line of the table: what was measured, value, limit and baseline. Values above the limit
    /// are marked.
    fn line(&self) -> String {
        let limit = self
            .limit
            .map(|limit| format!("limit {}", shown(self.unit, limit)))
            .unwrap_or_default();
        let measured = shown(self.unit, self.measured);
        let mut text = format!("{:<56} {measured:>10}  {limit:<14}", self.what);
        if let Some(baseline) = &self.baseline {
            let compared = shown(self.unit, baseline.measured);
            let _ = write!(text, "  {} {compared}", baseline.what);
            if let Some(ratio) = baseline.ratio {
                let _ = write!(text, ", ratio {ratio:.2}");
            }
        }
        let kept = text.trim_end().len();
        text.truncate(kept);
        if self.above() {
            text.push_str("  ABOVE");
        }
        text
    }
}

/// Report of all measurements of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Rows in the order in which they were measured.
    pub rows: Vec<Row>,
}

impl Report {
    /// Adds a row and prints it to standard error at once, so that an interrupted run still shows its results.
    pub fn add(&mut self, row: Row) {
        eprintln!("measured: {}", row.line());
        self.rows.push(row);
    }

    /// Returns the descriptions of the rows whose values exceed their limits.
    #[must_use]
    pub fn above(&self) -> Vec<&str> {
        let above = self.rows.iter().filter(|row| row.above());
        above.map(|row| row.what.as_str()).collect()
    }

    /// Returns the report as a table, with one line per row.
    #[must_use]
    pub fn table(&self) -> String {
        self.rows.iter().map(|row| row.line() + "\n").collect()
    }
}

fn shown(unit: Unit, value: u64) -> String {
    match unit {
        Unit::Bytes => format!("{} KiB", value / 1024),
        Unit::Milliseconds => format!("{}.{:02} s", value / 1000, value % 1000 / 10),
        Unit::Count => value.to_string(),
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns `value / base` rounded down to hundredths; `None` if `base` is 0 or the result is too large.
fn ratio(value: u64, base: u64) -> Option<f64> {
    let hundredths = value.saturating_mul(100).checked_div(base)?;
    u32::try_from(hundredths).ok().map(|n| f64::from(n) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::default();
        let seconds = Duration::from_secs;
        report.add(
            Row::time("rolled out", seconds(6))
                .within(seconds(15))
                .compared_with("plain Deployment", seconds(4)),
        );
        report.add(Row::new("image", Unit::Bytes, 3 << 20).limit(2 << 20));
        report.add(Row::new("requests", Unit::Count, 812));
        report
    }

    #[test]
    fn a_row_shows_value_limit_and_ratio_and_says_when_it_is_above() {
        let table = report().table();
        let lines: Vec<&str> = table.lines().collect();
        assert!(
            lines[0].ends_with("6.00 s  limit 15.00 s   plain Deployment 4.00 s, ratio 1.50"),
            "{}",
            lines[0]
        );
        assert!(
            lines[1].ends_with("3072 KiB  limit 2048 KiB  ABOVE"),
            "{}",
            lines[1]
        );
        assert!(lines[2].ends_with("812"), "{}", lines[2]);
        assert_eq!(report().above(), ["image"]);
    }

    #[test]
    fn the_json_contains_the_same() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(
            json["rows"][0],
            serde_json::json!({"what": "rolled out", "unit": "milliseconds", "measured": 6000, "limit": 15000,
                "baseline": {"what": "plain Deployment", "measured": 4000, "ratio": 1.5}})
        );
        assert_eq!(ratio(1, 0), None);
    }
}
