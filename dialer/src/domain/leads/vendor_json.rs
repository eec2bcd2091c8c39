//! The field `formattedJson` of a lead: text that contains the lead in the vendor's JSON format. The desktop client
//! displays it.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::to_json::{number, text};

/// Fields in the order in which the legacy server returned them. Flags are the strings `true` and `false`. The
/// exception is `has_medicare_parts_a_b`, which is the JSON value `true` or an empty string. Specified by `C-3.2-12` in
/// `tests/contract/rows.toml`.
#[derive(Debug, Serialize)]
struct VendorJson {
    created_at: String,
    purchase_id: String,
    product: String,
    lead_id: String,
    vendor_id: String,
    vendor_name: String,
    vertical_id: String,
    account_id: String,
    account_name: String,
    campaign_id: String,
    campaign_name: String,
    bid_type: String,
    first_name: String,
    last_name: String,
    phone: String,
    street_1: String,
    street_2: String,
    email: String,
    city: String,
    state: String,
    zipcode: String,
    dob: String,
    gender: String,
    height: String,
    household_size: String,
    household_income: String,
    weight: String,
    military: &'static str,
    pregnant: &'static str,
    tobacco_user: &'static str,
    has_prescription: &'static str,
    has_medicare_parts_a_b: Value,
    has_medical_condition: &'static str,
    medical_conditions: Value,
    insurance_timeframe: String,
    price: Value,
    status: String,
    disposition: String,
    call_log_id: String,
    call_duration: String,
    source_hash: String,
    sub_id_hash: String,
}

/// Returns the lead in the vendor's JSON format, indented by two spaces.
pub fn formatted(lead: &Map<String, Value>) -> String {
    // All values are JSON values, so serialising cannot fail.
    serde_json::to_string_pretty(&of(lead)).unwrap_or_default()
}

fn of(lead: &Map<String, Value>) -> VendorJson {
    let t = |name: &str| text(lead, name);
    let flag = |name: &str| match lead.get(name) {
        Some(Value::Bool(true)) => "true",
        _ => "false",
    };
    let product = t("product");
    VendorJson {
        created_at: t("createdAt"),
        purchase_id: t("purchaseId"),
        product: if product.is_empty() {
            "data".to_owned()
        } else {
            product
        },
        lead_id: t("leadId"),
        vendor_id: t("vendorId"),
        vendor_name: t("vendorName"),
        vertical_id: t("verticalId"),
        account_id: t("accountId"),
        account_name: t("accountName"),
        campaign_id: t("campaignId"),
        campaign_name: t("campaignName"),
        bid_type: t("bidType"),
        first_name: t("firstName"),
        last_name: t("lastName"),
        phone: t("phone"),
        street_1: t("street1"),
        street_2: t("street2"),
        email: t("email"),
        city: t("city"),
        state: t("state"),
        zipcode: t("zipcode"),
        dob: t("dob"),
        gender: t("gender"),
        height: t("height"),
        household_size: t("householdSize"),
        household_income: t("householdIncome"),
        weight: t("weight"),
        military: flag("military"),
        pregnant: flag("pregnant"),
        tobacco_user: flag("tobaccoUser"),
        has_prescription: flag("hasPrescription"),
        has_medicare_parts_a_b: match lead.get("hasMedicarePartsAB") {
            Some(Value::Bool(true)) => Value::Bool(true),
            _ => Value::String(String::new()),
        },
        has_medical_condition: flag("hasMedicalCondition"),
        medical_conditions: match lead.get("medicalConditions") {
            Some(Value::Array(items)) => Value::Array(items.clone()),
            _ => Value::String("[]".to_owned()),
        },
        insurance_timeframe: t("insuranceTimeframe"),
        price: price(lead.get("price")),
        status: t("status"),
        disposition: t("disposition"),
        call_log_id: t("callLogId"),
        call_duration: t("callDuration"),
        source_hash: t("sourceHash"),
        sub_id_hash: t("subIdHash"),
    }
}

/// Returns the price as a JSON number. A price that is stored as text is converted. Missing or invalid prices become 0.
fn price(stored: Option<&Value>) -> Value {
    match stored {
        Some(Value::Number(number)) => Value::Number(number.clone()),
        Some(Value::String(text)) => {
            let amount: Option<f64> = text.trim().trim_start_matches('$').parse().ok();
            amount.map_or_else(|| 0.into(), number)
        }
        _ => 0.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of_json(lead: &Value) -> Value {
        serde_json::from_str(&formatted(lead.as_object().unwrap())).unwrap()
    }

    #[test]
    fn an_empty_lead_has_every_key_in_order() {
        let text = formatted(&Map::new());
        assert!(text.starts_with(
            "{\n  \"created_at\": \"\",\n  \"purchase_id\": \"\",\n  \"product\": \"data\","
        ));
        assert!(text.ends_with("\"sub_id_hash\": \"\"\n}"));
        let made = of_json(&json!({}));
        assert_eq!(made.as_object().unwrap().len(), 42);
        assert_eq!(made["military"], "false");
        assert_eq!(made["has_medicare_parts_a_b"], "");
        assert_eq!(made["medical_conditions"], "[]");
        assert_eq!(made["price"], 0);
    }

    #[test]
    fn flags_are_text_but_one_and_prices_of_both_servers_are_numbers() {
        let made = of_json(&json!({
            "military": true, "hasMedicarePartsAB": true, "medicalConditions": ["asthma"], "price": "$12.50",
            "hasPrescription": "true",
        }));
        assert_eq!(made["military"], "true");
        assert_eq!(made["has_medicare_parts_a_b"], true);
        assert_eq!(made["medical_conditions"], json!(["asthma"]));
        assert_eq!(made["price"], 12.5);
        assert_eq!(made["has_prescription"], "false");
        assert_eq!(of_json(&json!({ "price": 3 }))["price"], 3);
        assert_eq!(of_json(&json!({ "price": "3.00" }))["price"], 3);
        assert_eq!(of_json(&json!({ "price": "free" }))["price"], 0);
    }
}
