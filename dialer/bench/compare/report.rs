//! The report: measurements and their limits.

use std::fmt::Write as _;

use serde::Serialize;

/// Limit of a ratio.
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

/// The dialer's value divided by another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// Name of the other value.
    pub to: String,
    pub ratio: f64,
    pub bound: Bound,
    pub kept: bool,
    /// A goal is reported and does not fail the run.
    pub goal: bool,
}

/// A measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    pub what: String,
    pub dialer: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fastify: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub express: Option<f64>,
    pub ratios: Vec<Ratio>,
    /// Medians of the dialer's values divided by Fastify's and Express's, run by run.
    #[serde(skip)]
    paired: Option<[f64; 2]>,
}

impl Row {
    /// Values of the dialer, Fastify and Express in alternating runs. The speed of a shared machine varies by a factor
    /// of two, so values of the same run are compared, not medians.
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

    /// Values of the dialer, Fastify and Express.
    pub fn new(what: impl Into<String>, [dialer, fastify, express]: [f64; 3]) -> Self {
        Self {
            fastify: Some(fastify),
            express: Some(express),
            ..Self::alone(what, dialer)
        }
    }

    /// Value of the dialer only.
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

    /// Limit relative to Fastify.
    pub fn fastify(self, bound: Bound) -> Self {
        let [ratio, _] = self.beside();
        self.bound("Fastify", ratio, bound, false)
    }

    /// Limit relative to Express.
    pub fn express(self, bound: Bound) -> Self {
        let [_, ratio] = self.beside();
        self.bound("Express", ratio, bound, false)
    }

    /// Limit relative to the larger of the two.
    pub fn larger(self, bound: Bound) -> Self {
        let [fastify, express] = self.beside();
        if fastify <= express {
            self.fastify(bound)
        } else {
            self.express(bound)
        }
    }

    /// Limit relative to the smaller of the two.
    pub fn smaller(self, bound: Bound) -> Self {
        let [fastify, express] = self.beside();
        if fastify >= express {
            self.fastify(bound)
        } else {
            self.express(bound)
        }
    }

    /// The dialer's value divided by Fastify's and by Express's.
    fn beside(&self) -> [f64; 2] {
        let others = [self.fastify, self.express];
        let ratios = others.map(|other| self.dialer / other.unwrap_or_default());
        self.paired.unwrap_or(ratios)
    }

    /// Goal relative to another value of the dialer.
    pub fn goal(self, to: &str, base: f64, bound: Bound) -> Self {
        let ratio = self.dialer / base;
        self.bound(&format!("{to} ({base:.1})"), ratio, bound, true)
    }

    /// Absolute limit.
    pub fn limit(self, what: &str, most: f64) -> Self {
        let ratio = self.dialer / most;
        self.bound(what, ratio, Bound::AtMost(1.0), false)
    }

    fn bound(mut self, to: &str, ratio: f64, bound: Bound, goal: bool) -> Self {
        self.ratios.push(Ratio {
            to: to.to_owned(),
            ratio,
            bound,
            // Nothing was measured: nothing is kept.
            kept: ratio.is_finite() && bound.kept(ratio),
            goal,
        });
        self
    }
}

/// All measurements.
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

    /// Exceeded limits.
    pub fn missed(&self) -> Vec<&str> {
        let missed = |row: &&Row| row.ratios.iter().any(|r| !r.kept && !r.goal);
        let rows = self.rows.iter().filter(missed);
        rows.map(|row| row.what.as_str()).collect()
    }

    /// As text.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<42} {:>9} {:>9} {:>9}\n",
            "medians of the runs", "dialer", "Fastify", "Express"
        );
        for row in &self.rows {
            // Writing into a String cannot fail.
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

/// The median; the lower one of two, and 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len().saturating_sub(1) / 2;
    sorted.get(middle).copied().unwrap_or_default()
}
