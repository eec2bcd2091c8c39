//! Bodies for calls and dial counts.

use std::collections::BTreeMap;

use bson::oid::ObjectId;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::common::Id;
use super::read::{checked, optional};
use crate::domain::leads::phone;

/// Maximum length of a dialled number as typed, in characters.
const MAX_PHONE_LENGTH: usize = 40;

/// Leads that were called today.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallCounts {
    pub success: bool,
    /// 1 for each lead, by its id.
    pub call_counts: BTreeMap<String, u64>,
    /// The date as `YYYY-MM-DD`.
    pub today: String,
}

/// Time zone of the day.
#[derive(Debug, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TimeZoneParams {
    /// An IANA name; default: the caller's setting.
    pub tz: Option<String>,
}

/// A call to record.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallMade {
    #[schema(value_type = Id)]
    #[serde(deserialize_with = "object_id")]
    pub lead_id: ObjectId,
    #[schema(max_length = 40)]
    #[serde(deserialize_with = "dialled_phone")]
    pub phone: String,
    /// `outbound` (default) or `inbound`.
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "direction")]
    pub direction: CallDirection,
}

/// The recorded call.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecordedCall {
    pub success: bool,
    pub call: Call,
}

/// A call. Calls of the old server may have more fields.
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

/// A number that was dialled.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Dialled {
    #[serde(deserialize_with = "ten_digits")]
    pub phone: String,
}

/// Dial count of a number.
#[derive(Debug, Serialize, ToSchema)]
pub struct DialCount {
    /// The last ten digits.
    pub phone: String,
    pub count: u64,
}

/// Dial counts of numbers.
#[derive(Debug, Serialize, ToSchema)]
pub struct DialCounts {
    /// By the last ten digits.
    pub counts: BTreeMap<String, u64>,
}

/// Phone numbers to query.
#[derive(Debug, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PhoneParams {
    /// Comma-separated, at most 500.
    pub phones: Option<String>,
}

/// Direction of a call: placed by the user, or received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallDirection {
    Outbound,
    Inbound,
}

impl CallDirection {
    /// The direction as stored.
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
