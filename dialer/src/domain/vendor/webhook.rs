//! Parsing of the vendor's webhook message. Parsing is lenient: numbers are accepted in place of text, null and empty
//! text count as absent, and invalid values are ignored, usually with a warning. A lead is only rejected if it has
//! neither an id nor a phone number nor an e-mail address. Specified by `C-5.1-*` in `tests/contract/rows.toml`.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::lead::{Field, FieldWarning, VendorLead};
use super::price::Cents;
use super::product::Product;
use crate::domain::email;

/// Maximum length of a field, and of each medical condition in an array, in characters. Longer fields are ignored with
/// a warning, longer conditions without one.
const MAX_LENGTH: usize = 500;

/// Maximum number of medical conditions per lead. Further conditions are ignored.
const MAX_ITEMS: usize = 50;

/// Text fields about the person: the name in the vendor's message, and the name in the collection `leads`.
const PERSON: [(&str, &str); 10] = [
    ("first_name", "firstName"),
    ("last_name", "lastName"),
    ("city", "city"),
    ("zip_code", "zipcode"),
    ("street_address", "street1"),
    ("weight", "weight"),
    ("household_size", "householdSize"),
    ("household_income", "householdIncome"),
    ("insurance_timeframe", "insuranceTimeframe"),
    ("street_2", "street2"),
];

const FLAGS: [(&str, &str); 6] = [
    ("military", "military"),
    ("tobacco_user", "tobaccoUser"),
    ("pregnant", "pregnant"),
    ("has_prescription", "hasPrescription"),
    ("has_medicare_parts_ab", "hasMedicarePartsAB"),
    ("has_medical_condition", "hasMedicalCondition"),
];

/// Text fields about the purchase: the name in the vendor's message, and the name in the collection `leads`.
const PURCHASE: [(&str, &str); 9] = [
    ("campaign_name", "campaignName"),
    ("vendor_name", "vendorName"),
    ("account_name", "accountName"),
    ("bid_type", "bidType"),
    ("call_log_id", "callLogId"),
    ("call_duration", "callDuration"),
    ("source_hash", "sourceHash"),
    ("source_hash", "sourceCode"),
    ("sub_id_hash", "subIdHash"),
];

/// Parses a webhook message. Returns the lead, and warnings about values that were ignored. The lead is `None` if it
/// has neither an id nor a phone number nor an e-mail address.
pub fn parse(body: &Map<String, Value>) -> (Option<VendorLead>, Vec<FieldWarning>) {
    let mut reader = Reader {
        body,
        warnings: Vec::new(),
    };
    let lead = reader.lead();
    let reachable = lead.vendor_id.is_some() || lead.phone.is_some() || lead.email.is_some();
    (reachable.then_some(lead), reader.warnings)
}

struct Reader<'a> {
    body: &'a Map<String, Value>,
    warnings: Vec<FieldWarning>,
}

