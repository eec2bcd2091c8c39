//! What vendors sell.

/// What a vendor sold: a lead's data, or the call on it. Each has a price of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Product {
    #[default]
    Data,
    Ad,
}

impl Product {
    /// As stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Ad => "ad",
        }
    }

    /// `ad` in any case is one, everything else is data.
    pub fn of(text: &str) -> Self {
        if text.trim().eq_ignore_ascii_case("ad") {
            Self::Ad
        } else {
            Self::Data
        }
    }
}
