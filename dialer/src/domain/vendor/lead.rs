//! A lead that a vendor sent.

use jiff::Timestamp;

use super::price::Cents;
use super::product::Product;

/// A received lead after parsing: empty values are absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VendorLead {
    /// The vendor's id of the lead, as sent.
    pub vendor_id: Option<String>,
    /// Phone number as sent. Leads are compared by its E.164 form.
    pub phone: Option<String>,
    /// E-mail address in lower case.
    pub email: Option<String>,
    pub product: Product,
    pub price: Option<Cents>,
    /// Time of purchase.
    pub bought_at: Option<Timestamp>,
    /// Fields about the person, by their names in `leads`. They only fill fields that are blank in a stored lead.
    pub person: Vec<(&'static str, Field)>,
    /// Fields about the purchase, by their names in `leads`. The latest value replaces the stored one.
    pub purchase: Vec<(&'static str, String)>,
}

/// Value of a field in [`VendorLead::person`].
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    Text(String),
    Flag(bool),
    List(Vec<String>),
}

/// A value that was ignored because it is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldWarning {
    /// The vendor's name of the field.
    pub field: String,
    pub message: String,
}