impl Reader<'_> {
    fn lead(&mut self) -> VendorLead {
        let product = self
            .text("product")
            .map_or(Product::Data, |p| Product::of(&p));
        let price = self.text("price").and_then(|text| {
            let price = Cents::parse(&text);
            self.unless(price.is_some(), "price", "is no amount of money");
            price
        });
        VendorLead {
            vendor_id: self.first(&["nextgen_id", "lead_id"]),
            phone: self.first(&["phone", "phone_number"]),
            email: self.email(),
            product,
            price,
            bought_at: self.bought_at(),
            person: self.person(),
            purchase: self.purchase(),
        }
    }

    fn person(&mut self) -> Vec<(&'static str, Field)> {
        let mut person = Vec::new();
        for (theirs, ours) in PERSON {
            person.extend(self.text(theirs).map(|text| (ours, Field::Text(text))));
        }
        let part = |field: &str| {
            let found = person.iter().find(|(f, _)| *f == field);
            match found {
                Some((_, Field::Text(text))) => text.clone(),
                _ => String::new(),
            }
        };
        let name = format!("{} {}", part("firstName"), part("lastName"));
        if !name.trim().is_empty() {
            person.push(("name", Field::Text(name.trim().to_owned())));
        }
        let derived = [
            ("dob", self.first(&["dob", "date_of_birth"])),
            ("state", self.state()),
            ("gender", self.gender()),
            ("height", self.text("height").map(|text| height(&text))),
        ];
        for (ours, text) in derived {
            person.extend(text.map(|text| (ours, Field::Text(text))));
        }
        for (theirs, ours) in FLAGS {
            person.extend(self.flag(theirs).map(|flag| (ours, Field::Flag(flag))));
        }
        let conditions = self.list("medical_conditions");
        if !conditions.is_empty() {
            person.push(("medicalConditions", Field::List(conditions)));
        }
        person
    }

    fn purchase(&mut self) -> Vec<(&'static str, String)> {
        let mut purchase = Vec::new();
        for (theirs, ours) in PURCHASE {
            purchase.extend(self.text(theirs).map(|text| (ours, text)));
        }
        purchase
    }

    /// Reads a field that may be text or a number, and returns it as trimmed text. Returns `None` if it is absent,
    /// null, empty or invalid. Invalid values also cause a warning.
    fn text(&mut self, field: &str) -> Option<String> {
        let text = match self.body.get(field)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Null => return None,
            _ => {
                self.unless(false, field, "must be text");
                return None;
            }
        };
        let short = text.chars().count() <= MAX_LENGTH;
        self.unless(short, field, "is too long");
        (short && !text.is_empty()).then_some(text)
    }

    fn first(&mut self, fields: &[&str]) -> Option<String> {
        fields.iter().find_map(|field| self.text(field))
    }

    fn email(&mut self) -> Option<String> {
        let address = email::normalise(&self.text("email")?);
        let good = email::check(&address).is_ok();
        self.unless(good, "email", "is no e-mail address");
        good.then_some(address)
    }

    fn state(&mut self) -> Option<String> {
        let state = self.text("state")?.to_uppercase();
        let good = state.len() == 2 && state.bytes().all(|b| b.is_ascii_uppercase());
        self.unless(good, "state", "must be two letters");
        good.then_some(state)
    }

    fn gender(&mut self) -> Option<String> {
        let text = self.text("gender")?.to_lowercase();
        let gender = match text.chars().next() {
            Some('m') => Some("Male"),
            Some('f') => Some("Female"),
            _ => None,
        };
        self.unless(gender.is_some(), "gender", "begins with neither m nor f");
        gender.map(str::to_owned)
    }

    fn flag(&mut self, field: &str) -> Option<bool> {
        if let Some(Value::Bool(flag)) = self.body.get(field) {
            return Some(*flag);
        }
        let text = self.text(field)?.to_lowercase();
        match text.as_str() {
            "true" | "yes" | "1" | "t" | "y" => Some(true),
            "false" | "no" | "0" | "f" | "n" => Some(false),
            _ => {
                self.unless(false, field, "must be true or false");
                None
            }
        }
    }

    /// Reads a field that may be an array of strings or one comma-separated string.
    fn list(&mut self, field: &str) -> Vec<String> {
        let items: Vec<String> = match self.body.get(field) {
            Some(Value::Array(items)) => items
                .iter()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect(),
            _ => {
                let text = self.text(field).unwrap_or_default();
                text.split(',').map(str::to_owned).collect()
            }
        };
        let items = items
            .iter()
            .map(|item| item.trim())
            .filter(|item| !item.is_empty() && item.chars().count() <= MAX_LENGTH);
        items.take(MAX_ITEMS).map(str::to_owned).collect()
    }

    /// Reads the time of purchase. A time without a time zone is interpreted as UTC.
    fn bought_at(&mut self) -> Option<Timestamp> {
        for field in ["created_at", "created", "order_time"] {
            let Some(text) = self.text(field) else {
                continue;
            };
            let local = || {
                let local: DateTime = text.parse().ok()?;
                Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
            };
            let at = text.parse().ok().or_else(local);
            self.unless(at.is_some(), field, "is no date and time");
            if at.is_some() {
                return at;
            }
        }
        None
    }

    fn unless(&mut self, good: bool, field: &str, message: &str) {
        if !good {
            self.warnings.push(FieldWarning {
                field: field.to_owned(),
                message: message.to_owned(),
            });
        }
    }
}

