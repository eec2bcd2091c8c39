//! Input of the promotion gate.

use jiff::Timestamp;

use super::rules::Rules;
use super::source::{RequestedImage, Source};
use crate::release::record::Record;

/// Data on which the gate's verdict depends.
#[derive(Clone, Copy, Debug)]
pub struct GateInputs<'a> {
    /// Promotion rules: the spec's `promotion` with defaults applied.
    pub rules: &'a Rules,
    /// Image that is to be released in this environment.
    pub requested: RequestedImage<'a>,
    /// All release records of this environment.
    pub records: &'a [Record],
    /// True if this environment runs a release of which no record is left.
    pub unrecorded: bool,
    /// State of the environment from which images are promoted.
    pub source: &'a Source,
    /// Time from which Good releases of this environment waive the soak of their digest; `None` if all of them do.
    pub waives_since: Option<Timestamp>,
    /// Number of this environment's pinned release; `None` if no release is pinned.
    pub pinned: Option<i64>,
    /// Current time.
    pub now: Timestamp,
}
