//! Report of the benchmark: the measured values, and the limits that they must meet.

use std::fmt::Write as _;

use serde::Serialize;

/// Limit for a ratio, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn kept(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(least) => ratio >= least,
            Self::AtMost(most) => ratio <= most,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!("at least {least:.2}"),
            Self::AtMost(most) => format!("at most {most:.2}"),
        }
    }
}

/// Ratio of the dialer's value to another value, and the limit that it must meet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// Name of the value by which the dialer's value is divided.
    pub to: String,
    pub ratio: f64,
    pub bound: Bound,
    pub kept: bool,
    /// True if the limit is only a goal. A missed goal is reported but does not fail the benchmark.
    pub goal: bool,
}

/// A measured quantity, with the values of the dialer, Fastify and Express.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    pub what: String,
    pub dialer: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fastify: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub express: Option<f64>,
    pub ratios: Vec<Ratio>,
    /// Ratios of the dialer's value to Fastify's and to Express's value, in this order; `None` unless the row was
    /// created by [`Row::runs`]. Each is the median of the ratios of the individual runs.
    #[serde(skip)]
    paired: Option<[f64; 2]>,
}

impl Row {
    /// Creates a row from the values of several runs, for the dialer, Fastify and Express. Each ratio compares values
    /// of the same run, because the speed of a shared machine varies between runs by a factor of two.
    pub fn runs(what: impl Into<String>, values: &[Vec<f64>; 3]) -> Self {
        let [dialer, fastify, express] = values;
        let beside = |others: &[f64]| {
            let ratios = dialer.iter().zip(others).map(|(own, other)| own / other);
            median(&ratios.collect::<Vec<_>>())
        };
        Self {
            paired: Some([beside(fastify), beside(express)]),
            ..Self::new(what, values.each_ref().map(|values| median(values)))
        }
    }

    /// Creates a row from one value for each server, in the order dialer, Fastify, Express.
    pub fn new(what: impl Into<String>, [dialer, fastify, express]: [f64; 3]) -> Self {
        Self {
            fastify: Some(fastify),
            express: Some(express),
            ..Self::alone(what, dialer)
        }
    }

    /// Creates a row for a quantity that is measured only for the dialer.
    pub fn alone(what: impl Into<String>, dialer: f64) -> Self {
        Self {
            what: what.into(),
            dialer,
            fastify: None,
            express: None,
            ratios: Vec::new(),
            paired: None,
        }
    }

    /// Sets a limit for the ratio of the dialer's value to Fastify's value.
    pub fn fastify(self, bound: Bound) -> Self {
        let [ratio, _] = self.beside();
        self.bound("Fastify", ratio, bound, false)
    }

    /// Sets a limit for the ratio of the dialer's value to Express's value.
    pub fn express(self, bound: Bound) -> Self {
        let [_, ratio] = self.beside();
        self.bound("Express", ratio, bound, false)
    }

    /// Sets a limit for the ratio of the dialer's value to the larger of Fastify's and Express's values.
    pub fn larger(self, bound: Bound) -> Self {
        let [fastify, express] = self.beside();
        if fastify <= express {
            self.fastify(bound)
        } else {
            self.express(bound)
        }
    }

    /// Sets a limit for the ratio of the dialer's value to the smaller of Fastify's and Express's values.
    pub fn smaller(self, bound: Bound) -> Self {
        let [fastify, express] = self.beside();
        if fastify >= express {
            self.fastify(bound)
        } else {
            self.express(bound)
        }
    }

    /// Returns the ratios of the dialer's value to Fastify's value and to Express's value, in this order.
    fn beside(&self) -> [f64; 2] {
        let others = [self.fastify, self.express];
        let ratios = others.map(|other| self.dialer / other.unwrap_or_default());
        self.paired.unwrap_or(ratios)
    }

    /// Sets a goal for the ratio of the dialer's value to `base`, another value of the dialer. `to` is the name of that
    /// value.
    pub fn goal(self, to: &str, base: f64, bound: Bound) -> Self {
        let ratio = self.dialer / base;
        self.bound(&format!("{to} ({base:.1})"), ratio, bound, true)
    }

    /// Sets the upper limit `most` for the dialer's value. `what` describes the limit in the report.
    pub fn limit(self, what: &str, most: f64) -> Self {
        let ratio = self.dialer / most;
        self.bound(what, ratio, Bound::AtMost(1.0), false)
    }

    fn bound(mut self, to: &str, ratio: f64, bound: Bound, goal: bool) -> Self {
        self.ratios.push(Ratio {
            to: to.to_owned(),
            ratio,
            bound,
            // A ratio that is not finite comes from a value that was not measured, so it does not keep the limit.
            kept: ratio.is_finite() && bound.kept(ratio),
            goal,
        });
        self
    }
}

/// All measurements and notes of a benchmark.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    pub rows: Vec<Row>,
    pub notes: Vec<String>,
}

impl Report {
    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Returns the names of all measurements that miss a limit. Missed goals are not included.
    pub fn missed(&self) -> Vec<&str> {
        let missed = |row: &&Row| row.ratios.iter().any(|r| !r.kept && !r.goal);
        let rows = self.rows.iter().filter(missed);
        rows.map(|row| row.what.as_str()).collect()
    }

    /// Formats the report as a text table.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<42} {:>9} {:>9} {:>9}\n",
            "medians of the runs", "dialer", "Fastify", "Express"
        );
        for row in &self.rows {
            // Writing into a `String` cannot fail.
            let _ = write!(text, "{:<42} {:>9.1}", row.what, row.dialer);
            for other in [row.fastify, row.express] {
                let other = other.map_or_else(String::new, |value| format!("{value:.1}"));
                let _ = write!(text, " {other:>9}");
            }
            for ratio in &row.ratios {
                let kind = if ratio.goal { "goal " } else { "" };
                let verdict = if ratio.kept { "" } else { " MISSED" };
                let _ = write!(
                    text,
                    "  {:.2} x {} ({kind}{}){verdict}",
                    ratio.ratio,
                    ratio.to,
                    ratio.bound.text()
                );
            }
            let kept = text.trim_end().len();
            text.truncate(kept);
            text.push('\n');
        }
        for note in &self.notes {
            let _ = writeln!(text, "{note}");
        }
        text
    }
}

/// Returns the median. If there are two middle values, returns the lower one. Returns 0 if `values` is empty.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len().saturating_sub(1) / 2;
    sorted.get(middle).copied().unwrap_or_default()
}
