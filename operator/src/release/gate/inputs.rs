//! Input of the gate. Plain data.

use jiff::Timestamp;

use super::rules::Rules;
use super::source::{RequestedImage, Source};
use crate::release::record::Record;

/// Everything that a verdict depends on.
#[derive(Clone, Copy, Debug)]
pub struct GateInputs<'a> {
    /// The promotion with its defaults.
    pub rules: &'a Rules,
    /// The image that is to be released here.
    pub requested: RequestedImage<'a>,
    /// The release records of this environment.
    pub records: &'a [Record],
    /// The environment that images come from.
    pub source: &'a Source,
    /// The release that a person keeps here.
    pub pinned: Option<i64>,
    /// Current time.
    pub now: Timestamp,
}
