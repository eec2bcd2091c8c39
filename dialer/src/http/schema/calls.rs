//! Request and response bodies of the endpoints for calls and dial counts.

use std::collections::BTreeMap;

use bson::oid::ObjectId;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::common::Id;
use super::read::{checked, optional};
use crate::domain::leads::phone;

/// Maximum length of the phone number in a request that records a call, in characters.
const MAX_PHONE_LENGTH: usize = 40;

/// Leads that the signed-in user has called today.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallCounts {
    pub success: bool,
    /// Map from the id of each lead that was called today to the number 1. Repeated calls are not counted.
    pub call_counts: BTreeMap<String, u64>,
    /// Today's date in the selected time zone, as `YYYY-MM-DD`.
    pub today: String,
}

/// Time zone that determines which calls were made today.
#[derive(Debug, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TimeZoneParams {
    /// IANA name such as `America/Chicago`; by default, the time zone in the user's settings.
    pub tz: Option<String>,
}

/// A call to add to the call history.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallMade {
    #[schema(value_type = Id)]
    #[serde(deserialize_with = "object_id")]
    pub lead_id: ObjectId,
    #[schema(max_length = 40)]
    #[serde(deserialize_with = "dialled_phone")]
    pub phone: String,
    /// Direction of the call: `outbound` (default) or `inbound`.
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "direction")]
    pub direction: CallDirection,
}

/// Response with the call that was recorded.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecordedCall {
    pub success: bool,
    pub call: Call,
}

/// A call in the call history. Calls stored by the legacy server may have additional fields.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    #[serde(rename = "_id")]
    pub id: Id,
    pub from: Option<Value>,
    pub to: Option<Value>,
    pub direction: Option<Value>,
    pub lead: Option<Value>,
    pub created_at: Option<Value>,
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// A phone number that the user has dialled. It must have at least ten digits.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Dialled {
    #[serde(deserialize_with = "ten_digits")]
    pub phone: String,
}

/// Number of times that the signed-in user has dialled a phone number.
#[derive(Debug, Serialize, ToSchema)]
pub struct DialCount {
    /// Last ten digits of the phone number.
    pub phone: String,
    pub count: u64,
}

/// Dial counts of the requested phone numbers.
#[derive(Debug, Serialize, ToSchema)]
pub struct DialCounts {
    /// Dial count of each phone number, keyed by its last ten digits. Phone numbers that were never dialled are
    /// omitted.
    pub counts: BTreeMap<String, u64>,
}

/// Phone numbers whose dial counts are requested.
#[derive(Debug, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PhoneParams {
    /// Comma-separated phone numbers, at most 500.
    pub phones: Option<String>,
}

/// Direction of a call: placed by the user (outbound) or received by the user (inbound).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallDirection {
    Outbound,
    Inbound,
}

impl CallDirection {
    /// Returns the direction as it is stored in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
        }
    }
}

fn object_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectId, D::Error> {
    checked(deserializer, |text| {
        ObjectId::parse_str(text).map_err(|_| "must be 24 hexadecimal digits")
    })
}

fn ten_digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, |text| {
        phone::last_ten(text).ok_or("must have at least ten digits")
    })
}

fn dialled_phone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, |text| {
        let fits = text.chars().count() <= MAX_PHONE_LENGTH;
        fits.then(|| text.to_owned())
            .ok_or("must have at most 40 characters")
    })
}

fn direction<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CallDirection, D::Error> {
    let given = optional(deserializer, |text| match text {
        "outbound" => Ok(CallDirection::Outbound),
        "inbound" => Ok(CallDirection::Inbound),
        _ => Err("must be outbound or inbound"),
    })?;
    Ok(given.unwrap_or(CallDirection::Outbound))
}
