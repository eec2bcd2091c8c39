//! Source environment of a promotion, and the releases that it offers.

use crate::release::gate::auto::Picked;
use crate::release::gate::{Rules, Source};

/// Promotion that the spec asks for, with the observed state of its source environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Promotion {
    /// Rules that an image must meet to be promoted.
    pub rules: Rules,
    /// State of the source environment.
    pub source: Source,
    /// Image that `promotion.auto` chose; `None` if the spec names the image.
    pub picked: Option<Picked>,
}
