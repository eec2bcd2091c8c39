//! A lead from a vendor.

use jiff::Timestamp;

use super::price::Cents;
use super::product::Product;

/// A received lead after cleaning: empty values are absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VendorLead {
    /// The vendor's id, as sent.
    pub vendor_id: Option<String>,
    /// As sent; compared by its E.164 form.
    pub phone: Option<String>,
    /// In lower case; has the form of an address.
    pub email: Option<String>,
    pub product: Product,
    pub price: Option<Cents>,
    /// Time of purchase.
    pub bought_at: Option<Timestamp>,
    /// Fields about the person, by their names in `leads`: they only fill blanks.
    pub person: Vec<(&'static str, Field)>,
    /// Fields about the purchase, by their names in `leads`: the latest value wins.
    pub purchase: Vec<(&'static str, String)>,
}

/// Value of a field about the person.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    Text(String),
    Flag(bool),
    List(Vec<String>),
}

/// An invalid value that was ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldWarning {
    /// The vendor's name of the field.
    pub field: String,
    pub message: String,
}
