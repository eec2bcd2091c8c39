//! Data types for a lead that a vendor sent.

use jiff::Timestamp;

use super::price::Cents;
use super::product::Product;

/// A lead that a vendor sent, after parsing. Empty values are `None` or omitted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VendorLead {
    /// Id that the vendor gave the lead, as sent.
    pub vendor_id: Option<String>,
    /// Phone number. Leads are compared by its E.164 form.
    pub phone: Option<String>,
    /// E-mail address, normalised to lower case.
    pub email: Option<String>,
    pub product: Product,
    pub price: Option<Cents>,
    /// Time at which the lead was purchased.
    pub bought_at: Option<Timestamp>,
    /// Fields about the person, with the field names of the collection `leads`. In a stored lead they only fill blank
    /// fields.
    pub person: Vec<(&'static str, Field)>,
    /// Fields about the purchase, with the field names of the collection `leads`. In a stored lead they replace older
    /// values.
    pub purchase: Vec<(&'static str, String)>,
}

/// Value of a field of a lead.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    Text(String),
    Flag(bool),
    List(Vec<String>),
}

/// Warning that a value was ignored because it is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldWarning {
    /// Name of the field in the vendor's message.
    pub field: String,
    pub message: String,
}
