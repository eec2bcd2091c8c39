//! Source environment of a promotion, and the releases that it offers.

use crate::release::gate::auto::Picked;
use crate::release::gate::{Rules, Source};

/// Promotion that the spec asks for, with what was observed of its source.
#[derive(Clone, Debug, PartialEq)]
pub struct Promotion {
    /// Conditions that an image must meet.
    pub rules: Rules,
    /// State of the source environment.
    pub source: Source,
    /// Image that `promotion.auto` chose; `None` where the spec names the image.
    pub picked: Option<Picked>,
}
