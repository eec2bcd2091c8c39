//! Products that vendors sell.

/// Product that a vendor sold: the data of a lead, or a call in response to an advertisement. Each product has a
/// separate price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Product {
    #[default]
    Data,
    Ad,
}

impl Product {
    /// Returns the product in its stored form.
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Ad => "ad",
        }
    }

    /// Parses a product. `ad` in any letter case is [`Product::Ad`]; any other text is [`Product::Data`].
    pub fn of(text: &str) -> Self {
        if text.trim().eq_ignore_ascii_case("ad") {
            Self::Ad
        } else {
            Self::Data
        }
    }
}