/// Converts a height in inches (12 to 107) to feet and inches, such as `5'10"`. Other text is unchanged.
fn height(text: &str) -> String {
    match text.parse::<u32>() {
        Ok(inches @ 12..=107) => format!("{}'{}\"", inches / 12, inches % 12),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(body: &Value) -> (Option<VendorLead>, Vec<FieldWarning>) {
        parse(body.as_object().unwrap())
    }

    fn person<'a>(lead: &'a VendorLead, field: &str) -> Option<&'a Field> {
        lead.person
            .iter()
            .find(|(f, _)| *f == field)
            .map(|(_, v)| v)
    }

    fn text(text: &str) -> Field {
        Field::Text(text.to_owned())
    }

    #[test]
    fn a_message_is_read_whatever_types_it_has() {
        let (lead, warnings) = read(&json!({
            "lead_id": 77, "first_name": " Ann ", "last_name": "Lee", "email": "", "phone_number": 5550123456_i64,
            "state": "tx", "zip_code": 7001, "gender": "f", "height": "70", "tobacco_user": "yes", "price": "12.50",
            "product": "AD", "medical_conditions": ["asthma", ""], "source_hash": "h", "age": 40, "dob": null,
            "created_at": "2025-07-21T10:00:00Z", "unknown": { "x": 1 },
        }));
        let lead = lead.unwrap();
        assert_eq!(warnings, []);
        assert_eq!(lead.vendor_id.as_deref(), Some("77"));
        assert_eq!(lead.phone.as_deref(), Some("5550123456"));
        assert_eq!((lead.email.clone(), lead.product), (None, Product::Ad));
        assert_eq!(lead.price, Cents::parse("12.5"));
        assert_eq!(lead.bought_at.unwrap().to_string(), "2025-07-21T10:00:00Z");
        for (field, value) in [
            ("name", text("Ann Lee")),
            ("state", text("TX")),
            ("zipcode", text("7001")),
            ("gender", text("Female")),
            ("height", text("5'10\"")),
            ("tobaccoUser", Field::Flag(true)),
            ("medicalConditions", Field::List(vec!["asthma".to_owned()])),
        ] {
            assert_eq!(person(&lead, field), Some(&value), "{field}");
        }
        assert_eq!(
            lead.purchase,
            [
                ("sourceHash", "h".to_owned()),
                ("sourceCode", "h".to_owned())
            ]
        );
    }

    #[test]
    fn what_is_not_usable_is_left_out_and_told() {
        let (lead, warnings) = read(&json!({
            "lead_id": "a", "email": "nobody", "state": "Texas", "gender": "x", "price": "free", "city": ["x"],
            "pregnant": "maybe", "created_at": "yesterday", "first_name": "x".repeat(501),
        }));
        let told: Vec<&str> = warnings.iter().map(|w| w.field.as_str()).collect();
        assert_eq!(
            told,
            [
                "price",
                "email",
                "created_at",
                "first_name",
                "city",
                "state",
                "gender",
                "pregnant"
            ]
        );
        let lead = lead.unwrap();
        assert_eq!((lead.email, lead.price, lead.person.len()), (None, None, 0));
    }

    #[test]
    fn only_a_lead_that_nobody_could_be_reached_by_is_refused() {
        for (body, taken) in [
            (json!({ "product": "ad", "price": 3 }), false),
            (
                json!({ "phone": "", "email": null, "first_name": "Ann" }),
                false,
            ),
            (json!({ "nextgen_id": "n" }), true),
            (json!({ "email": "a@b" }), true),
            (json!({ "phone": "12" }), true),
        ] {
            assert_eq!(read(&body).0.is_some(), taken, "{body}");
        }
    }

    #[test]
    fn inches_are_read_and_nothing_else() {
        for (given, shown) in [
            ("70", "5'10\""),
            ("5'10\"", "5'10\""),
            ("510", "510"),
            ("1.8 m", "1.8 m"),
        ] {
            assert_eq!(height(given), shown);
        }
    }

    proptest! {
        #[test]
        fn any_body_is_read(fields in proptest::collection::btree_map(
            "(lead_id|phone|email|price|height|state|created_at|medical_conditions|pregnant)", "\\PC{0,12}", 0..8
        )) {
            let body: Map<String, Value> = fields.into_iter().map(|(k, v)| (k, v.into())).collect();
            let (lead, _) = parse(&body);
            if let Some(lead) = lead {
                prop_assert!(lead.vendor_id.is_some() || lead.phone.is_some() || lead.email.is_some());
            }
        }
    }
}
