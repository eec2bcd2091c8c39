//! A lead as a vendor sends it, by webhook or in a file.

use jiff::Timestamp;

use super::price::Cents;
use super::product::Product;

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
pub struct FieldWarning {
    /// The vendor's name of the field.
    pub field: String,
    pub message: String,
}
