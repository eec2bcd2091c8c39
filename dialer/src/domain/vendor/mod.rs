//! Leads that vendors send, by webhook or as a file: one core for both. It is pure: what is stored is computed from
//! what is there and what came, so that a message that comes again changes nothing.

pub mod credential;
pub mod file;
pub mod gate;
pub mod known;
pub mod merge;
pub mod price;
pub mod same;
pub mod webhook;

use jiff::Timestamp;

use price::Cents;

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

/// A lead as it came, cleaned: what is empty is absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VendorLead {
    /// The vendor's id, as sent.
    pub vendor_id: Option<String>,
    /// As sent; compared by its E.164 form.
    pub phone: Option<String>,
    /// Lower-cased; looks like an address.
    pub email: Option<String>,
    pub product: Product,
    pub price: Option<Cents>,
    /// When it was bought.
    pub bought_at: Option<Timestamp>,
    /// Fields about the person, by their names in `leads`: they fill blanks.
    pub person: Vec<(&'static str, Field)>,
    /// Fields about the purchase, by their names in `leads`: the newest stands.
    pub purchase: Vec<(&'static str, String)>,
}

/// The value of a field about the person.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    Text(String),
    Flag(bool),
    List(Vec<String>),
}

/// A value that was not usable and was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The vendor's name of the field.
    pub field: String,
    pub message: String,
}
