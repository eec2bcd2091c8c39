//! Environment that images are promoted from, and what it offers.

use crate::release::gate::auto::Picked;
use crate::release::gate::{Rules, Source};

/// Promotion of the spec with what its source offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Promotion {
    /// Conditions that an image must meet.
    pub rules: Rules,
    /// Environment that it comes from.
    pub source: Source,
    /// Choice of `promotion.auto`; `None` where the spec names the image.
    pub picked: Option<Picked>,
}
