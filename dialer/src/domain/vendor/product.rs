//! Products that vendors sell.

/// What a vendor sold: the data of a lead, or a call from an advertisement. Each has its own price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Product {
    #[default]
    Data,
    Ad,
}

impl Product {
    /// The product as stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Ad => "ad",
        }
    }

    /// Parses a product: `ad` in any letter case is an ad, everything else is data.
    pub fn of(text: &str) -> Self {
        if text.trim().eq_ignore_ascii_case("ad") {
            Self::Ad
        } else {
            Self::Data
        }
    }
}
