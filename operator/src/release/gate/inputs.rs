//! Input of the gate. Plain data.

use jiff::Timestamp;

use super::rules::Rules;
use super::source::{RequestedImage, Source};
use crate::release::record::Record;

/// Everything that the gate's verdict depends on.
#[derive(Clone, Copy, Debug)]
pub struct GateInputs<'a> {
    /// The spec's `promotion` with defaults applied.
    pub rules: &'a Rules,
    /// The image that this environment asks for.
    pub requested: RequestedImage<'a>,
    /// All release records of this environment.
    pub records: &'a [Record],
    /// The environment that images are promoted from.
    pub source: &'a Source,
    /// Number of the pinned release of this environment.
    pub pinned: Option<i64>,
    /// Current time.
    pub now: Timestamp,
}
