//! Settings for requests from lead vendors: rate limits, and an optional credential defined by environment variables.

use std::time::Duration;

use bson::oid::ObjectId;

use super::parse::{self, Reader};
use super::secret::Secret;
use crate::domain::vendor::credential::MAX_LENGTH;
use crate::security::rate::Rate;
use crate::security::throttle::Limits;

/// Minimum length of `NEXTGEN_API_KEY`, in characters. Shorter keys could be guessed.
const MIN_KEY_LENGTH: usize = 16;

const PAIR_ADVICE: &str =
    "NEXTGEN_SID, NEXTGEN_API_KEY and ADMIN_TENANT_ID go together: set all three or none";

/// Vendor credential defined by environment variables instead of the database, and the tenant it belongs to.
#[derive(Debug, Clone)]
pub struct FixedPair {
    pub sid: Secret,
    pub api_key: Secret,
    pub tenant: ObjectId,
}

/// Settings for requests from lead vendors.
#[derive(Debug, Clone)]
pub struct VendorSettings {
    pub pair: Option<FixedPair>,
    /// Rate limit per valid credential.
    pub rate: Rate,
    /// Limits on requests with a wrong credential, per client address and per `sid` from the same address.
    pub wrong: Limits,
}

pub(super) fn read(reader: &mut Reader<'_>) -> VendorSettings {
    let rate = Rate {
        per_second: reader.or("WEBHOOK_PER_SECOND", 50, messages),
        burst: reader.or("WEBHOOK_BURST", 100, messages),
    };
    let per_address = reader.or("WEBHOOK_FAILURES_PER_ADDRESS", 50, parse::count);
    let wrong = Limits {
        // One `sid` may use a fifth of the address's limit, so that a single wrong credential does not block the
        // address for others.
        per_account: per_address.div_ceil(5),
        per_address,
        window: Duration::from_secs(60) * reader.or("WEBHOOK_WINDOW_MINUTES", 15, parse::minutes),
    };
    VendorSettings {
        pair: pair(reader),
        rate,
        wrong,
    }
}

fn pair(reader: &mut Reader<'_>) -> Option<FixedPair> {
    const TENANT: &str = "ADMIN_TENANT_ID";
    if !reader.is_set("NEXTGEN_SID") && !reader.is_set("NEXTGEN_API_KEY") {
        // The tenant is not used without a credential, but an invalid value is still reported.
        reader.optional(TENANT, tenant);
        return None;
    }
    let sid = reader.required("NEXTGEN_SID", PAIR_ADVICE, |value| header(value, 1));
    let api_key = reader.required("NEXTGEN_API_KEY", PAIR_ADVICE, |value| {
        header(value, MIN_KEY_LENGTH)
    });
    let tenant = reader.required(TENANT, PAIR_ADVICE, tenant);
    Some(FixedPair {
        sid: sid?,
        api_key: api_key?,
        tenant: tenant?,
    })
}

fn header(value: &str, least: usize) -> Result<Secret, String> {
    let fits = (least..=MAX_LENGTH).contains(&value.len());
    if fits && value.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(Secret::new(value));
    }
    Err(format!(
        "must have {least} to {MAX_LENGTH} characters that can stand in a header, without spaces and line breaks"
    ))
}

fn tenant(value: &str) -> Result<ObjectId, String> {
    ObjectId::parse_str(value)
        .map_err(|_| "must be a user's id, 24 hexadecimal digits: whose leads they are".to_owned())
}

fn messages(value: &str) -> Result<u32, String> {
    match value.parse::<u32>() {
        Ok(count) if (1..=10_000).contains(&count) => Ok(count),
        _ => Err("must be a whole number, 1 to 10000".to_owned()),
    }
}
